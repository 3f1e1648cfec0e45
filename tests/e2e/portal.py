#!/usr/bin/env python3
"""Real clients and servers through an inlet, a relay and an outlet of weir: portal.py [SCENARIO...] [--cores 0-1]

WEIR_IO=epoll or uring chooses the I/O back end of all three nodes, --cores their shards.
"""

import hashlib
import http.server
import json
import os
import re
import shutil
import subprocess
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "interop"))
from harness import (MIB, SCALE, Failure, Scene, check, check_equal, clean_environment, free_port, main, stream,  # noqa: E402
                     wait_until)

CORES = sys.argv.pop(sys.argv.index("--cores") + 1) if "--cores" in sys.argv else None
FILE_MIB = 256 // SCALE


class Portal:
    """relay, db (outlets) and app (inlets), with the relay reached over secure channels from both sides."""

    def __init__(self, scene):
        options = ("--cores", CORES) if CORES else ()
        self.relay = scene.node("weir", "relay", options=options)
        self.db = scene.node("weir", "db", options=options)
        self.app = scene.node("weir", "app", options=options)
        self.at = self.relay.address + "/secure/api"
        self.db.relay("db", self.at)

    def to(self, port, name):
        """An inlet's port that leads to 127.0.0.1:port."""
        self.db.outlet(port, name=name)
        return self.app.inlet(f"{self.at}/service/forward_to_db/secure/api/service/{name}")


def run(words, timeout_s=90 * SCALE, **options):
    done = subprocess.run(words, capture_output=True, text=True, timeout=timeout_s, stdin=subprocess.DEVNULL,
                          env={**clean_environment(), "LC_ALL": "C.UTF-8"}, **options)
    check(done.returncode == 0, f"{' '.join(map(str, words))[:200]}: exit {done.returncode}\n{done.stdout[-800:]}{done.stderr[-800:]}")
    return done.stdout


# ---------------------------------------------------------------------------------------------------- servers

def postgres(scene):
    """A temporary cluster on a free port; as its own user where we are root, because PostgreSQL refuses root."""
    folders = sorted((os.path.join("/usr/lib/postgresql", v, "bin") for v in os.listdir("/usr/lib/postgresql")),
                     key=lambda f: int(re.search(r"/(\d+)/", f).group(1)))
    programs = folders[-1]
    user = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
    folder = os.path.join(scene.path, "pg")
    os.mkdir(folder)
    if user:
        os.chmod(scene.path, 0o711)
        shutil.chown(folder, "postgres")
    data, port = os.path.join(folder, "data"), free_port()
    run([*user, f"{programs}/initdb", "-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-sync"], cwd=folder)
    process = scene.spawn([*user, f"{programs}/postgres", "-D", data, "-p", str(port), "-c", "listen_addresses=127.0.0.1",
                           "-c", f"unix_socket_directories={folder}", "-c", "fsync=off", "-c", "max_connections=50"], cwd=folder)
    ready = [f"{programs}/pg_isready", "-q", "-h", "127.0.0.1", "-p", str(port), "-t", "1"]
    wait_until(lambda: process.poll() is not None or subprocess.run(ready).returncode == 0, 30, "PostgreSQL")
    check(process.poll() is None, f"PostgreSQL did not start: {open(process.log).read()[-800:]}")
    return port


def redis(scene):
    port = free_port()
    scene.spawn(["redis-server", "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no",
                 "--dir", scene.path])
    wait_until(lambda: subprocess.run(["redis-cli", "-p", str(port), "ping"], capture_output=True).stdout == b"PONG\n", 10, "redis")
    return port


def file_server(scene, folder):
    class Quiet(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *arguments):
            super().__init__(*arguments, directory=folder)

        def log_message(self, *_):
            pass

    class Server(http.server.ThreadingHTTPServer):
        request_queue_size = 512
        daemon_threads = True

    server = Server(("127.0.0.1", 0), Quiet)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    scene.closers.append(server.shutdown)
    return server.server_address[1]


# ---------------------------------------------------------------------------------------------------- scenarios

def psql(portal, scene, pg):
    port = portal.to(pg, "psql")
    words = ["psql", "-X", "-A", "-t", "-h", "127.0.0.1", "-p", str(port), "-U", "postgres", "-d", "postgres", "-c"]
    check_equal(run([*words, "SELECT 6 * 7"]).strip(), "42", "SELECT 6 * 7")
    rows = run([*words, "SELECT i, md5(i::text) FROM generate_series(1, 200000) i"])
    check_equal(rows.count("\n"), 200000, "rows")
    check(rows.endswith("200000|" + hashlib.md5(b"200000").hexdigest() + "\n"), "last row")
    return f"{len(rows) / MIB:.1f} MiB of rows"


