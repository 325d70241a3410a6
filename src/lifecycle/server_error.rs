//! What a server's error means: told from its code and its text, since Redshift gives `XX000` to nearly everything.

use super::Category;

/// An error as a server sends it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct ServerError<'a> {
    /// Its SQLSTATE.
    pub sqlstate: &'a str,
    /// Its message; on Redshift sometimes a number alone.
    pub message: &'a str,
    /// Its DETAIL: often many lines, with query ids, process ids and source files.
    pub detail: &'a str,
}

/// A kind of error that is known.
#[derive(Clone, Copy, Debug)]
pub struct Known {
    /// How its code begins.
    pub sqlstate: &'static str,
    /// What its message, or its DETAIL, contains, in small letters.
    pub text: &'static str,
    /// Whether waiting helps.
    pub category: Category,
}

const fn passing(sqlstate: &'static str, text: &'static str) -> Known {
    Known { sqlstate, text, category: Category::Transient }
}

const fn lasting(sqlstate: &'static str, text: &'static str) -> Known {
    Known { sqlstate, text, category: Category::Permanent }
}

/// The kinds of error that are known; the first that fits counts. The texts are real servers', as people have posted
/// them: aws-sdk-pandas#665 (1023), dbt-adapters#626 (concurrent transaction), sqlalchemy-redshift#289 and #104 (OIDs,
/// tuples), aleph#64, dbt-core#1305, redshift-utils#174 (cancelled), `fivetran/dbt_zendesk#76` (WLM),
/// aws-lambda-redshift-loader#68 (abort), spark-redshift#348 (disk), metabase#18834 (memory), teleport#43335 (deadlock),
/// brainly#139 (`pg_defacl`), dbeaver#1661 (aborted), redshift-utils#620 (DROP USER), python-driver#247 (datashares).
pub const KNOWN: &[Known] = &[
    // Others' transactions.
    passing("40001", ""),
    passing("40P01", ""),
    passing("", "serializable isolation violation"),
    passing("", "conflict with concurrent transaction"),
    passing("", "dropped by concurrent transaction"),
    passing("", "deadlock detected"),
    passing("23505", "unique constraint pg_"),
    passing("25P02", ""),
    passing("55P03", ""),
    // What was read was dropped meanwhile.
    passing("", "could not open relation with oid"),
    passing("", "relation with oid"),
    passing("", "could not find tuple for"),
    passing("", "cache lookup failed"),
    passing("", "1018 relation does not exist"),
    // No resources, or somebody ended it.
    passing("53", ""),
    passing("57", ""),
    passing("58", ""),
    passing("08", ""),
    passing("", "connection limit"),
    passing("", "cancelled on user's request"),
    passing("", "canceled on user's request"),
    passing("", "wlm abort action"),
    passing("", "abort query"),
    passing("", "disk full"),
    passing("", "out of memory"),
    passing("", "retry later"),
    // A user who owns something, or has a privilege, stays so until somebody changes it.
    lasting("55006", "cannot be dropped because"),
    lasting("55006", "can't be dropped because"),
    // In use by others.
    passing("55006", ""),
];

impl ServerError<'_> {
    /// Whether waiting helps, if the error is one that is known.
    #[must_use]
    pub fn known(&self) -> Option<Category> {
        let said = format!("{} {}", self.message, self.detail).to_lowercase();
        let fits = |known: &&Known| self.sqlstate.starts_with(known.sqlstate) && said.contains(known.text);
        KNOWN.iter().find(fits).map(|known| known.category)
    }

    /// All that it says.
    #[must_use]
    pub fn whole(&self) -> String {
        format!("{} {} {}", self.sqlstate, self.message, self.detail)
    }

    /// What of it may stand in a status: on one line, and the same at each try.
    #[must_use]
    pub fn stable(&self) -> String {
        let is_number = !self.message.is_empty() && self.message.bytes().all(|byte| byte.is_ascii_digit());
        if is_number && !self.detail.is_empty() {
            return format!("{}: {}", self.message, without_ids(first_line(self.detail)));
        }
        without_ids(first_line(self.message))
    }
}

