#!/usr/bin/env python3
"""weir-latency beside a node under weir-load: latency.py [SCENARIO...]

Profiles are attached and ended while the node runs; what they find is there, whoever ends them. `probes` runs the two bpftrace scripts
as root. Environment: WEIR_LATENCY_BIN, WEIR_LOAD_BIN; the rest as in the harness.
"""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "interop"))
from harness import ROOT, SKIPPED, Scene, alive, check, check_equal, main, wait_until  # noqa: E402

LATENCY = os.environ.get("WEIR_LATENCY_BIN") or os.path.join(ROOT, "build", "release", "weir-latency")
LOAD = os.environ.get("WEIR_LOAD_BIN") or os.path.join(ROOT, "build", "release", "weir-load")
SCRIPTS = os.path.join(ROOT, "tools", "latency")
RELAY_STAGES = {"receive", "open", "route", "seal", "send", "total"}


def latency(home, *words, code=0, timeout_s=90):
    done = subprocess.run([LATENCY, *words], capture_output=True, text=True, timeout=timeout_s, env=home.environment, cwd=home.path)
    check_equal(done.returncode, code, f"exit code of {words}\n{done.stdout[-1500:]}\n{done.stderr[-1500:]}")
    return done


def load(scene, node, rate=20_000, seconds=30):
    """Relayed frames, opened and sealed by the node, until the scene ends; pairs enough that some have their ends on two shards."""
    return scene.spawn([LOAD, "relay", f"127.0.0.1:{node.port}", "--rate", str(rate), "--connections", "16", "--channels", "16",
                        "--duration", str(seconds), "--warmup", "0", "--lag-bound-us", "1000000"])


def recording(home, name):
    with open(os.path.join(home.path, name), encoding="utf-8") as file:
        return json.load(file)


def stages_of(json_file):
    return {name for shard in json_file["shards"] for name in shard["stages"]}


def record(cores):
    with Scene() as scene:
        node = scene.node("weir", "n", options=("--cores", cores) if cores else ())
        home = node.home
        load(scene, node)
        time.sleep(1)
        done = latency(home, "record", "--at", "n", "--seconds", "5", "--sample", "8", "-o", "a.json", "--html", "a.html", "--text")
        check("frames/s" in done.stderr, f"no progress: {done.stderr}")
        a = recording(home, "a.json")
        shards = 2 if cores else 1
        check_equal(len(a["shards"]), shards, "shards")
        check(RELAY_STAGES <= stages_of(a), f"stages: {stages_of(a)}")
        check_equal("ring" in stages_of(a), shards == 2, "a ring between shards")
        frames = sum(shard["frames"] for shard in a["shards"])
        sampled = sum(shard["sampled"] for shard in a["shards"])
        check(frames > 1000 and 0.5 < sampled * 8 / frames < 2, f"{sampled} of {frames} frames timed")
        names = [relay["name"] for relay in a["relays"]]
        check(names and all(name.startswith("forward_to_") for name in names), f"relays: {names}")
        check_equal(a["note"], "", "note")
        for word in ("stage", "p99.9", "forward_to_", "what frames about each percentile"):
            check(word in done.stdout, f"no {word!r} in\n{done.stdout}")
        with open(os.path.join(home.path, "a.html"), encoding="utf-8") as file:
            page = file.read()
        for word in ("<svg", "Percentiles", "What slow frames are made of", "Timeline", "Drops", "forward_to_"):
            check(word in page, f"no {word!r} in the page")
        check(not re.search(r"<script|<link|https?:|src=", page), "the page fetches something")
        # A report later is the same; a comparison speaks of every stage.
        check_equal(latency(home, "report", "a.json").stdout, done.stdout, "report of the file")
        latency(home, "record", "--at", "/node/n", "--seconds", "5", "--sample", "8", "-o", "b.json", "--quiet")
        compared = latency(home, "compare", "a.json", "b.json").stdout
        check(all(stage in compared for stage in RELAY_STAGES), compared)
        check("beyond noise" in compared, compared)
        check_equal(node.show()["status"], "running", "the node")


