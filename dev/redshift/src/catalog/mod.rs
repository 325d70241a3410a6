//! Redshift's catalogue, as SQL for `PostgreSQL`.

use crate::dialect::SYSTEM_PRIVILEGES;

/// What is made in every database.
pub const IN_EVERY_DATABASE: &str = concat!(
    include_str!("functions.sql"),
    include_str!("identities.sql"),
    include_str!("objects.sql"),
    include_str!("postgres8.sql"),
    include_str!("privileges.sql"),
    include_str!("scoped.sql"),
    include_str!("elsewhere.sql"),
    include_str!("late.sql"),
    include_str!("views.sql"),
    include_str!("tables.sql"),
    include_str!("policies.sql"),
    include_str!("discovery.sql"),
    include_str!("scalars.sql"),
    include_str!("windows.sql"),
    include_str!("activity.sql"),
    include_str!("questions.sql"),
    include_str!("triggers.sql")
);

/// System roles and what they carry, as far as it is about users and roles.
/// <https://docs.aws.amazon.com/redshift/latest/dg/r_roles-default.html>
const SYSTEM_ROLES: [(&str, &[&str]); 5] = [
    ("sys:monitor", &["ACCESS SYSTEM TABLE"]),
    ("sys:operator", &["ACCESS CATALOG", "ACCESS SYSTEM TABLE", "CANCEL"]),
    ("sys:dba", &["CREATE SCHEMA", "DROP SCHEMA", "CREATE TABLE", "DROP TABLE", "ACCESS CATALOG"]),
    ("sys:secadmin", &["ACCESS CATALOG", "CREATE USER", "ALTER USER", "DROP USER", "CREATE ROLE", "DROP ROLE"]),
    ("sys:superuser", SYSTEM_PRIVILEGES),
];

/// What is made once, for all databases: a role for each system privilege, and the system roles.
#[must_use]
pub fn for_the_cluster() -> String {
    // What its own sessions do is done beside the clients' transactions, and sees what is there by then.
    let mut sql = "ALTER ROLE rdsdb SET default_transaction_isolation TO 'read committed';\n".to_owned();
    for privilege in SYSTEM_PRIVILEGES {
        sql.push_str(&format!("CREATE ROLE \"privilege:{privilege}\";\n"));
    }
    for (role, privileges) in SYSTEM_ROLES {
        // Their owner is the stand-in's own superuser.
        sql.push_str(&format!("CREATE ROLE \"{role}\"; COMMENT ON ROLE \"{role}\" IS 'role:10';\n"));
        for privilege in privileges {
            sql.push_str(&format!("GRANT \"privilege:{privilege}\" TO \"{role}\";\n"));
        }
    }
    sql
}
