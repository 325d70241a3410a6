//! What Redshift knows by name and doesn't have. Whatever else no form of a statement describes is a syntax error.

use super::{Refusal, Statement, UNSUPPORTED};

/// First words, the message, and the page. A `_` is any word.
#[rustfmt::skip]
const MISSING: &[(&[&str], &str, &str)] = &[
    (&["SAVEPOINT"], "SQL command \"SAVEPOINT\" not supported", "c_unsupported-postgresql-functions"),
    (&["RELEASE"], "SQL command \"RELEASE\" not supported", "c_unsupported-postgresql-functions"),
    (&["ROLLBACK", "TO"], "savepoints are not supported", "c_unsupported-postgresql-functions"),
    (&["LISTEN"], "SQL command \"LISTEN\" not supported", "c_SQL_commands"),
    (&["NOTIFY"], "SQL command \"NOTIFY\" not supported", "c_SQL_commands"),
    (&["CREATE", "INDEX"], "SQL command \"CREATE INDEX\" not supported on Redshift tables.", "c_unsupported-postgresql-features"),
    (&["CREATE", "UNIQUE", "INDEX"], "SQL command \"CREATE INDEX\" not supported on Redshift tables.", "c_unsupported-postgresql-features"),
    (&["CREATE", "TRIGGER"], "triggers are not supported", "c_unsupported-postgresql-features"),
    (&["CREATE", "SEQUENCE"], "sequences are not supported", "c_unsupported-postgresql-features"),
    (&["CREATE", "DOMAIN"], "domains are not supported", "c_unsupported-postgresql-features"),
    (&["CREATE", "TYPE"], "types are not supported", "c_unsupported-postgresql-features"),
    (&["CREATE", "RULE"], "rules are not supported", "c_unsupported-postgresql-features"),
    (&["CREATE", "AGGREGATE"], "aggregates are not supported", "c_unsupported-postgresql-features"),
    (&["CREATE", "EXTENSION"], "extensions are not supported", "c_unsupported-postgresql-features"),
    (&["CREATE", "TABLESPACE"], "tablespaces are not supported", "c_unsupported-postgresql-features"),
    (&["CREATE", "POLICY"], "use CREATE RLS POLICY", "r_CREATE_RLS_POLICY"),
];

pub(super) fn find(statement: &Statement<'_>) -> Option<Refusal> {
    let (_, message, page) = MISSING.iter().find(|(words, ..)| statement.starts_with(words))?;
    Some(Refusal::new(UNSUPPORTED, *message, page))
}

#[cfg(test)]
mod tests {
    use super::super::super::tests::superuser;
    use super::super::super::{Verdict, judge};
    use super::*;

    #[test]
    fn each_of_them_is_refused_in_its_own_words() {
        for (words, message, _) in MISSING {
            let Verdict::Refuse(refusal) = judge(&format!("{} x", words.join(" ")), &superuser()) else {
                panic!("{words:?}")
            };
            assert_eq!(refusal.message, *message);
        }
    }
}
