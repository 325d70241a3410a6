//! COPY and UNLOAD read and write objects of Amazon S3 and its kind, never files of the server or of the client.
//! <https://docs.aws.amazon.com/redshift/latest/dg/r_COPY.html>,
//! <https://docs.aws.amazon.com/redshift/latest/dg/r_UNLOAD.html>

use super::super::tokens::{Kind, Token};
use super::{Refusal, SYNTAX, Statement, UNSUPPORTED};

/// Starts of what COPY reads from. <https://docs.aws.amazon.com/redshift/latest/dg/copy-parameters-data-source.html>
const SOURCES: &[&str] = &["s3://", "emr://", "dynamodb://"];

pub(super) fn find(statement: &Statement<'_>) -> Option<Refusal> {
    copy(statement).or_else(|| unload(statement)).or_else(|| load(statement))
}

/// From elsewhere the rows aren't to be had: what is taken is journalled.
fn copy(statement: &Statement<'_>) -> Option<Refusal> {
    if !statement.starts_with(&["COPY"]) {
        return None;
    }
    let refuse = |sqlstate, message: String| Some(Refusal::new(sqlstate, message, "r_COPY"));
    let Some(from) = behind_the_table(statement).filter(|at| statement.tokens[*at].is("FROM")) else {
        let near = behind_the_table(statement).map(|at| statement.tokens[at].text.clone());
        let near = near.map_or("at end of input".to_owned(), |near| format!("at or near \"{near}\""));
        return refuse(SYNTAX, format!("syntax error {near}"));
    };
    let Some(source) = statement.tokens.get(from + 1).filter(|token| token.kind == Kind::Text) else {
        let what = statement.tokens.get(from + 1).map(|token| token.text.clone()).unwrap_or_default();
        return refuse(UNSUPPORTED, format!("COPY from {what} is not supported: it reads from Amazon S3"));
    };
    let source = source.literal().unwrap_or_default();
    if SOURCES.iter().any(|start| source.starts_with(start)) {
        return None;
    }
    // A host is read through a manifest in S3; a path of the server isn't read at all.
    refuse("XX000", "CREDENTIALS argument is not supported when loading from file system".to_owned())
}

/// Where the table and its list of columns end.
fn behind_the_table(statement: &Statement<'_>) -> Option<usize> {
    let mut at = 2;
    while statement.tokens.get(at)?.is(".") {
        at += 2;
    }
    if statement.tokens.get(at)?.is("(") {
        at = statement.closing(at)? + 1;
    }
    statement.tokens.get(at).map(|_| at)
}

fn unload(statement: &Statement<'_>) -> Option<Refusal> {
    if !statement.starts_with(&["UNLOAD"]) {
        return None;
    }
    let target = statement.find(&[")", "TO"]).and_then(|at| statement.tokens.get(at + 2)?.literal());
    match target {
        Some(target) if target.starts_with("s3://") => None,
        Some(_) => Some(Refusal::new(UNSUPPORTED, "UNLOAD writes to Amazon S3", "r_UNLOAD")),
        None => Some(Refusal::new(SYNTAX, "syntax error: UNLOAD ('query') TO 's3://…'", "r_UNLOAD")),
    }
}

/// A function is an expression in SQL, or is written in Python; nothing loads a library of the server's.
/// <https://docs.aws.amazon.com/redshift/latest/dg/r_CREATE_FUNCTION.html>
fn load(statement: &Statement<'_>) -> Option<Refusal> {
    let of_function = statement.starts_with(&["CREATE"]) && statement.find(&["FUNCTION"]).is_some_and(|at| at <= 3);
    let at = statement.find(&["LANGUAGE"]).filter(|_| of_function)? + 1;
    let language = statement.name(at).or_else(|| statement.tokens.get(at)?.literal())?.to_lowercase();
    let refuse = |sqlstate, message: String| Some(Refusal::new(sqlstate, message, "r_CREATE_FUNCTION"));
    if ["c", "internal"].contains(&language.as_str()) {
        return refuse("42704", format!("language \"{language}\" does not exist"));
    }
    let copies = |token: &Token| {
        let body = match token.kind {
            Kind::Text => token.literal(),
            Kind::Dollar => Some(token.text.clone()),
            _ => None,
        };
        body.is_some_and(|body| body.to_uppercase().contains("COPY"))
    };
    if language == "sql" && statement.tokens.iter().any(copies) {
        return refuse(UNSUPPORTED, "a SQL function is one expression: it has no COPY".to_owned());
    }
    None
}

#[cfg(test)]
mod tests {
    use super::super::super::tests::superuser;
    use super::super::super::{Verdict, judge};

    #[test]
    fn no_file_and_no_stream_of_the_client_is_copied() {
        for text in [
            "COPY t FROM STDIN",
            "COPY t FROM '/etc/passwd'",
            "COPY s.t (a, b) FROM '/etc/passwd' CSV",
            "COPY t FROM PROGRAM 'id'",
            "COPY t TO STDOUT",
            "COPY (SELECT 1) TO STDOUT",
            "COPY t TO '/tmp/x'",
            "COPY t TO PROGRAM 'cat'",
            "COPY t",
            "COPY",
            "UNLOAD ('SELECT 1') TO '/tmp/x'",
            "UNLOAD",
            "LOAD 'auto_explain'",
            "CREATE FUNCTION f() RETURNS INTEGER IMMUTABLE AS '/lib/x.so', 'f' LANGUAGE C",
            "CREATE FUNCTION f() RETURNS VOID VOLATILE AS 'COPY t TO ''/tmp/x''' LANGUAGE sql",
            "CREATE OR REPLACE FUNCTION f(TEXT) RETURNS TEXT VOLATILE AS 'pg_read_file_all' LANGUAGE 'internal'",
        ] {
            assert!(matches!(judge(text, &superuser()), Verdict::Refuse(_)), "{text}");
        }
    }

    #[test]
    fn what_comes_from_s3_and_goes_there_is_journalled() {
        for text in [
            "COPY s.t (a, b) FROM 's3://bucket/prefix' IAM_ROLE DEFAULT FORMAT AS PARQUET",
            "UNLOAD ('SELECT * FROM t') TO 's3://bucket/prefix' IAM_ROLE DEFAULT",
        ] {
            let Verdict::Rewrite { notes, .. } = judge(text, &superuser()) else { panic!("{text}") };
            assert_eq!(notes, [format!("not done: {text}")]);
        }
    }
}
