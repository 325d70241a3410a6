import java.sql.Connection;
import java.sql.DatabaseMetaData;
import java.sql.DriverManager;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.List;
import java.util.Properties;
import java.util.TreeSet;

/** What AWS's JDBC driver finds out, prepares and reads: each call, and whether it came to what it should. */
public class Metadata {
    interface Step {
        Object of(Connection connection) throws SQLException;
    }

    static int failed;

    static void step(Connection connection, String name, Object expected, Step step) {
        try {
            Object found = step.of(connection);
            boolean fits = expected.equals(found);
            failed += fits ? 0 : 1;
            System.out.println((fits ? "ok      " : "FAILED  ") + name + ": " + found + (fits ? "" : ", expected " + expected));
        } catch (SQLException error) {
            failed++;
            System.out.println("FAILED  " + name + ": " + error.getMessage());
        }
    }

    static List<String> column(ResultSet rows, String name) throws SQLException {
        List<String> found = new ArrayList<>();
        while (rows.next()) {
            found.add(rows.getString(name));
        }
        return found;
    }

    public static void main(String[] arguments) throws SQLException {
        Properties login = new Properties();
        login.setProperty("user", System.getenv("REDSHIFT_ADMIN_USER"));
        login.setProperty("password", System.getenv("REDSHIFT_ADMIN_PASSWORD"));
        boolean encrypted = arguments[0].equals("tls");
        login.setProperty("ssl", String.valueOf(encrypted));
        if (encrypted) {
            login.setProperty("sslmode", "verify-full");
            login.setProperty("sslrootcert", arguments[1]);
        }
        String url = "jdbc:redshift://localhost:" + System.getenv("REDSHIFT_PORT") + "/dev";
        try (Connection connection = DriverManager.getConnection(url, login); Statement statement = connection.createStatement()) {
            for (String text : new String[] {
                "DROP SCHEMA IF EXISTS seen CASCADE",
                "CREATE SCHEMA seen",
                "CREATE TABLE seen.cities (id INTEGER NOT NULL PRIMARY KEY, name VARCHAR(20), founded DATE)",
                "CREATE TABLE seen.streets (id INTEGER, city INTEGER REFERENCES seen.cities (id))",
                "CREATE VIEW seen.names AS SELECT name FROM seen.cities",
                "INSERT INTO seen.cities VALUES (1, 'Ulm', '0854-07-22'), (2, 'Bonn', NULL)",
            }) {
                statement.execute(text);
            }
            DatabaseMetaData metadata = connection.getMetaData();
            step(connection, "getDatabaseProductName", "Redshift", c -> metadata.getDatabaseProductName());
            step(connection, "getCatalogs", true, c -> column(metadata.getCatalogs(), "TABLE_CAT").contains("dev"));
            step(connection, "getSchemas", true, c -> column(metadata.getSchemas(), "TABLE_SCHEM").contains("seen"));
            step(connection, "getSchemas, by name", List.of("seen"), c -> column(metadata.getSchemas("dev", "seen"), "TABLE_SCHEM"));
            step(connection, "getTables", "[cities, names, streets]",
                c -> new TreeSet<>(column(metadata.getTables("dev", "seen", "%", null), "TABLE_NAME")).toString());
            step(connection, "getTables, tables", "[cities, streets]",
                c -> new TreeSet<>(column(metadata.getTables("dev", "seen", "%", new String[] {"TABLE"}), "TABLE_NAME")).toString());
            step(connection, "getTables, views", "[names]",
                c -> new TreeSet<>(column(metadata.getTables("dev", "seen", "%", new String[] {"VIEW"}), "TABLE_NAME")).toString());
            step(connection, "getColumns", List.of("id", "name", "founded"),
                c -> column(metadata.getColumns("dev", "seen", "cities", "%"), "COLUMN_NAME"));
            step(connection, "getColumns, types", List.of("int4", "varchar", "date"),
                c -> column(metadata.getColumns("dev", "seen", "cities", "%"), "TYPE_NAME"));
            // They are asked for by way of pg_index, which knows no key here: README.md.
            step(connection, "getPrimaryKeys", List.of(), c -> column(metadata.getPrimaryKeys("dev", "seen", "cities"), "COLUMN_NAME"));
            step(connection, "getImportedKeys", List.of(),
                c -> column(metadata.getImportedKeys("dev", "seen", "streets"), "FKCOLUMN_NAME"));
            step(connection, "getProcedures", true, c -> column(metadata.getProcedures("dev", "seen", "%"), "PROCEDURE_NAME").isEmpty());
            step(connection, "getFunctions", true, c -> column(metadata.getFunctions("dev", "seen", "%"), "FUNCTION_NAME").isEmpty());
            step(connection, "getTablePrivileges", true,
                c -> column(metadata.getTablePrivileges("dev", "seen", "cities"), "PRIVILEGE").contains("SELECT"));
            step(connection, "getTypeInfo", true, c -> metadata.getTypeInfo().next());
            step(connection, "a prepared statement", List.of("Bonn"), c -> {
                try (PreparedStatement prepared = c.prepareStatement("SELECT name FROM seen.cities WHERE id = ?")) {
                    prepared.setInt(1, 2);
                    return column(prepared.executeQuery(), "name");
                }
            });
            step(connection, "a batch", 2L, c -> {
                try (PreparedStatement prepared = c.prepareStatement("INSERT INTO seen.streets VALUES (?, ?)")) {
                    for (int id = 1; id <= 2; id++) {
                        prepared.setInt(1, id);
                        prepared.setInt(2, 1);
                        prepared.addBatch();
                    }
                    prepared.executeBatch();
                }
                ResultSet counted = c.createStatement().executeQuery("SELECT count(*) FROM seen.streets");
                counted.next();
                return counted.getLong(1);
            });
            step(connection, "a big result", 100_000L, c -> {
                long number = 0;
                ResultSet rows = c.createStatement().executeQuery("SELECT generate_series(1, 100000) AS n");
                while (rows.next()) {
                    number++;
                }
                return number;
            });
            step(connection, "a big result, in portions", 20_000L, c -> {
                c.setAutoCommit(false);
                long number = 0;
                try (Statement portions = c.createStatement()) {
                    portions.setFetchSize(1000);
                    ResultSet rows = portions.executeQuery("SELECT generate_series(1, 20000) AS n");
                    while (rows.next()) {
                        number++;
                    }
                }
                c.commit();
                c.setAutoCommit(true);
                return number;
            });
            step(connection, "a transaction that is rolled back", 2L, c -> {
                c.setAutoCommit(false);
                c.createStatement().execute("DELETE FROM seen.cities");
                c.rollback();
                c.setAutoCommit(true);
                ResultSet counted = c.createStatement().executeQuery("SELECT count(*) FROM seen.cities");
                counted.next();
                return counted.getLong(1);
            });
        }
        System.exit(failed > 0 ? 1 : 0);
    }
}
