//! AWS's own driver for Python, a client that nobody of us wrote.

use std::process::Command;

use redshift_stand_in::StandIn;

use crate::support::start;

/// Logs in and runs statements with parameters, which go by the extended protocol.
const PROGRAM: &str = r"
import sys, redshift_connector
port, password = sys.argv[1:]
for tls in ({'ssl': False}, {'ssl': True, 'sslmode': 'verify-full'}):
    connection = redshift_connector.connect(host='localhost', port=int(port), database='dev', user='awsuser', password=password, **tls)
    connection.autocommit = True
    cursor = connection.cursor()
    for text in ('CREATE USER driven PASSWORD DISABLE', 'CREATE ROLE driven_role', 'GRANT ROLE driven_role TO driven', 'CREATE TABLE driven (a INTEGER, b VARCHAR(9))'):
        cursor.execute(text)
    cursor.execute('INSERT INTO driven VALUES (%s, %s)', (1, 'it\'s'))
    cursor.execute('SELECT a, b FROM driven WHERE b = %s', ('it\'s',))
    print(cursor.fetchall())
    cursor.execute('SELECT user_name, role_name FROM svv_user_grants')
    print(cursor.fetchall())
    try:
        cursor.execute('INSERT INTO driven VALUES (1) ON CONFLICT DO NOTHING')
    except redshift_connector.error.ProgrammingError as error:
        print(error.args[0]['C'])
    for text in ('DROP TABLE driven', 'DROP ROLE driven_role FORCE', 'DROP USER driven'):
        cursor.execute(text)
    connection.close()
";

/// Asks for metadata as its users' tools do, prepares, and rolls back.
const METADATA: &str = r"
import sys, redshift_connector
port, password = sys.argv[1:]
connection = redshift_connector.connect(host='localhost', port=int(port), database='dev', user='awsuser', password=password, sslmode='verify-full')
connection.autocommit = True
cursor = connection.cursor()
cursor.execute('CREATE TABLE described (id INTEGER PRIMARY KEY, name VARCHAR(9))')
cursor.execute('CREATE TABLE referring (a INTEGER REFERENCES described (id))')
cursor.execute('GRANT SELECT ON described TO PUBLIC')
cursor.execute('CREATE PROCEDURE described_procedure(a INTEGER) AS $$ BEGIN NULL; END; $$ LANGUAGE plpgsql')
print([row[0] for row in cursor.get_catalogs()])
print('public' in [row[0] for row in cursor.get_schemas()])
print([row[2:4] for row in cursor.get_tables(schema_pattern='public')])
print([row[3] for row in cursor.get_columns(schema_pattern='public', tablename_pattern='described')])
cursor.execute('CREATE VIEW late AS SELECT datname AS a, 1 AS b FROM redshift_sample_data.pg_catalog.pg_database WITH NO SCHEMA BINDING')
print([row[3] for row in cursor.get_columns(schema_pattern='public', tablename_pattern='late')])
cursor.execute('SELECT table_schema, column_name FROM information_schema.columns WHERE table_name = %s OR table_schema LIKE %s ORDER BY 2', ('late', 'rdsdb%'))
print(cursor.fetchall())
cursor.execute('DROP VIEW late')
print(len(cursor.get_table_types()), [row[3] for row in cursor.get_primary_keys(schema='public', table='described')])
print([row[3:8] for row in cursor.get_imported_keys(schema='public', table='referring')])
print([row[5] for row in cursor.get_table_privileges(schema_pattern='public', table_name_pattern='described') if row[4] == 'public'])
print(len(cursor.get_column_privileges(schema='public', table='described')))
print([row[2] for row in cursor.get_procedures(schema_pattern='public')])
print([row[3] for row in cursor.get_procedure_columns(schema_pattern='public', procedure_name_pattern='described_procedure')])
print(len(cursor.get_functions(schema_pattern='public')))
cursor.executemany('INSERT INTO described VALUES (%s, %s)', [(number, 'x') for number in range(500)])
cursor.execute('UPDATE described SET name = %s WHERE id < %s', ('y', 3))
print(cursor.rowcount)
connection.autocommit = False
cursor.execute('DELETE FROM described WHERE id = %s', (1,))
connection.rollback()
cursor.execute('SELECT id, name FROM described ORDER BY id')
print(len(cursor.fetchall()))
connection.close()
";

/// Logs in as users whose passwords are stored as SHA-256.
const DIGESTS: &str = r"
import hashlib, sys, redshift_connector
port, password = sys.argv[1:]
def connect(user, password):
    return redshift_connector.connect(host='localhost', port=int(port), database='dev', user=user, password=password, sslmode='verify-full')
admin = connect('awsuser', password)
admin.autocommit = True
salt = bytes(range(32))
digest = hashlib.sha256(b'Abcd1234' + salt).hexdigest()
for name, stored in (('clear', 'sha256|Abcd1234'), ('digested', f'sha256|{digest}|{salt.hex()}')):
    admin.cursor().execute(f'CREATE USER {name} PASSWORD \'{stored}\'')
    cursor = connect(name, 'Abcd1234').cursor()
    cursor.execute('SELECT current_user')
    print(cursor.fetchone())
    try:
        connect(name, 'Abcd12345')
    except redshift_connector.error.InterfaceError as error:
        print(error.args[0]['M'])
admin.cursor().execute('ALTER USER clear PASSWORD \'Abcd1234\'')
connect('clear', 'Abcd1234')
";

#[tokio::test(flavor = "multi_thread")]
async fn awss_driver_logs_in_with_a_password_that_is_stored_as_sha256() {
    let stand_in = start().await;
    let of = |user| format!("['{user}']\npassword authentication failed for user \"{user}\"\n");
    assert_eq!(run(&stand_in, DIGESTS), of("clear") + &of("digested"));
}

#[tokio::test(flavor = "multi_thread")]
async fn awss_driver_logs_in_and_runs_statements_with_parameters() {
    let stand_in = start().await;
    let once = "([1, \"it's\"],)\n(['driven', 'driven_role'],)\n42601\n";
    assert_eq!(run(&stand_in, PROGRAM), format!("{once}{once}"));
}

#[tokio::test(flavor = "multi_thread")]
async fn awss_driver_finds_metadata_and_executes_prepared_statements_again() {
    let stand_in = start().await;
    let expected = [
        "['dev']",
        "True",
        "[['described', 'TABLE'], ['referring', 'TABLE']]",
        "['id', 'name']",
        "['a', 'b']",
        "(['public', 'a'], ['public', 'b'])",
        "5 ['id']",
        "[['id', 'dev', 'public', 'referring', 'a']]",
        "['SELECT']",
        "0",
        "['described_procedure']",
        "['a']",
        "0",
        "3",
        "500\n",
    ]
    .join("\n");
    assert_eq!(run(&stand_in, METADATA), expected);
}

/// What a program for the driver prints.
fn run(stand_in: &StandIn, program: &str) -> String {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let setup = Command::new(root.join("dev/setup")).output().unwrap();
    assert!(setup.status.success(), "{}", String::from_utf8_lossy(&setup.stderr));
    let python = format!("{}/python3", String::from_utf8_lossy(&setup.stdout).trim());
    // Besides its own list of authorities, the driver trusts those that OpenSSL does.
    let folder = tempfile::tempdir().unwrap();
    let ca = folder.path().join("ca.crt");
    std::fs::write(&ca, stand_in.ca_pem()).unwrap();
    let output = Command::new(python)
        .args(["-c", program, &stand_in.port().to_string(), stand_in.admin_password()])
        .env("SSL_CERT_FILE", &ca)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}
