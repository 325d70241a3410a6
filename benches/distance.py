"""A warehouse that is far away: what round trips cost."""

import time

from world import Operator, StandIn, create, prepare, until

ROUND_TRIP = 30


def measure(processes, api, folder, replayed):
    """A creation and a validation, and what psql takes for the statements of the creation."""
    far = f"--round-trip-milliseconds={ROUND_TRIP}"
    stand_in = StandIn(processes, folder, far)
    namespace = prepare(api, stand_in)
    operator = Operator(processes, folder, namespace)
    found = {"creation": create(api, namespace, stand_in, interval="60s")}
    journal = stand_in.get("journal")
    operator.end()
    # A new process looks at what is well within a tenth of the interval.
    operator = Operator(processes, folder, namespace)
    until("it is looked at", lambda: stand_in.get("connections")["open"] > 0)
    began = time.monotonic()
    until("it was looked at", lambda: stand_in.get("connections")["open"] == 0)
    found["validation"] = time.monotonic() - began
    look = stand_in.get(f"journal?since={journal[-1]['sequence']}")
    found["validation: statements"] = sum(entry["event"]["kind"] == "statement" for entry in look)
    found["validation: connections"] = sum(entry["event"]["kind"] == "login" for entry in look)
    found["psql"], _, found["psql alone"] = replayed(processes, api, folder, namespace, journal, operator, stand_in, far)
    return found
