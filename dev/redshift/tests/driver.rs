//! AWS's own driver for Python, a client that nobody of us wrote.

use std::process::Command;

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

#[tokio::test(flavor = "multi_thread")]
async fn awss_driver_logs_in_and_runs_statements_with_parameters() {
    let stand_in = start().await;
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let setup = Command::new(root.join("dev/setup")).output().unwrap();
    assert!(setup.status.success(), "{}", String::from_utf8_lossy(&setup.stderr));
    let python = format!("{}/python3", String::from_utf8_lossy(&setup.stdout).trim());
    // Besides its own list of authorities, the driver trusts those that OpenSSL does.
    let folder = tempfile::tempdir().unwrap();
    let ca = folder.path().join("ca.crt");
    std::fs::write(&ca, stand_in.ca_pem()).unwrap();
    let output = Command::new(python)
        .args(["-c", PROGRAM, &stand_in.port().to_string(), stand_in.admin_password()])
        .env("SSL_CERT_FILE", &ca)
        .output()
        .unwrap();
    let once = "([1, \"it's\"],)\n(['driven', 'driven_role'],)\n42601\n";
    let errors = String::from_utf8_lossy(&output.stderr);
    assert_eq!(String::from_utf8_lossy(&output.stdout), format!("{once}{once}"), "{errors}");
}
