"""Sets of integrations that are made at once, each on a warehouse of its own, and `psql` doing the same as many at a time."""

import concurrent.futures
import re
import time

from fleet import APART, enabled
from world import RESOURCES, Operator, StandIn, account, manifest, prepare, psql, say, sessions

SIZES = (1, 25, 50)
# As many as the operator works on at once for one namespace.
AT_ONCE = 8
ENDING = re.compile(r"_w(\d+)\b")


def by_warehouse(journal):
    """The sessions of each warehouse, by its number, under the names that its clients know."""
    found = {}
    for user, database, texts in sessions(journal):
        ending = ENDING.search(" ".join([user, database, *texts]))
        # A stand-in that plays one warehouse alone puts no ending behind its names.
        number = int(ending[1]) if ending else 1
        found.setdefault(number, []).append((ENDING.sub("", user), ENDING.sub("", database), texts))
    return found


def make(api, namespace, stand_in, size):
    """Seconds from the first request until all are enabled."""
    started = time.monotonic()
    for number in range(1, size + 1):
        wanted = manifest(namespace, stand_in, f"set-{number}", port=stand_in.facts["ports"][number - 1])
        api.ask("POST", RESOURCES.format(namespace), wanted)
    while enabled(api, namespace) < size:
        if time.monotonic() - started > 600:
            raise TimeoutError("the set isn't enabled")
        time.sleep(0.02)
    return time.monotonic() - started


def replay(processes, folder, journal, passwords, size):
    """Seconds that it takes psql, on new warehouses."""
    stand_in = StandIn(processes, folder, f"--warehouses={size}", f"--names-apart={APART}")
    admin = {stand_in.facts["adminUser"]: stand_in.facts["adminPassword"]}
    ports, work = stand_in.facts["ports"], by_warehouse(journal)

    def one(number):
        for index, (user, database, texts) in enumerate(work[number]):
            script = folder / f"set-{number}-{index}.sql"
            psql(stand_in, script, (user, database, texts), (admin | passwords[number])[user], ports[number - 1])

    with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
        started = time.monotonic()
        list(pool.map(one, sorted(work)))
        took = time.monotonic() - started
    stand_in.end()
    return took


def measure(processes, api, folder):
    """Prints a table, row by row."""
    print("\n| a set of integrations, made at once | until all are enabled | `psql`, same statements and connections | ratio | the operator's processor time, each |")
    print("|---|---|---|---|---|", flush=True)
    for size in SIZES:
        say(f"a set of {size}")
        stand_in = StandIn(processes, folder, f"--warehouses={size}", f"--names-apart={APART}")
        namespace = prepare(api, stand_in)
        operator = Operator(processes, folder, namespace)
        time.sleep(2)
        computed = operator.processor_time()
        took = make(api, namespace, stand_in, size)
        computed = (operator.processor_time() - computed) * 1000 / size
        journal = stand_in.get("journal")
        passwords = {number: dict([account(api, namespace, f"set-{number}")]) for number in range(1, size + 1)}
        operator.end()
        stand_in.end()
        beside = replay(processes, folder, journal, passwords, size)
        print(f"| {size} | {took:.2f} s | {beside:.2f} s | {took / beside:.2f} | {computed:.0f} ms |", flush=True)
