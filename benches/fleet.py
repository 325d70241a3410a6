"""Many integrations, each with a warehouse of its own: memory, rest, a restart, and silent warehouses.

One stand-in plays all warehouses. docs/design.md says why that is fair.
"""

import statistics
import threading
import time

from world import RESOURCES, Audit, Operator, StandIn, create, manifest, new_namespace, prepare, say

# What exists once in a warehouse: the managed database and the users that the operator makes.
APART = "immuta,immuta_system_account,immuta_impersonation,redshift_governance_claim"
STEPS = (1, 10, 50, 100, 200, 500, 1000)
# The shortest that the resource takes.
INTERVAL = 60
INTERVALS = 3
SILENT = 20
HEALTHY = 3
# How long the machine may take to set up one of them beside others.
PATIENCE = 30


class Watch:
    """Who is connected, looked at again and again in a thread of its own."""

    def __init__(self, stand_in):
        self.stand_in = stand_in
        self.first = [one["total"] for one in stand_in.get("warehouses")]
        self.most, self.seen, self.over = 0, [], False
        self.thread = threading.Thread(target=self.look, daemon=True)
        self.thread.start()

    def look(self):
        while not self.over:
            found = self.stand_in.get("warehouses")
            self.most = max(self.most, sum(one["connected"] for one in found))
            self.seen.append((time.monotonic(), [one["total"] for one in found]))
            time.sleep(0.05)

    def end(self):
        self.over = True
        self.thread.join()
        return self

    def connections(self):
        """Of each warehouse, how many there were."""
        return [last - first for first, last in zip(self.first, self.seen[-1][1])]

    def arrivals(self):
        """Seconds after the first connection at which each warehouse had its first one."""
        found = {}
        for at, totals in self.seen:
            for number, (first, total) in enumerate(zip(self.first, totals)):
                if total > first:
                    found.setdefault(number, at)
        return sorted(at - min(found.values()) for at in found.values())


def most_within(times, seconds):
    return max((sum(start <= at < start + seconds for at in times) for start in times), default=0)


def enabled(api, namespace):
    items = api.ask("GET", RESOURCES.format(namespace))["items"]
    return sum(item.get("status", {}).get("phase") == "enabled" for item in items)


def row(what, found, note=""):
    print(f"| {what} | {found} | {note} |", flush=True)


def measure(processes, api, folder, audit_log, size):
    """Prints a table, row by row."""
    print(f"\n| a fleet of {size} | found | |\n|---|---|---|", flush=True)
    spare = 3 * HEALTHY
    stand_in = StandIn(processes, folder, f"--warehouses={size + spare}", f"--names-apart={APART}")
    ports = stand_in.facts["ports"]
    other = new_namespace(api)
    namespace = prepare(api, stand_in, [other])
    audit = Audit(audit_log, namespace)
    operator = Operator(processes, folder, namespace, [other])

    def memory(of):
        resident, own = operator.memory()
        row(f"memory: {of}", f"{resident:.1f} MB", f"{own:.1f} MB of it not the program's file")

    memory("no integration")
    made = 0
    for step in [step for step in STEPS if step < size] + [size]:
        say(f"fleet: {step} integrations")
        began, computed = time.monotonic(), operator.processor_time()
        for number in range(made, step):
            wanted = manifest(namespace, stand_in, f"fleet-{number + 1}", port=ports[number], interval=f"{INTERVAL}s")
            api.ask("POST", RESOURCES.format(namespace), wanted)
        while enabled(api, namespace) < step:
            if time.monotonic() - began > PATIENCE * (step - made) + 60:
                raise TimeoutError("the fleet isn't enabled")
            time.sleep(0.5)
        took, computed = time.monotonic() - began, operator.processor_time() - computed
        each = f"{computed / (step - made) * 1000:.0f} ms of the operator's processor time each"
        row(f"{step - made} creation{'s' if step - made > 1 else ''} at once", f"{took:.1f} s", each)
        made = step
        memory(f"{step} integration{'s' if step > 1 else ''}")

    say(f"fleet: at rest for {INTERVALS} intervals")
    # What was set up at once is not looked at together any more once each has been looked at.
    time.sleep(INTERVAL * 1.1)
    writes = len(audit.writes())
    passes, computed, began = operator.passes(), operator.processor_time(), time.monotonic()
    watch = Watch(stand_in)
    time.sleep(INTERVALS * INTERVAL)
    watch.end()
    passes, computed, took = operator.passes() - passes, operator.processor_time() - computed, time.monotonic() - began
    writes = len(audit.writes()) - writes
    each = watch.connections()[:size]
    fewest, most = took / (INTERVAL * 1.1), took / (INTERVAL * 0.9)
    row(f"{INTERVALS} intervals of {INTERVAL} s: writes to the API server", str(writes), "besides events and the Lease")
    row("validations", str(passes), f"{size * took / INTERVAL:.0f} would come without jitter")
    row("connections", str(sum(each)), f"{sum(each) / max(passes, 1):.2f} a validation")
    row("connections of one integration", f"{min(each)} to {max(each)}", f"{fewest:.1f} to {most:.1f} intervals, as jitter goes")
    row("most at once", str(watch.most), "cap 16")
    row("processor time of a validation", f"{computed / max(passes, 1) * 1000:.1f} ms", f"{100 * computed / took:.1f} % of one processor for all")
    memory(f"{size} integrations, after these intervals")

    say("fleet: a restart")
    operator.end()
    watch = Watch(stand_in)
    operator = Operator(processes, folder, namespace, [other])
    deadline = time.monotonic() + INTERVAL
    while len(watch.arrivals()) < size and time.monotonic() < deadline:
        time.sleep(0.5)
    arrivals = watch.end().arrivals()
    row("restart: warehouses logged in to", f"{len(arrivals)} of {size}", f"within {arrivals[-1]:.1f} s; a tenth of the interval is {INTERVAL / 10:.0f} s")
    row("restart: most new ones within one second", str(most_within(arrivals, 1)), f"{size / (INTERVAL / 10):.0f} if evenly spread")
    row("restart: most at once", str(watch.most), "cap 16")
    memory(f"{size} integrations, after a restart")

    spares = iter(range(size, size + spare))

    def creations(where):
        found = []
        for _ in range(HEALTHY):
            number = next(spares)
            found.append(create(api, where, stand_in, name=f"healthy-{number}", port=ports[number]))
        return statistics.median(found)

    say("fleet: silent warehouses")
    alone = creations(other)
    silent = min(SILENT, size)
    for number in range(1, silent + 1):
        stand_in.break_on_order({
            "user": f"immuta_system_account_w{number}", "times": 1_000_000,
            "action": {"kind": "coldStart", "milliseconds": 3_600_000},
        })
    # Until as many hang as may: half of the places are for one namespace.
    deadline = time.monotonic() + 1.2 * INTERVAL
    while time.monotonic() < deadline and sum(one["connected"] for one in stand_in.get("warehouses")[:silent]) < min(8, silent):
        time.sleep(0.1)
    hanging = sum(one["connected"] for one in stand_in.get("warehouses")[:silent])
    elsewhere, beside = creations(other), creations(namespace)
    row("a creation beside the fleet", f"{alone:.2f} s", f"median of {HEALTHY}")
    row(f"the same, {silent} of the fleet silent, in another namespace", f"{elsewhere:.2f} s", f"{hanging} were hanging when it began")
    row(f"the same, {silent} of the fleet silent, in their namespace", f"{beside:.2f} s")
    operator.end()
    stand_in.end()