def pgbench(portal, scene, pg):
    run(["pgbench", "-i", "-q", "-s", "1", "-h", "127.0.0.1", "-p", str(pg), "-U", "postgres", "postgres"])
    port = portal.to(pg, "pgbench")
    out = run(["pgbench", "-n", "-c", "8", "-T", str(10 // SCALE), "-h", "127.0.0.1", "-p", str(port), "-U", "postgres",
               "postgres"])
    check("number of failed transactions: 0 " in out, f"failed transactions: {out}")
    tps = float(re.search(r"tps = ([\d.]+)", out).group(1))
    check(tps > 10 / SCALE, f"{tps} transactions a second")
    return f"{tps:.0f} transactions/s"


def redis_benchmark(portal, scene, _):
    port = portal.to(redis(scene), "redis")
    value = "v" * 100000
    run(["redis-cli", "-p", str(port), "set", "long", value])
    check_equal(run(["redis-cli", "-p", str(port), "get", "long"]).strip(), value, "value of 100 kB")
    out = run(["redis-benchmark", "-p", str(port), "-c", "50", "-n", str(20000 // SCALE), "-t", "set,get", "--csv"])
    rates = [float(row.split(",")[1].strip('"')) for row in out.strip().split("\n") if row.startswith(('"SET', '"GET'))]
    check(len(rates) == 2 and min(rates) > 0, f"redis-benchmark: {out}")
    return f"SET {rates[0]:.0f}/s, GET {rates[1]:.0f}/s"


def curl(portal, scene, _):
    folder = os.path.join(scene.path, "files")
    os.mkdir(folder)
    want = hashlib.sha256()
    with open(os.path.join(folder, "big"), "wb") as file:
        for block in stream(FILE_MIB * MIB, 5):
            want.update(block)
            file.write(block)
    with open(os.path.join(folder, "small"), "wb") as file:
        file.write(b"small\n" * 100)
    port = portal.to(file_server(scene, folder), "http")
    started = time.monotonic()
    process = subprocess.Popen(["curl", "-sSf", "--max-time", str(90 * SCALE), f"http://127.0.0.1:{port}/big"],
                               stdout=subprocess.PIPE)
    got = hashlib.sha256()
    while block := process.stdout.read(MIB):
        got.update(block)
    check_equal(process.wait(), 0, "curl's exit code")
    check_equal(got.hexdigest(), want.hexdigest(), f"checksum of {FILE_MIB} MiB")
    took = time.monotonic() - started
    os.unlink(os.path.join(folder, "big"))

    # 200 clients of their own at once, each with its own connection.
    started = time.monotonic()
    clients = [subprocess.Popen(["curl", "-sSf", "--max-time", str(60 * SCALE), f"http://127.0.0.1:{port}/small"],
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE) for _ in range(200)]
    outputs = [client.communicate() for client in clients]
    bad = [(client.returncode, err[-100:]) for client, (out, err) in zip(clients, outputs)
           if client.returncode or out != b"small\n" * 100]
    check(not bad, f"{len(bad)} of 200 short curls failed: {bad[:3]}")
    return f"{FILE_MIB} MiB in {took:.1f}s, 200 short ones in {time.monotonic() - started:.1f}s"


def iperf3(portal, scene, _):
    target = free_port()
    scene.spawn(["iperf3", "-s", "-B", "127.0.0.1", "-p", str(target)])
    port = portal.to(target, "iperf")
    rates = []
    for direction in ([], ["-R"]):
        for attempt in range(50):                       # the server needs a moment to listen, and between two tests
            done = subprocess.run(["iperf3", "-J", "-c", "127.0.0.1", "-p", str(port), "-t", "2", *direction],
                                  capture_output=True, text=True, timeout=60 * SCALE)
            report = json.loads(done.stdout)
            failed = done.returncode != 0 or "error" in report        # with -J an error may exit 0
            if not failed or attempt == 49:
                break
            time.sleep(0.1)
        check(not failed, f"iperf3 {direction}: {report.get('error')}")
        rates.append(report["end"]["sum_received"]["bits_per_second"] / 1e9)
    check(min(rates) > 0.05 / SCALE, f"{rates} Gbit/s")
    return f"{rates[0]:.2f} Gbit/s up, {rates[1]:.2f} down"


SCENARIOS = {"psql": psql, "pgbench": pgbench, "redis_benchmark": redis_benchmark, "curl": curl, "iperf3": iperf3}


def run_all(names):
    failures = []
    with Scene() as scene:
        portal = Portal(scene)
        pg = postgres(scene) if {"psql", "pgbench"} & set(names) else None
        for name in names:
            started = time.monotonic()
            try:
                words = SCENARIOS[name](portal, scene, pg)
                print(f"  ok     {name:16} {time.monotonic() - started:5.1f}s  {words}", flush=True)
            except (Failure, OSError, subprocess.TimeoutExpired) as error:
                failures.append(name)
                print(f"  FAILED {name:16} {time.monotonic() - started:5.1f}s  {error}", flush=True)
        sizes = ", ".join(f"{node.name} {node.resident_kib() / 1024:.0f} MiB, {node.descriptors()} descriptors"
                          for node in scene.nodes)
    check(not failures, f"failed: {', '.join(failures)}")
    return f"WEIR_IO={os.environ.get('WEIR_IO', '')} --cores {CORES or 'default'}; afterwards {sizes}"


if __name__ == "__main__":
    wanted = [word for word in sys.argv[1:] if word in SCENARIOS] or list(SCENARIOS)
    sys.argv[1:] = []
    main({"portal_over_relay": lambda: run_all(wanted)})
