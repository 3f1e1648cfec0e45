"""One measurement: run the load generator, read the CPU time of every process before and after.

A sample is a dict: the load's own figures, `cpu_s` {role: user + system seconds}, `generator_share` (CPU of the busiest
process of the application, in cores: near 1 means that the application was the limit) and `other_share` (the part of the
machine that went to processes which are not ours, or was stolen: noise).
"""

import csv
import io
import json
import os
import socket
import subprocess
import time

from chains import Failure, listens, memory, wait_until

TICK_S = 1 / os.sysconf("SC_CLK_TCK")
GRACE_S = 30
ATTEMPTS = 4


def cpu_s(pid):
    """User and system seconds of a process with all its threads, io_uring's workers included."""
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as file:
            fields = file.read().rsplit(")", 1)[1].split()
    except OSError as error:
        raise Failure(f"process {pid} is gone") from error
    if fields[0] in "ZX":
        raise Failure(f"process {pid} died")
    return (int(fields[11]) + int(fields[12])) * TICK_S


def machine_busy_s():
    with open("/proc/stat", encoding="ascii") as file:
        user, nice, system, _, _, irq, softirq, steal = (int(f) for f in file.readline().split()[1:9])
    return (user + nice + system + irq + softirq + steal) * TICK_S


class Meter:
    """CPU seconds of `roles` from construction to `stop`."""

    def __init__(self, roles):
        self.roles = roles
        self.busy, self.at = machine_busy_s(), time.monotonic()
        self.before = {role: cpu_s(pid) for role, pid in roles.items()}

    def stop(self, generators_s):
        used = {role: round(cpu_s(pid) - self.before[role], 4) for role, pid in self.roles.items()}
        wall = time.monotonic() - self.at
        others = machine_busy_s() - self.busy - sum(used.values()) - sum(generators_s)
        return {"cpu_s": used, "generator_share": max(generators_s) / wall,
                "other_share": max(0.0, others) / wall / (os.cpu_count() or 1)}


def run(words, limit_s):
    """stdout, CPU seconds of the process."""
    process = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    before = os.times()
    try:
        out, err = process.communicate(timeout=limit_s)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
        raise Failure(f"{words[0]} took more than {limit_s:.0f}s") from None
    after = os.times()
    if process.returncode:
        reason = err.strip()
        if out.lstrip().startswith("{"):
            reason = json.loads(out).get("error", reason)
        raise Failure(f"{words[0]}: exit {process.returncode}: {reason[-300:]}")
    return out, after.children_user + after.children_system - before.children_user - before.children_system


def bulk(chain, servers, amount, _unused=None):
    """One TCP connection with as much as goes; amount: ["-t", seconds] or ["-n", bytes]."""
    wait_until(lambda: not listens(servers.iperf_port), 5, "the previous iperf3 -s to end", 0.01)
    server = servers.iperf()
    try:
        meter = Meter(chain.roles)
        out, client_s = run(["iperf3", "-c", "127.0.0.1", "-p", str(chain.bulk_port), "-J", *amount],
                            GRACE_S + (float(amount[1]) if amount[0] == "-t" else 0))
        end = json.loads(out)["end"]
        received, percent = end["sum_received"], end["cpu_utilization_percent"]
        server_s = percent["remote_total"] / 100 * received["seconds"]
        sample = meter.stop([client_s, server_s])
    finally:
        try:
            server.wait(2)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()
    if not received["bytes"]:
        raise Failure("iperf3 moved nothing")
    gigabytes = received["bytes"] / 1e9
    sample.update(bytes=received["bytes"], seconds=received["seconds"],
                  gbit_per_s=received["bytes"] * 8e-9 / received["seconds"],
                  application_cpu_s_per_gb=(client_s + server_s) / gigabytes,
                  cpu_s_per_gb={role: s / gigabytes for role, s in sample["cpu_s"].items()})
    return sample


# connections, requests in flight on each, and whether a connection lives longer than one request
REDIS_SHAPES = {"redis-1": (1, 1, True), "redis-50": (50, 1, True), "redis-50x16": (50, 16, True), "connect": (50, 1, False)}


