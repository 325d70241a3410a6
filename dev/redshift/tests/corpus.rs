//! Statements that the guide shows, or that AWS's own tools send, and statements that only `PostgreSQL` takes. A unit test of
//! the dialect goes through the second; here the first are executed.

use redshift_stand_in::dialect::split;

use crate::support::{admin, code, message, run, start};

fn statements(corpus: &str) -> Vec<&str> {
    split(corpus).unwrap().into_iter().map(|span| &corpus[span]).collect()
}

#[tokio::test]
async fn documented_statements_pass_in_every_corner_of_the_guide() {
    let stand_in = start().await;
    let mut refused = Vec::new();
    for corpus in [
        include_str!("corpus/accepted/accounts.sql"),
        include_str!("corpus/accepted/grants.sql"),
        include_str!("corpus/accepted/names.sql"),
        include_str!("corpus/accepted/procedures.sql"),
        include_str!("corpus/accepted/queries.sql"),
        include_str!("corpus/accepted/tables.sql"),
        include_str!("corpus/accepted/views.sql"),
    ] {
        let client = admin(&stand_in, "dev").await;
        for text in statements(corpus) {
            if let Err(error) = client.batch_execute(text).await {
                refused.push(format!(
                    "{text}: {}",
                    error.as_db_error().map_or_else(|| error.to_string(), ToString::to_string)
                ));
            }
        }
        // The next begins with the same names.
        run(&client, &["DROP SCHEMA IF EXISTS s CASCADE"]).await;
    }
    assert_eq!(refused, [""; 0]);
}

#[tokio::test]
async fn what_it_can_not_show_it_says() {
    let stand_in = start().await;
    let client = admin(&stand_in, "dev").await;
    let statements = statements(include_str!("corpus/beyond.sql"));
    run(&client, &statements[..2]).await;
    for text in &statements[2..] {
        assert_eq!(code(&client, text).await, "0A000", "{text}");
        assert!(message(&client, text).await.contains("the stand-in can't show"), "{text}");
    }
}