def one_shard():
    record(None)


def two_shards():
    if os.cpu_count() < 2:
        print("skipped: one CPU")
        sys.exit(SKIPPED)
    record("0-1")


def ctrl_c_gives_what_there_is():
    with Scene() as scene:
        node = scene.node("weir", "n")
        home = node.home
        load(scene, node)
        process = subprocess.Popen([LATENCY, "record", "--at", "n", "--seconds", "600", "-o", "a.json", "--html", "a.html"],
                                   stderr=subprocess.PIPE, text=True, env=home.environment, cwd=home.path)
        check("attached" in process.stderr.readline(), "not attached")
        process.stderr.readline()                               # the first second is over
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=30)
        check_equal(process.returncode, 0, "exit code")
        a = recording(home, "a.json")
        check(0.5 < a["seconds"] < 60 and a["note"], f"{a['seconds']} s, {a['note']!r}")
        check(os.path.getsize(os.path.join(home.path, "a.html")) > 1000, "no page")
        # It has let go of the node: another may attach at once.
        latency(home, "record", "--at", "n", "--seconds", "0.5")


def a_killed_profiler_lets_go():
    with Scene() as scene:
        node = scene.node("weir", "n")
        home = node.home
        process = scene.spawn([LATENCY, "record", "--at", "n", "--seconds", "600"], env=home.environment)
        wait_until(lambda: "latency profile begins" in node.logs(), 10, "the profile to begin")
        refused = latency(home, "record", "--at", "n", "--seconds", "0.5", code=1).stderr
        check("--take-over" in refused and "another profiler" in refused, refused)
        process.kill()
        process.wait(5)
        wait_until(lambda: "latency profile ends: nobody read it" in node.logs(), 40, "the profile to end by itself", every_s=0.5)
        latency(home, "record", "--at", "n", "--seconds", "0.5")


def one_may_take_over():
    with Scene() as scene:
        node = scene.node("weir", "n")
        home = node.home
        first = subprocess.Popen([LATENCY, "record", "--at", "n", "--seconds", "600", "-o", "a.json"], stderr=subprocess.PIPE,
                                 text=True, env=home.environment, cwd=home.path)
        check("attached" in first.stderr.readline(), "not attached")
        first.stderr.readline()
        latency(home, "record", "--at", "n", "--seconds", "0.5", "--take-over")
        _, err = first.communicate(timeout=30)
        check_equal(first.returncode, 1, "exit code of the first")
        check("ended early" in err and "taken over" in err, err)
        check(recording(home, "a.json")["seconds"] > 0, "nothing kept")


def a_node_that_dies_leaves_a_recording():
    with Scene() as scene:
        node = scene.node("weir", "n")
        home = node.home
        process = subprocess.Popen([LATENCY, "record", "--at", "n", "--seconds", "600", "-o", "a.json"], stderr=subprocess.PIPE,
                                   text=True, env=home.environment, cwd=home.path)
        check("attached" in process.stderr.readline(), "not attached")
        process.stderr.readline()
        node.kill()
        _, err = process.communicate(timeout=40)
        check_equal(process.returncode, 1, "exit code")
        check("ended early" in err, err)
        check(recording(home, "a.json")["note"], "no note")


