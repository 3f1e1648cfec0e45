#!/usr/bin/env python3
"""{weir, ockam} as inlet, relay and outlet: matrix.py none|opaque|secure [--kinds ockam] [--size-mib N]

    none     app ═══════════════════════ db          the channel app-db, no relay
    opaque   app ───── relay ───── db                 the same channel inside frames that the relay passes on over plain TCP
    secure   app ═════ relay ═════ db                 the relay is reached over a secure channel from both sides, app-db inside

Each case moves 64 MiB both ways at once with equal checksums; then every relay is killed and started again under its portals, and
each case must carry bytes again. Cases recover side by side: a chain of real nodes needs half a minute to notice.
"""

import itertools
import sys
import time

from harness import (MIB, Failure, Scene, binary, check, echo_once, main, side_by_side, transfer, wait_until)

RECOVERY_LIMIT_S = 120
TRANSFER_LIMIT_S = 150


def option(name, default):
    return sys.argv[sys.argv.index(name) + 1] if name in sys.argv else default


KINDS = option("--kinds", "weir,ockam").split(",")
SIZE = int(option("--size-mib", "64")) * MIB


class Case:
    def __init__(self, scene, topology, kinds):
        self.scene, self.topology, self.kinds = scene, topology, kinds
        self.name = " ".join(f"{role}={kind}" for role, kind in zip(("inlet", "relay", "outlet"), kinds) if kind)
        self.relay = None

    def build(self):
        inlet_kind, relay_kind, outlet_kind = self.kinds
        db = self.scene.node(outlet_kind, "db")
        db.outlet(self.scene.pump.port)
        app = self.scene.node(inlet_kind, "app")
        route = db.address
        if relay_kind:
            self.relay = self.scene.node(relay_kind, "relay")
            route = self.relay.address + ("/secure/api" if self.topology == "secure" else "")
            db.relay("db", route)
            route += "/service/forward_to_db"
        self.port = app.inlet(route + "/secure/api/service/outlet")

    def move(self):
        return transfer(self.port, SIZE, TRANSFER_LIMIT_S)

    def restart_relay(self):
        self.relay.kill()
        time.sleep(0.5)
        self.relay.start()
        self.restarted = time.monotonic()

    def recover(self):
        """Seconds from the relay's restart until a new client gets an answer; then 1 MiB each way."""
        wait_until(lambda: echo_once(self.port, 1.0), RECOVERY_LIMIT_S, "the portal to carry bytes again", 0.1)
        seconds = time.monotonic() - self.restarted
        transfer(self.port, MIB, 60)
        return seconds


def run(topology):
    for kind in KINDS:
        binary(kind)                                                # skips here, not in a thread, where one is missing
    relays = KINDS if topology != "none" else [None]
    with Scene() as scene:
        cases = [Case(scene, topology, kinds) for kinds in itertools.product(KINDS, relays, KINDS)]
        scene.pump                                                  # before the threads
        steps = [("build", Case.build, 4), ("move", Case.move, 2)]
        if topology != "none":
            steps += [("restart", Case.restart_relay, 4), ("recover", Case.recover, len(cases))]
        table = {case: {} for case in cases}
        for step, function, workers in steps:
            going = [case for case in cases if not any(isinstance(v, Exception) for v in table[case].values())]
            for case, value in side_by_side(going, lambda case: function(case), workers).items():
                table[case][step] = value
        failures = []
        for case in cases:
            row = table[case]
            bad = next(((step, value) for step, value in row.items() if isinstance(value, Exception)), None)
            if bad:
                failures.append(f"{case.name}: {bad[0]}: {bad[1]}")
            moved = row.get("move")
            words = f"{SIZE / MIB:.0f} MiB each way in {moved:.1f}s" if isinstance(moved, float) else "-"
            if isinstance(row.get("recover"), float):
                words += f", recovered {row['recover']:.1f}s after the relay's restart"
            print(f"  {topology:6}  {case.name:42} {'FAILED ' if bad else 'ok '} {words}", flush=True)
        if failures:
            for node in scene.nodes:
                if "--logs" in sys.argv:
                    print(f"--- {node.kind} {node.name} {node.home.path}\n{node.logs()}")
            raise Failure("\n  ".join([f"{len(failures)} of {len(cases)} cases"] + failures))
        return f"{len(cases)} cases"


if __name__ == "__main__":
    wanted = [word for word in sys.argv[1:2] if word in ("none", "opaque", "secure")]
    check(wanted, __doc__)
    sys.argv[1:] = sys.argv[1:2] + [w for w in sys.argv[2:] if w == "--logs"]
    main({wanted[0]: lambda: run(wanted[0])})
