//! COPY and UNLOAD read and write objects of Amazon S3 and its kind, never files of the server or of the client.
//! <https://docs.aws.amazon.com/redshift/latest/dg/r_COPY.html>,
//! <https://docs.aws.amazon.com/redshift/latest/dg/r_UNLOAD.html>

use super::super::tokens::Kind;
use super::{Refusal, Statement, UNSUPPORTED};

/// Starts of what COPY reads from; a host is named by a manifest in S3.
/// <https://docs.aws.amazon.com/redshift/latest/dg/copy-parameters-data-source.html>
const SOURCES: &[&str] = &["s3://", "emr://", "dynamodb://"];

/// Said before the form is looked for: elsewhere the rows aren't to be had, whatever else is written behind it.
pub(super) fn find(statement: &Statement<'_>) -> Option<Refusal> {
    copy(statement).or_else(|| unload(statement))
}

fn copy(statement: &Statement<'_>) -> Option<Refusal> {
    let from = statement.starts_with(&["COPY"]).then(|| behind_the_table(statement))??;
    let token = statement.tokens.get(from + 1).filter(|_| statement.is(from, "FROM"))?;
    let refuse = |sqlstate, message: String| Some(Refusal::new(sqlstate, message, "r_COPY"));
    let Some(source) = token.literal() else {
        return refuse(UNSUPPORTED, format!("COPY from {} is not supported: it reads from Amazon S3", token.text));
    };
    if SOURCES.iter().any(|start| source.starts_with(start)) {
        return None;
    }
    refuse("XX000", "CREDENTIALS argument is not supported when loading from file system".to_owned())
}

/// Where the table and its list of columns end.
fn behind_the_table(statement: &Statement<'_>) -> Option<usize> {
    let mut at = 2;
    while statement.is(at, ".") {
        at += 2;
    }
    if statement.is(at, "(") {
        at = statement.closing(at)? + 1;
    }
    Some(at)
}

fn unload(statement: &Statement<'_>) -> Option<Refusal> {
    let to = statement.starts_with(&["UNLOAD"]).then(|| statement.closing(1))?? + 1;
    let target = statement.tokens.get(to + 1).filter(|token| statement.is(to, "TO") && token.kind == Kind::Text)?;
    let is_s3 = target.literal().is_some_and(|target| target.starts_with("s3://"));
    (!is_s3).then(|| Refusal::new(UNSUPPORTED, "UNLOAD writes to Amazon S3", "r_UNLOAD"))
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
            "UNLOAD ('SELECT 1') TO STDOUT",
            "LOAD 'auto_explain'",
            "CREATE FUNCTION f() RETURNS INTEGER IMMUTABLE AS '/lib/x.so', 'f' LANGUAGE C",
            "CREATE FUNCTION f() RETURNS VARCHAR IMMUTABLE AS '/lib/x.so' LANGUAGE 'c'",
            "CREATE FUNCTION f() RETURNS VARCHAR VOLATILE AS 'COPY t TO ''/tmp/x''' LANGUAGE sql",
            "CREATE FUNCTION f() RETURNS VARCHAR VOLATILE AS $q$ COPY t TO '/tmp/x' $q$ LANGUAGE sql",
            "CREATE FUNCTION f() RETURNS VARCHAR VOLATILE AS $$ SELECT 'a'; COPY t TO '/tmp/x' $$ LANGUAGE sql",
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