fn first_line(text: &str) -> &str {
    let line = text.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or_default();
    // The query editor's and the Data API's.
    line.split(" [ErrorId:").next().unwrap_or(line)
}

/// Shortest number that is taken for an id: of a query, a process, a transaction or a table.
const SHORTEST_ID: usize = 4;

/// The text without the numbers that are others at the next try. What stands in quotes is a name.
fn without_ids(text: &str) -> String {
    let mut plain = String::new();
    let mut digits = String::new();
    let (mut quoted, mut before) = (false, ' ');
    for character in text.chars().chain(['\0']) {
        if character.is_ascii_digit() {
            digits.push(character);
            continue;
        }
        if !digits.is_empty() {
            let is_part = |next_to: char| next_to.is_alphanumeric() || next_to == '_';
            let is_id = !quoted && digits.len() >= SHORTEST_ID && !is_part(before) && !is_part(character);
            plain.push_str(if is_id { "…" } else { &digits });
            digits.clear();
        }
        quoted ^= character == '"';
        before = character;
        if character != '\0' {
            plain.push(character);
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error<'a>(sqlstate: &'a str, message: &'a str, detail: &'a str) -> ServerError<'a> {
        ServerError { sqlstate, message, detail }
    }

    #[test]
    fn what_changes_from_try_to_try_is_left_out() {
        for (first, second, shown) in [
            ("could not open relation with OID 5847129", "could not open relation with OID 99", None),
            (
                "Query (4777555) cancelled on user's request",
                "Query (4777556) cancelled on user's request",
                Some("Query (…) cancelled on user's request"),
            ),
            (
                "table 6616765 dropped by concurrent transaction",
                "table 1234567 dropped by concurrent transaction",
                Some("table … dropped by concurrent transaction"),
            ),
            ("no [ErrorId: 1-656a]", "no [ErrorId: 1-77b1]", Some("no")),
            ("abort query\ncode: 1020 pid=13787", "abort query\ncode: 1020 pid=1", Some("abort query")),
        ] {
            let stable = |text| error("XX000", text, "").stable();
            match shown {
                Some(shown) => assert_eq!((stable(first).as_str(), stable(second).as_str()), (shown, shown)),
                None => assert_eq!(stable(first), "could not open relation with OID …"),
            }
        }
    }

    #[test]
    fn names_keep_their_numbers() {
        for text in [
            "user \"x12345\" does not exist",
            "relation sales_20240101 does not exist",
            "connection limit \"5000\" exceeded for non-bootstrap users",
        ] {
            assert_eq!(error("XX000", text, "").stable(), text);
        }
    }

    #[test]
    fn a_number_alone_is_explained_by_its_detail() {
        let detail = "Serializable isolation violation on table - 119371, transactions forming the cycle are: 1745830, \
                      1745762 (pid:15021)";
        let error = error("XX000", "1023", detail);
        assert_eq!(
            error.stable(),
            "1023: Serializable isolation violation on table - …, transactions forming the cycle are: …, … (pid:…)"
        );
        assert_eq!(error.known(), Some(Category::Transient));
    }

    #[test]
    fn a_user_that_has_ties_is_no_database_in_use() {
        let known = |text| error("55006", text, "").known();
        assert_eq!(known("database \"x\" is being accessed by other users"), Some(Category::Transient));
        let tie = "user \"x\" cannot be dropped because the user has a privilege on some object";
        assert_eq!(known(tie), Some(Category::Permanent));
    }

    #[test]
    fn what_is_not_known_is_not_guessed() {
        assert_eq!(error("XX000", "whatever", "").known(), None);
        assert_eq!(error("42501", "permission denied for database XYZ", "").known(), None);
    }
}
