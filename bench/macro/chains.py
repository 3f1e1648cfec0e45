"""The application's two ends, and the chains of nodes that its bytes pass through (other programs: proxies.py).

A chain has `roles` {name: pid}, `bulk_port` and `redis_port`.
"""

import os
import re
import subprocess
import sys
import time

FOLDER = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(FOLDER))
sys.path.insert(0, os.path.join(ROOT, "tests", "interop"))
from harness import Failure, free_port, wait_until  # noqa: E402

TOPOLOGIES = {"none": "inlet → outlet, E2E",
              "opaque": "inlet → opaque relay → outlet, E2E",
              "secure": "inlet → (SC) relay (SC) → outlet, E2E inside"}


def listens(port):
    """Without connecting: a one-off iperf3 would take a probe for its client."""
    wanted = f":{port:04X}"
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        with open(table, encoding="ascii") as file:
            for line in file:
                fields = line.split()
                if fields[1].endswith(wanted) and fields[3] == "0A":
                    return True
    return False


class Servers:
    """The applications' ends: redis for the whole run, iperf3 once per measurement (a one-off cannot be left busy)."""

    def __init__(self, scene, want_redis):
        self.scene, self.iperf_port = scene, free_port()
        self.redis_port, self.redis = free_port(), None
        if want_redis:
            self.redis = scene.spawn(["redis-server", "--port", str(self.redis_port), "--bind", "127.0.0.1",
                                      "--save", "", "--appendonly", "no", "--dir", scene.path])
            wait_until(lambda: listens(self.redis_port), 10, "redis-server to listen")

    def iperf(self):
        server = self.scene.spawn(["iperf3", "-s", "-1", "-B", "127.0.0.1", "-p", str(self.iperf_port)])
        wait_until(lambda: listens(self.iperf_port), 10, "iperf3 -s to listen", 0.01)
        return server


class Direct:
    roles = {}

    def __init__(self, servers):
        self.bulk_port, self.redis_port = servers.iperf_port, servers.redis_port


class Nodes:
    """Inlet, outlet and perhaps a relay, all of one kind, each a process with its own home. `io`: weir's WEIR_IO."""

    def __init__(self, scene, servers, kind, topology, io=None):
        self.scene, self.kind, self.io = scene, kind, io
        outlet, inlet = self.with_outlets(servers), self.node("app")
        self.roles = {"inlet": inlet.pid}
        route = outlet.address
        if topology != "none":
            relay = self.node("relay")
            route = relay.address + ("/secure/api" if topology == "secure" else "")
            outlet.relay("db", route)
            route += "/service/forward_to_db"
            self.roles["relay"] = relay.pid
        self.roles["outlet"] = outlet.pid
        self.finish(inlet, route)

    def with_outlets(self, servers):
        outlet = self.node("db")
        outlet.outlet(servers.iperf_port, name="bulk")
        outlet.outlet(servers.redis_port, name="redis")
        return outlet

    def finish(self, inlet, route):
        self.bulk_port = inlet.inlet(route + "/secure/api/service/bulk")
        self.redis_port = inlet.inlet(route + "/secure/api/service/redis")

    def node(self, name):
        home = self.scene.home(self.kind)
        if self.io:
            home.environment["WEIR_IO"] = self.io
        return self.scene.node(self.kind, name, home)


def io_back_end(pid):
    """What a weir node really uses: io_uring is left for epoll where the machine has none."""
    folder = f"/proc/{pid}/fd"
    for descriptor in os.listdir(folder):
        try:
            if "io_uring" in os.readlink(os.path.join(folder, descriptor)):
                return "io_uring"
        except OSError:
            pass
    return "epoll"


def stop_half_made(scene):
    """A node whose `create` was interrupted may run without its pid being known to the scene: stop it by its name."""
    for node in scene.nodes:
        if node.pid is None:
            try:
                node.run("node", "stop", node.name, ok=None, timeout_s=10)
            except (Failure, OSError, subprocess.SubprocessError):
                pass


def memory(pid, settle_s=0.0):
    """Resident and anonymous memory in 10^6 bytes, and the number of threads."""
    time.sleep(settle_s)
    with open(f"/proc/{pid}/status", encoding="ascii", errors="replace") as file:
        text = file.read()
    kib = {name: int(re.search(rf"^{name}:\s+(\d+)", text, re.M).group(1)) for name in ("VmRSS", "RssAnon", "Threads")}
    return {"resident_mb": kib["VmRSS"] * 1024 / 1e6, "anonymous_mb": kib["RssAnon"] * 1024 / 1e6,
            "threads": kib["Threads"]}
