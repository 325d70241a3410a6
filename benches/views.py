"""Policy-enforced views: what many data sources and users cost, beside the same statements by psql.

The tables are in the initial database, as others' are; the users come from files in ConfigMaps, as an export's do.
"""

import base64
import gzip
import random
import time

from world import RESOURCES, Audit, Operator, StandIn, account, create, prepare, replay, say, sessions, until

KINDS = "/apis/redshift-governance.dev/v1alpha1/namespaces/{}/{}"
SCHEMAS = 1
COLUMNS = 40
FILES = 4
GROUPS = 20
VALUES = 10
KEPT_UNDER = 60
SLOWEST = 1.3
# How long the machine may take for all of it.
PATIENCE = 1800


def schema(number):
    return f"raw{number % SCHEMAS}"


def columns():
    """Of the types that there are most of; one in eight has a tag."""
    kinds = ["BIGINT", "VARCHAR(256)", "NUMERIC(12,2)", "TIMESTAMP", "DATE", "BOOLEAN", "VARCHAR(64)", "INTEGER"]
    return [(f"column_{number:02}", kinds[number % len(kinds)], number % 8 == 1) for number in range(COLUMNS)]


def tables(size):
    """What a warehouse has before anybody registers anything."""
    described = ", ".join(f"{name} {kind}" for name, kind, _ in columns())
    yield "CREATE ROLE analysts"
    for number in range(SCHEMAS):
        yield f"CREATE SCHEMA {schema(number)}"
    for number in range(size):
        yield f"CREATE TABLE {schema(number)}.table_{number:04} ({described})"


def grants():
    for number in range(SCHEMAS):
        yield f"GRANT USAGE ON SCHEMA {schema(number)} TO immuta_system_account"
        yield f"GRANT SELECT FOR TABLES IN SCHEMA {schema(number)} TO immuta_system_account"


def reached(size):
    """All tables once, from the managed database: what the stand-in does to reach them isn't measured."""
    for first in range(0, size, 50):
        some = range(first, min(first + 50, size))
        yield " UNION ALL ".join(f"SELECT 1 FROM dev.{schema(number)}.table_{number:04} WHERE 1 = 0" for number in some)


def by_hand(stand_in, folder, statements):
    """What a DBA does, in the initial database."""
    facts = stand_in.facts
    replay(stand_in, folder, [(facts["adminUser"], "dev", list(statements))], {facts["adminUser"]: facts["adminPassword"]})


def data_source(number):
    listed = [{"name": name, **({"tags": ["pii.email"]} if tagged else {})} for name, _, tagged in columns()]
    return {
        "apiVersion": "redshift-governance.dev/v1alpha1",
        "kind": "RedshiftDataSource",
        "metadata": {"name": f"table-{number:04}"},
        "spec": {
            "integrationRef": {"name": "analytics"},
            "table": {"schema": schema(number), "name": f"table_{number:04}"},
            "columns": listed,
            "subscription": {"restriction": "Entitlements", "entitlements": {"groups": [f"department-{number % 50:03}"]}},
            "grantSelectTo": [{"role": "analysts"}],
        },
    }


def line(user, chance):
    """A user with all his groups and values of attributes."""
    groups = [f"department-{number:03}" for number in chance.sample(range(200), GROUPS)]
    values = [f"cost_center=CC-{number:05}" for number in chance.sample(range(5000), VALUES)]
    return [f"IAM:user-{user:05}@example.com", groups, values]


def csv(lines):
    rows = [f"{user},{';'.join(groups)},{';'.join(values)}" for user, groups, values in lines]
    return "\n".join(["user,groups,attributes", *rows]) + "\n"


def config_map(name, lines):
    compressed = base64.b64encode(gzip.compress(csv(lines).encode())).decode()
    return {"metadata": {"name": name, "labels": {"profiles": "hr-export"}}, "binaryData": {"users.csv.gz": compressed}}


def row(what, found, note=""):
    print(f"| {what} | {found} | {note} |", flush=True)


