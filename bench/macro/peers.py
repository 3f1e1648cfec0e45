"""Who is measured, under which loads, and what each one needs to be there."""

import contextlib
import os
import shutil
import subprocess
import sys

from chains import FOLDER, Direct, Failure, Nodes, TOPOLOGIES
from harness import binary
from proxies import Between, Echo, Proxy, Rathole, Stunnel, bare_loop, haproxy

# load: programs that it needs
LOADS = {"bulk": ("iperf3",), "redis-1": ("redis-server", "redis-benchmark"), "redis-50": ("redis-server", "redis-benchmark"),
         "redis-50x16": ("redis-server", "redis-benchmark"), "connect": ("redis-server", "redis-benchmark"),
         "tunnels": ("redis-server",), "messages": (), "known": (), "new": (), "idle": ()}
ALONE = ("messages", "known", "new", "idle")       # of one node by itself
REDIS = ("redis-1", "redis-50", "redis-50x16", "connect")
NAMES = {"direct": "direct", "echo": "direct, bare echo", "haproxy": "HAProxy, one plain hop",
         "bare-64k": "bare loop, 64 KiB a call", "bare-256k": "bare loop, 256 KiB a call", "bare-1m": "bare loop, 1 MiB a call",
         "bare-plain": "bare loop, 1 MiB a call, no cipher",
         "between-haproxy": "HAProxy between weir's ends", "between-bare-256k": "bare loop, 256 KiB, between weir's ends",
         "between-bare-1m": "bare loop, 1 MiB, between weir's ends", "rathole": "rathole pair, plain",
         "rathole-noise": "rathole pair, Noise", "stunnel": "stunnel pair, TLS 1.3", "ockam": "Ockam", "weir": "**weir**",
         "weir-epoll": "**weir**, epoll",
         "weir-2": "**weir**, two shards"}
# peer: its loads. Chains of nodes are measured in every topology.
PEERS = {"direct": ("bulk", *REDIS), "echo": ("redis-1", "redis-50"), "haproxy": ("bulk", *REDIS, "tunnels"),
         "bare-64k": ("bulk",), "bare-256k": ("bulk",), "bare-1m": ("bulk", *REDIS), "bare-plain": ("bulk",),
         "between-haproxy": ("bulk", "redis-50"), "between-bare-256k": ("bulk",), "between-bare-1m": ("bulk", "redis-50"),
         "rathole": ("bulk", *REDIS, "tunnels"), "rathole-noise": ("bulk", *REDIS, "tunnels"),
         "stunnel": ("bulk", *REDIS, "tunnels"), "ockam": tuple(LOADS), "weir": tuple(LOADS),
         "weir-epoll": ("bulk", "redis-1", "redis-50", "messages"), "weir-2": ("messages",)}
KIND = {"ockam": "ockam", "weir": "weir", "weir-epoll": "weir", "weir-2": "weir"}


def beside_weir(name, variable, *folder):
    """A program beside the measured weir, where CMake puts both."""
    path = os.environ.get(variable) or os.path.join(os.path.dirname(binary("weir")), *folder, name)
    if not os.access(path, os.X_OK):
        raise Failure(f"no {name} at {path}: build it, or set {variable}")
    return path


def bare_loop_program():
    return beside_weir("bare_loop", "BARE_LOOP_BIN", "bench")


def weir_load_program():
    return beside_weir("weir-load", "WEIR_LOAD_BIN")


def rathole():
    done = subprocess.run([os.path.join(FOLDER, "build_rathole.sh"), "--no-build"], capture_output=True, text=True, check=False)
    if done.returncode:
        raise Failure(done.stdout.strip().removeprefix("skipped: ") or "no rathole")
    return done.stdout.strip()


def installed(*programs):
    missing = [program for program in programs if not shutil.which(program)]
    if missing:
        raise Failure(f"{' and '.join(missing)}: not installed")
    return shutil.which(programs[0])


def program_of(peer):
    """Path of a peer's program ('' where it has none), or a Failure that says why it is missing."""
    if peer in KIND:
        try:
            with contextlib.redirect_stdout(sys.stderr):
                return binary(KIND[peer])
        except SystemExit:
            raise Failure("no real ockam here (tests/interop/build_ockam.sh makes it)") from None
    if "bare" in peer or peer == "echo":
        return bare_loop_program()
    if peer.startswith("rathole"):
        return rathole()
    if peer.endswith("haproxy"):
        return installed("haproxy")
    return {"stunnel": lambda: installed("stunnel", "openssl"),
            "direct": lambda: ""}[peer]()


def node_alone(peer, scene, name):
    """A node by itself."""
    home = scene.home(KIND[peer])
    if peer == "weir-epoll":
        home.environment["WEIR_IO"] = "epoll"
    return scene.node(KIND[peer], name, home, options=("--cores", "0-1") if peer == "weir-2" else ())


def topologies(peer):
    return list(TOPOLOGIES) if peer in KIND else [None]


def make(peer, topology, scene, servers, program):
    if peer in KIND:
        return Nodes(scene, servers, KIND[peer], topology, "epoll" if peer == "weir-epoll" else None)
    if "bare" in peer or peer.endswith("haproxy"):
        kib = {"64k": 64, "256k": 256}.get(peer.rsplit("-")[-1], 1024)

        def start(targets):
            if "bare" in peer:
                return bare_loop(scene, program, targets, kib, not peer.endswith("plain"))
            return haproxy(scene, program, targets)
        return Between(scene, servers, start) if peer.startswith("between") else Proxy(servers, start)
    if peer.startswith("rathole"):
        return Rathole(scene, servers, program, peer == "rathole-noise")
    return {"direct": lambda: Direct(servers), "echo": lambda: Echo(scene, program),
            "stunnel": lambda: Stunnel(scene, servers)}[peer]()


def label(cell):
    name = NAMES[cell["peer"]]
    short = {None: "", "none": " E2E", "opaque": ", opaque relay", "secure": ", SC relay"}
    return name + short[cell["topology"]]