def redis(chain, servers, load, requests):
    """SET of 64 bytes."""
    connections, in_flight, keep = REDIS_SHAPES[load]
    roles = dict(chain.roles)
    if "server" not in roles:
        roles["server"] = servers.redis.pid
    meter = Meter(roles)
    out, client_s = run(["redis-benchmark", "-p", str(chain.redis_port), "-t", "set", "-d", "64", "-c", str(connections),
                         "-P", str(in_flight), "-k", "1" if keep else "0", "-n", str(requests), "--csv"], GRACE_S)
    sample = meter.stop([client_s])
    row = next((r for r in csv.DictReader(io.StringIO(out)) if r.get("test") == "SET"), None)
    if row is None:
        raise Failure(f"redis-benchmark printed no SET row: {out[-200:]!r}")
    server_s = sample["cpu_s"].pop("server")
    sample.update(requests=requests, requests_per_s=float(row["rps"]),
                  p50_ms=float(row["p50_latency_ms"]), p99_ms=float(row["p99_latency_ms"]),
                  application_cpu_us_per_request=(client_s + server_s) / requests * 1e6,
                  cpu_us_per_request={role: s / requests * 1e6 for role, s in sample["cpu_s"].items()})
    sample["generator_share"] = max(sample["generator_share"], server_s / (requests / sample["requests_per_s"]))
    return sample


# What weir-load is asked for; 64 bytes. A real node does not survive thousands of first messages at once.
LOAD_MODES = {"messages": ["relay", "--closed", "4096", "--connections", "8"],
              "known": ["handshake", "--closed", "32"], "new": ["handshake", "--closed", "32", "--identities", "new"]}


def alone(program, node, load, seconds):
    """weir-load against one node: what it completes, and the node's CPU for each."""
    mode, *words = LOAD_MODES[load]
    if load == "new":
        words += ["--prepare", str(int(4000 * (seconds + 0.5)))]
    command = [program, mode, f"127.0.0.1:{node.port}", *words, "--duration", str(seconds), "--warmup", "0.5",
               "--pid", str(node.pid), "--json"]
    for attempt in range(ATTEMPTS):                         # a real node sometimes leaves one of several first messages unanswered
        meter = Meter({"node": node.pid})
        try:
            out, own_s = run(command, 2 * GRACE_S + 4 * seconds)
            break
        except Failure:
            if attempt + 1 == ATTEMPTS:
                raise
    sample = meter.stop([own_s])
    step = json.loads(out)["steps"][0]
    if not step["completed"]:
        raise Failure(f"weir-load {mode} completed nothing")
    sample.pop("generator_share")
    sample.update(completed=step["completed"], per_s=step["completed_per_s"], cpu_us_each=max(step["peer_cpu_us_per_completed"], 0.001),
                  own_cores=step["own_cpu_s"] / step["seconds"])
    return sample


def tunnels(chain, count, hold_s):
    """Memory and CPU of each process while that many connections are open and silent. Only the first time of a chain tells:
    what a process has grown by it keeps."""
    before = {role: memory(pid) for role, pid in chain.roles.items()}
    opened = []
    try:
        for _ in range(count):
            one = socket.create_connection(("127.0.0.1", chain.redis_port), 10)
            opened.append(one)
            one.sendall(b"PING\r\n")
            if not one.recv(64).startswith(b"+PONG"):
                raise Failure(f"tunnel {len(opened)} did not answer")
        time.sleep(hold_s)                                  # receive buffers go back within a second or so
        meter = Meter(chain.roles)
        time.sleep(hold_s)
        used = meter.stop([0.0])
        after = {role: memory(pid) for role, pid in chain.roles.items()}
    except OSError as error:
        raise Failure(f"tunnel {len(opened)}: {error}") from error
    finally:
        for one in opened:
            one.close()
    return {"tunnels": count, "other_share": used["other_share"],
            "kib_per_tunnel": {role: (after[role]["resident_mb"] - before[role]["resident_mb"]) * 1e6 / 1024 / count
                               for role in after},
            "cpu_ms_per_s": {role: s * 1000 / hold_s for role, s in used["cpu_s"].items()}}
