//! Users, groups and roles.

use redshift_stand_in::faults::{Action, Fault};

use crate::support::{admin, code, config, connect, message, rows, run, start, user, value};

#[tokio::test]
async fn a_role_has_an_owner_who_may_do_with_it_what_others_may_not() {
    let stand_in = start().await;
    let client = admin(&stand_in, "dev").await;
    let (owner, other) = (user(&stand_in, "owner", "dev").await, user(&stand_in, "other", "dev").await);
    run(&client, &["CREATE ROLE makers", "GRANT CREATE ROLE TO ROLE makers", "GRANT ROLE makers TO owner"]).await;
    run(&owner, &["CREATE ROLE r"]).await;
    assert_eq!(
        rows(&owner, "SELECT role_name, role_owner FROM svv_roles ORDER BY 1").await,
        ["makers|awsuser", "r|owner"]
    );
    assert_eq!(rows(&other, "SELECT role_name FROM svv_roles").await, [""; 0]);
    for denied in [
        "GRANT ROLE r TO other",
        "REVOKE ROLE r FROM owner",
        "ALTER ROLE r RENAME TO s",
        "ALTER ROLE r OWNER TO other",
        "DROP ROLE r",
    ] {
        assert_eq!(code(&other, denied).await, "42501", "{denied}");
    }
    assert_eq!(code(&owner, "ALTER ROLE r OWNER TO other").await, "42501");
    run(&owner, &["ALTER ROLE r RENAME TO renamed", "GRANT ROLE renamed TO other WITH ADMIN OPTION"]).await;
    assert_eq!(rows(&other, "SELECT role_name, admin_option FROM svv_user_grants").await, ["renamed|t"]);
    run(&client, &["CREATE USER third PASSWORD DISABLE"]).await;
    run(&other, &["GRANT ROLE renamed TO third"]).await;
    run(&client, &["REVOKE ADMIN OPTION FOR ROLE renamed FROM other"]).await;
    assert_eq!(code(&other, "REVOKE ROLE renamed FROM third").await, "42501");
    // A role isn't a user, and a user no role.
    assert_eq!(code(&client, "GRANT ROLE renamed TO makers").await, "42704");
    assert_eq!(code(&client, "GRANT ROLE renamed TO ROLE third").await, "42704");
    assert_eq!(code(&client, "GRANT CREATE ON DATABASE dev TO renamed").await, "42704");
    assert_eq!(code(&client, "GRANT CREATE ON DATABASE dev TO ROLE third").await, "42704");
    assert_eq!(code(&client, "DROP USER renamed").await, "42704");
    assert_eq!(code(&client, "DROP ROLE third").await, "42704");
    assert_eq!(code(&client, "GRANT ROLE owner TO third").await, "42704");
    run(&client, &["CREATE GROUP g WITH USER third"]).await;
    assert_eq!(rows(&client, "SELECT groname FROM pg_group").await, ["g"]);
    let roles = rows(&client, "SELECT role_name FROM svv_roles WHERE role_name NOT LIKE 'sys:%' ORDER BY 1").await;
    assert_eq!(roles, ["makers", "renamed"]);
    assert_eq!(
        rows(&client, "SELECT usename FROM pg_user ORDER BY 1").await,
        ["awsuser", "other", "owner", "rdsdb", "third"]
    );
    run(&client, &["ALTER ROLE renamed OWNER TO other"]).await;
    assert_eq!(code(&owner, "GRANT ROLE renamed TO third").await, "42501");
    // The owner of a role can't be dropped.
    assert_eq!(code(&client, "DROP USER other").await, "55006");
}

#[tokio::test]
async fn a_role_that_is_granted_or_holds_privileges_is_not_dropped() {
    let stand_in = start().await;
    let client = admin(&stand_in, "dev").await;
    run(&client, &["CREATE USER u PASSWORD DISABLE", "CREATE ROLE r", "CREATE ROLE s", "GRANT ROLE r TO u"]).await;
    assert_eq!(message(&client, "DROP ROLE r").await, "cannot drop this role since it has been granted on a user");
    run(&client, &["REVOKE ROLE r FROM u", "GRANT ROLE r TO ROLE s"]).await;
    assert_eq!(message(&client, "DROP ROLE r").await, "cannot drop this role since it depends on another role");
    assert_eq!(
        message(&client, "DROP ROLE s RESTRICT").await,
        "cannot drop this role since it depends on another role"
    );
    run(&client, &["CREATE TABLE t (a INTEGER)", "GRANT SELECT ON t TO ROLE r"]).await;
    let error = client.batch_execute("DROP ROLE r FORCE").await.unwrap_err();
    assert_eq!(error.code().unwrap().code(), "55006");
    assert!(error.as_db_error().unwrap().message().contains("cannot be dropped because"));
    run(&client, &["REVOKE SELECT ON t FROM ROLE r", "DROP ROLE r FORCE", "GRANT DROP ROLE TO ROLE s"]).await;
    // Whoever holds the system privilege may.
    let dropper = user(&stand_in, "dropper", "dev").await;
    run(&client, &["GRANT ROLE s TO dropper", "CREATE ROLE x"]).await;
    run(&dropper, &["DROP ROLE x"]).await;
    assert_eq!(code(&client, "DROP ROLE sys:secadmin").await, "42501");
}