class Phase:
    """What happens from here on: at the warehouse, at the API server, in the operator."""

    def __init__(self, stand_in, audit, operator=None):
        self.stand_in, self.audit, self.operator = stand_in, audit, operator
        self.mark = stand_in.mark()
        self.written = len(audit.writes())
        self.computed = operator.processor_time() if operator else 0
        self.began = time.monotonic()

    def end(self, operator=None):
        self.seconds = time.monotonic() - self.began
        self.computed = (operator or self.operator).processor_time() - self.computed
        self.journal = self.stand_in.since(self.mark)
        # What is said besides of the integration itself has connections of its own.
        views = [found for found in sessions(self.journal) if any("immuta_system.data_source" in text for text in found[2])]
        self.statements = [text for _, _, texts in views for text in texts]
        self.connections = len(views)
        events = [entry["event"] for entry in self.journal]
        self.refused = sum(event["kind"] == "statement" and event["outcome"] != "ok" for event in events)
        self.writes = len(self.audit.writes()) - self.written
        return self

    def of_views(self):
        return sum(" VIEW " in text.split("\n", 1)[0] for text in self.statements)


def is_ready(api, path, generation):
    status = api.ask("GET", path).get("status", {})
    conditions = {condition["type"]: condition["status"] for condition in status.get("conditions", [])}
    return status.get("observedGeneration") == generation and conditions.get("Ready") == "True"


def measure(processes, api, folder, audit_log, size, users):
    """Prints a table, row by row."""
    stand_in = StandIn(processes, folder)
    namespace = prepare(api, stand_in)
    audit = Audit(audit_log, namespace)
    operator = Operator(processes, folder, namespace)
    create(api, namespace, stand_in)
    integration = f"{RESOURCES.format(namespace)}/analytics"
    api.merge(integration, {"spec": {"config": {"policyViews": {"enabled": True}}}})
    until("views can be made", lambda: api.ask("GET", integration)["status"]["created"].get("schemaVersion") == 3)
    empty = operator.memory()
    operator.end()
    say(f"views: {size} tables and their data sources")
    by_hand(stand_in, folder, [*tables(size), *grants()])
    user, password = account(api, namespace)
    replay(stand_in, folder, [(user, "immuta", list(reached(size)))], {user: password})
    sources = KINDS.format(namespace, "redshiftdatasources")
    for number in range(size):
        api.ask("POST", sources, data_source(number))
    print(f"\n| views: {size} data sources of {COLUMNS} columns, {users} users of {GROUPS + VALUES} entitlements | found | |\n|---|---|---|", flush=True)
    row("memory before", f"{empty[0]:.1f} MB", f"{empty[1]:.1f} MB of it not the program's file")

    def enforced():
        return operator.metric("redshift_data_sources", name="analytics", state="enforced") == size

    def memory(of, aim=""):
        resident, own = operator.memory()
        peak = operator.megabytes("VmHWM")
        row(f"memory at rest: {of}", f"{resident:.1f} MB", f"{aim}{own:.1f} MB of it not the program's file; {peak:.1f} MB at most")

    # All of them are there when it starts: it isn't the API server's pace that is measured.
    set_up = stand_in.since(0)
    phase = Phase(stand_in, audit)
    operator = Operator(processes, folder, namespace)
    until("all views are there", enforced, PATIENCE, 0.1)
    made = phase.end(operator)
    memory(f"{size} data sources", f"aim under {KEPT_UNDER} MB; ")

    say(f"views: {users} users")
    chance = random.Random(1)
    lines = [line(number, chance) for number in range(users)]
    files = [lines[number::FILES] for number in range(FILES)]
    maps = f"/api/v1/namespaces/{namespace}/configmaps"
    for number, content in enumerate(files):
        api.ask("POST", maps, config_map(f"hr-{number}", content))
    phase = Phase(stand_in, audit, operator)
    profiles = KINDS.format(namespace, "redshiftuserprofilesources")
    api.ask("POST", profiles, {
        "apiVersion": "redshift-governance.dev/v1alpha1",
        "kind": "RedshiftUserProfileSource",
        "metadata": {"name": "hr-export"},
        "spec": {"integrationRef": {"name": "analytics"}, "configMaps": {"selector": {"matchLabels": {"profiles": "hr-export"}}}},
    })
    until("everybody has a profile", lambda: is_ready(api, f"{profiles}/hr-export", 1), PATIENCE, 0.05)
    loaded = phase.end()
    memory(f"with {users} users as well", f"aim under {KEPT_UNDER} MB; ")

    say("views: small changes")
    files[0][0][1][0] = "department-200"
    phase = Phase(stand_in, audit, operator)
    api.merge(f"{maps}/hr-0", config_map("hr-0", files[0]))
    until("the user has another group", lambda: any("COMMIT" in text for _, _, texts in sessions(stand_in.since(phase.mark)) for text in texts), PATIENCE, 0.05)
    regrouped = phase.end()
    until("that is said", lambda: len(audit.writes()) > phase.written)
    phase = Phase(stand_in, audit, operator)
    edited = f"{sources}/table-0000"
    api.merge(edited, {"spec": {"uncoveredTags": "Show"}})
    until("the view is another", lambda: is_ready(api, edited, 2), PATIENCE, 0.05)
    edit = phase.end()

    say("views: a restart, and a look at all of it")
    operator.end()
    phase = Phase(stand_in, audit)
    operator = Operator(processes, folder, namespace)
    until("all was looked at", enforced, PATIENCE, 0.1)
    memory("after a restart", f"aim under {KEPT_UNDER} MB; ")
    look = phase.end(operator)
    operator.end()
    stand_in.end()

    say("views: the same by psql")
    stand_in = StandIn(processes, folder)
    passwords = {stand_in.facts["adminUser"]: stand_in.facts["adminPassword"], user: password}
    replay(stand_in, folder, sessions(set_up), passwords)
    psql = [replay(stand_in, folder, sessions(part.journal), passwords, part.refused) for part in (made, loaded)]
    stand_in.end()
    print_phases(size, users, made, loaded, regrouped, edit, look, psql)


