"""What SQLAlchemy finds out about a table and a view: each call, and whether it went well."""

import os
import sys

import sqlalchemy

url = sqlalchemy.engine.URL.create(
    "redshift+redshift_connector",
    username=os.environ["REDSHIFT_ADMIN_USER"],
    password=os.environ["REDSHIFT_ADMIN_PASSWORD"],
    host="localhost",
    port=int(os.environ["REDSHIFT_PORT"]),
    database="dev",
)
engine = sqlalchemy.create_engine(url, connect_args={"ssl": False})
with engine.begin() as connection:
    for text in (
        "DROP TABLE IF EXISTS reflected CASCADE",
        "CREATE TABLE reflected (id INTEGER NOT NULL, name VARCHAR(20)) DISTKEY (id) SORTKEY (id)",
        "CREATE VIEW reflected_view AS SELECT id FROM reflected",
    ):
        connection.exec_driver_sql(text)

failed = 0
inspector = sqlalchemy.inspect(engine)
for name, arguments in (
    ("get_schema_names", ()),
    ("get_table_names", ()),
    ("get_view_names", ()),
    ("get_columns", ("reflected",)),
    ("get_pk_constraint", ("reflected",)),
    ("get_foreign_keys", ("reflected",)),
    ("get_unique_constraints", ("reflected",)),
    ("get_table_options", ("reflected",)),
    ("get_view_definition", ("reflected_view",)),
):
    try:
        print(f"ok      {name}: {getattr(inspector, name)(*arguments)}")
    except Exception as error:  # noqa: BLE001: whatever goes wrong is the result
        failed += 1
        print(f"FAILED  {name}: {str(error).splitlines()[0]}")
sys.exit(failed > 0)