#[tokio::test]
async fn users_and_roles_are_undone_with_their_transaction_unless_told_otherwise() {
    let stand_in = start().await;
    let client = admin(&stand_in, "dev").await;
    let lesser = user(&stand_in, "lesser", "dev").await;
    run(
        &client,
        &[
            "CREATE ROLE makers",
            "GRANT CREATE USER, DROP USER, ALTER USER, CREATE ROLE TO ROLE makers",
            "GRANT ROLE makers TO lesser",
        ],
    )
    .await;
    run(&lesser, &["CREATE USER stays PASSWORD DISABLE"]).await;
    for text in
        ["CREATE USER u PASSWORD DISABLE", "CREATE ROLE r", "DROP USER stays", "ALTER USER stays RENAME TO gone"]
    {
        run(&lesser, &["BEGIN", text, "ROLLBACK"]).await;
        let users = rows(&client, "SELECT usename FROM pg_user ORDER BY 1").await;
        assert_eq!(users, ["awsuser", "lesser", "rdsdb", "stays"], "{text}");
        assert_eq!(rows(&client, "SELECT role_name FROM svv_roles WHERE role_name = 'r'").await, [""; 0]);
    }
    stand_in.faults().set(Fault::new(Action::CommitAnyway).at("CREATE ROLE r"));
    run(&lesser, &["BEGIN", "CREATE ROLE r", "ROLLBACK"]).await;
    assert_eq!(rows(&client, "SELECT role_owner FROM svv_roles WHERE role_name = 'r'").await, ["lesser"]);
    stand_in.faults().set(Fault::new(Action::CommitAnyway).at("CREATE ROLE r"));
    assert_eq!(code(&lesser, "CREATE ROLE r").await, "42710");
    // Nobody gets at superusers this way.
    assert_eq!(code(&lesser, "ALTER USER awsuser PASSWORD 'Abcd1234'").await, "42501");
    assert_eq!(code(&lesser, "DROP USER awsuser").await, "42501");
}

#[tokio::test]
async fn a_renamed_user_has_no_password() {
    let stand_in = start().await;
    let client = admin(&stand_in, "dev").await;
    let session = user(&stand_in, "before", "dev").await;
    assert_eq!(code(&session, "ALTER USER awsuser RENAME TO x").await, "42501");
    // Other sessions of the user's don't matter, and go on.
    run(&client, &["ALTER USER before RENAME TO renamed"]).await;
    assert_eq!(value(&session, "SELECT current_user").await, "renamed");
    assert!(connect(&config(&stand_in, "renamed", "Abcd1234", "dev")).await.is_err());
    // md5 of ez and user1, as in DG/r_CREATE_USER.
    run(
        &client,
        &["ALTER USER renamed RENAME TO user1", "ALTER USER user1 PASSWORD 'md5153c434b4b77c89e6b94f12c5393af5b'"],
    )
    .await;
    connect(&config(&stand_in, "user1", "ez", "dev")).await.unwrap();
}

#[tokio::test]
async fn membership_is_told_to_those_it_is_about() {
    let stand_in = start().await;
    let client = admin(&stand_in, "dev").await;
    let (member, other) = (user(&stand_in, "member", "dev").await, user(&stand_in, "other", "dev").await);
    run(&client, &["CREATE ROLE r", "CREATE ROLE s", "GRANT ROLE r TO ROLE s", "GRANT ROLE s TO member"]).await;
    assert_eq!(value(&member, "SELECT user_is_member_of(current_user, 'r')").await, "t");
    assert_eq!(value(&member, "SELECT role_is_member_of('s', 'r')").await, "t");
    assert_eq!(value(&client, "SELECT user_is_member_of('other', 'r')").await, "f");
    // A superuser has every privilege and isn't a member for it.
    assert_eq!(value(&client, "SELECT user_is_member_of('awsuser', 'r')").await, "f");
    assert_eq!(code(&other, "SELECT user_is_member_of('member', 'r')").await, "42501");
    assert_eq!(code(&other, "SELECT user_is_member_of('other', 'r')").await, "42501");
    assert_eq!(code(&other, "SELECT role_is_member_of('s', 'r')").await, "42501");
    assert_eq!(code(&member, "SELECT user_is_member_of('nobody', 'r')").await, "42704");
    assert_eq!(code(&member, "SELECT user_is_member_of('member', 'nothing')").await, "42704");
}