def beside(phase, psql, aim=""):
    return f"`psql`, same statements and connections: {psql:.1f} s; ratio {phase.seconds / psql:.2f}{aim}"


def print_phases(size, users, made, loaded, regrouped, edit, look, psql):
    row(f"{size} data sources, new: from the operator's start until all are enforced", f"{made.seconds:.1f} s", beside(made, psql[0], f", aim at most {SLOWEST}"))
    row("the same: SQL statements", len(made.statements), f"on {made.connections} connection{'s' if made.connections != 1 else ''}")
    row("the same: writes to the API server besides events and the Lease", made.writes, f"{made.writes / size:.1f} each")
    row("the same: processor time of the operator", f"{made.computed:.1f} s", f"{made.computed / size * 1000:.1f} ms each")
    row(f"first load of {users} users", f"{loaded.seconds:.1f} s", beside(loaded, psql[1]) + "; 1 s of it waited for more changes")
    row("the same: SQL statements", len(loaded.statements), f"aim at most 30; {sum(map(len, loaded.statements)) / 1e6:.1f} MB")
    row("the same: processor time of the operator", f"{loaded.computed:.1f} s")
    row("one user's group: SQL statements", len(regrouped.statements), f"aim 13; {regrouped.of_views()} of them about a view, aim 0")
    row("the same: until it is committed", f"{regrouped.seconds:.1f} s", "1 s of it waited for more changes")
    row("an edit of one data source: SQL statements", len(edit.statements))
    row("the same: until its status says so", f"{edit.seconds:.1f} s", f"1 s of it waited for more changes; {edit.computed * 1000:.0f} ms of processor time")
    row("nothing changed, a look at all of it: SQL statements", len(look.statements), "aim at most 4")
    row("the same: writes to the API server besides events and the Lease", look.writes, "aim 0")
    row("the same, the start included: processor time of the operator", f"{look.computed:.1f} s")