def refusals():
    with Scene() as scene:
        home = scene.home("weir")
        check("default node" in latency(home, "record", code=1).stderr, "no advice without a node")
        check("weir node list" in latency(home, "record", "--at", "nobody", code=1).stderr, "no advice for an unknown node")
        check("names no node" in latency(home, "record", "--at", "/ip4/1.2.3.4", code=1).stderr, "no advice for an address")
        check_equal(os.listdir(home.path), [], "what a look made in the home")
        node = scene.node("weir", "n", home=home)
        node.run("node", "stop", "n")
        check("weir node start" in latency(home, "record", "--at", "n", code=1).stderr, "no advice for a stopped node")
        with open(os.path.join(home.path, "broken"), "w", encoding="utf-8") as file:
            file.write('{"format":"weir-latency"')
        check("no JSON" in latency(home, "report", "broken", code=1).stderr, "no reason for a broken file")
        check("No such file" in latency(home, "compare", "absent", "broken", code=1).stderr, "no reason for a missing file")
        for words in ((), ("record", "--seconds", "0"), ("record", "--sample", "0"), ("report",), ("compare", "a"), ("nonsense",)):
            done = latency(home, *words, code=64)
            check(done.stderr and not done.stdout, f"{words}: {done.stdout!r}")
        for words in (("--help",), ("record", "--help"), ("report", "--help"), ("compare", "--help")):
            check("Example" in latency(home, *words).stdout, f"{words}: no example")


def drop_names_are_those_of_the_node():
    with open(os.path.join(ROOT, "dataplane", "telemetry", "drop_reason.def"), encoding="utf-8") as file:
        reasons = re.findall(r"^DROP_REASON\(k(\w+),", file.read(), re.M)
    want = {i: re.sub(r"(?<!^)([A-Z])", r"_\1", name).lower() for i, name in enumerate(reasons, 1)}
    with open(os.path.join(SCRIPTS, "drops.bt"), encoding="utf-8") as file:
        have = {int(i): name for i, name in re.findall(r'@name\[(\d+)\] = "(\w+)";', file.read())}
    check_equal(have, want, "names in drops.bt")


def trace(node, script, seconds):
    done = subprocess.run(["timeout", "-s", "INT", str(seconds), "bpftrace", os.path.join(SCRIPTS, script), node.home.binary,
                           str(node.pid)], capture_output=True, text=True, timeout=60)
    return done.stdout + done.stderr


def why_no_probes(binary):
    if not shutil.which("bpftrace"):
        return "bpftrace is not installed"
    if os.getuid() != 0:
        return "bpftrace needs root"
    notes = subprocess.run(["readelf", "-n", binary], capture_output=True, text=True).stdout
    if "frame_received" not in notes:
        return "built without USDT probes (systemtap-sdt-dev)"
    works = subprocess.run(["bpftrace", "-e", "BEGIN { exit(); }"], capture_output=True, text=True, timeout=60)
    return "" if works.returncode == 0 else f"bpftrace does not work here: {works.stderr[-300:]}"


def probes():
    with Scene() as scene:
        options = ("--cores", "0-1") if os.cpu_count() > 1 else ()
        node = scene.node("weir", "n", options=options)
        if reason := why_no_probes(node.home.binary):
            print(f"skipped: {reason}")
            sys.exit(SKIPPED)
        load(scene, node, rate=2000, seconds=40)
        time.sleep(1)
        out = trace(node, "stages.bt", 4)
        for name in ("@open_ns", "@seal_ns", "@route_ns", "@send_ns") + (("@ring_ns",) if options else ()):
            check(re.search(name + r"\[\d+\]:\s*\n\[", out), f"no histogram {name} in\n{out[-3000:]}")
        # Messages for a worker that nobody has.
        scene.spawn([LOAD, "message", f"/ip4/127.0.0.1/tcp/{node.port}/service/nobody", "--rate", "200", "--duration", "20"])
        out = trace(node, "drops.bt", 4)
        check(re.search(r"@dropped\[unknown_address\]: \d+", out), f"no drops in\n{out[-3000:]}")
        check(alive(node.pid), "the node died of being traced")


if __name__ == "__main__":
    main({function.__name__: function for function in (
        one_shard, two_shards, ctrl_c_gives_what_there_is, a_killed_profiler_lets_go, one_may_take_over,
        a_node_that_dies_leaves_a_recording, refusals, drop_names_are_those_of_the_node, probes)})
