#!/usr/bin/env python3
"""weir-load against a node: load.py [SCENARIO...]

Every mode for about a second: something was done, the JSON has its shape, nothing failed, and the node outlives the adversaries.
No time is asserted. Environment: WEIR_LOAD_BIN; the rest as in the harness. `real_ockam` needs the reference program.
"""

import json
import os
import signal
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "interop"))
from harness import ROOT, Scene, alive, check, check_equal, free_port, main, wait_until  # noqa: E402
from peer import Peer  # noqa: E402

LOAD = os.environ.get("WEIR_LOAD_BIN") or os.path.join(ROOT, "build", "release", "weir-load")
STEP_FIELDS = {"offered_per_s", "seconds", "sent", "completed", "unanswered", "held_back", "completed_per_s",
               "payload_bytes_per_s", "latency_us", "latency_refused", "own_lag_us", "own_late_percent", "own_cpu_s",
               "peer_before", "peer_after", "failures", "figures"}
FIELDS = {"tool", "mode", "target", "options", "machine", "set_up_s", "peer_before_set_up", "peer_after_set_up",
          "interrupted", "error", "steps", "knee_per_s"}
QUANTILES = ("p50", "p90", "p99", "p99.9", "p99.99", "min", "mean", "max", "count")
SECONDS = ("--duration", "0.8", "--warmup", "0.2")


def load(mode, target, *words, seconds=SECONDS, ok=True):
    """Runs it and returns the JSON, whose shape is checked."""
    # A shared machine may be late at any time: the bound must not decide whether a latency is there.
    command = [LOAD, mode, target, "--json", "--lag-bound-us", "1000000", *seconds, *words]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    text = " ".join(command[1:])
    check((done.returncode == 0) == ok, f"`{text}`: exit {done.returncode}\n{done.stdout[-1500:]}\n{done.stderr[-500:]}")
    result = json.loads(done.stdout)
    check_equal(set(result), FIELDS, f"fields of `{text}`")
    check_equal(result["mode"], mode, "mode")
    for step in result["steps"]:
        check(STEP_FIELDS <= set(step), f"`{text}`: missing {STEP_FIELDS - set(step)}")
    return result


def step_of(mode, target, *words, **options):
    """One measurement in which something was done and nothing failed."""
    result = load(mode, target, *words, **options)
    check_equal(len(result["steps"]), 1, f"{mode}: measurements")
    step = result["steps"][0]
    check(step["completed"] > 0, f"{mode} {words}: nothing was completed: {step}")
    check_equal(step["failures"], {}, f"{mode} {words}: failures")
    check_equal(step["unanswered"], 0, f"{mode} {words}: unanswered")
    for name in QUANTILES:
        check(step["latency_us"][name] > 0, f"{mode} {words}: latency {name}")
    check_equal(step["latency_us"]["count"], step["completed"], f"{mode} {words}: latencies counted")
    check(step["figures"].get("frames_that_did_not_open", 0) == 0, f"{mode} {words}: frames that did not open")
    return step


def message():
    with Scene() as scene:
        node = scene.node("weir", "n")
        echo, secure = node.address + "/service/echo", node.address + "/secure/api/service/echo"
        step_of("message", f"127.0.0.1:{node.port}")
        step_of("message", echo, "--connections", "3", "--poisson", "--rate", "2000", "--size", "64:90%,1400:10%")
        step = step_of("message", secure, "--connections", "2", "--channels", "6", "--rate", "3000", "--pid", str(node.pid))
        check(step["peer_after"]["resident_bytes"] > 0, "no memory of the peer")
        check(step["peer_after"]["cpu_s"] > step["peer_before"]["cpu_s"], "the peer has used no time")
        step_of("message", secure, "--size", "1", "--rate", "500")                  # too small for a stamp
        step_of("message", secure, "--closed", "64", "--size", "1:50%,3000:50%", "--channels", "4")
        step_of("message", echo, "--size", "8MiB", "--rate", "5")
        step_of("message", echo, "--cores", "0-1" if os.cpu_count() > 1 else "0", "--connections", "4")
        other = scene.node("weir", "other")
        other.relay("other", node.address + "/secure/api")
        step_of("message", node.address + "/service/forward_to_other/service/echo", "--rate", "500")
        # A channel with the other node, through a channel with the relay.
        step_of("message", node.address + "/secure/api/service/forward_to_other/secure/api/service/echo",
                "--rate", "500", "--channels", "3")


def members():
    """Who shows a credential of the authority that the tool plays is served where members only are; others are not."""
    with Scene() as scene:
        home = scene.home("weir")
        file = os.path.join(home.path, "authority")
        strangers = scene.node("weir", "open")
        load("idle", f"127.0.0.1:{strangers.port}", "--connections", "1", "--authority", file, "--attribute", "team=a")
        history = open(file + ".history").read().strip()
        node = scene.node("weir", "guarded", home=home, options=("--authority-identity", history, "--credential-scope", "s"))
        home.run("policy", "create", "--resource-type", "echoer", "--allow", "team=a", "--at", "guarded")
        echo = node.address + "/secure/api/service/echo"
        member = ("--authority", file, "--attribute", "team=a")
        step_of("message", echo, "--rate", "500", *member)
        step_of("handshake", f"127.0.0.1:{node.port}", "--rate", "50", "--connections", "2", "--identities", "new", *member)
        idle = load("idle", f"127.0.0.1:{node.port}", "--connections", "2", "--channels", "6", "--identities", "new", *member)
        check_equal(idle["steps"][0]["figures"]["flows_up"], 6, "members that are up")
        other = load("message", echo, "--rate", "100", "--timeout", "2", "--authority", file, "--attribute", "team=b", ok=False)
        check_equal(other["steps"], [], "answers to another team")
        check_equal(subprocess.run([LOAD, "idle", node.address, "--authority", file, "--attribute", "team"],
                                   capture_output=True).returncode, 64, "an attribute without a value")


def relay():
    with Scene() as scene:
        target = f"127.0.0.1:{scene.node('weir', 'n').port}"
        for kind in ("open-seal", "opaque", "open", "seal"):
            step_of("relay", target, "--kind", kind, "--rate", "2000", "--connections", "2", "--channels", "4")
        step_of("relay", target, "--closed", "128")
        step_of("relay", target, "--size", "48KiB", "--rate", "200")


def sweep():
    with Scene() as scene:
        target = f"127.0.0.1:{scene.node('weir', 'n').port}"
        result = load("message", target, "--sweep", "200:800:2", seconds=("--duration", "0.4", "--warmup", "0.1"))
        check(1 <= len(result["steps"]) <= 3, f"{len(result['steps'])} steps")
        check_equal(result["steps"][0]["offered_per_s"], 200, "first rate")


def portal():
    with Scene() as scene:
        serve = free_port()
        far, near = scene.node("weir", "far"), scene.node("weir", "near")
        far.outlet(serve)
        inlet = near.inlet(far.address + "/secure/api/service/outlet")
        target, server = f"127.0.0.1:{inlet}", ("--serve", f"127.0.0.1:{serve}")
        step_of("portal", target, *server, "--rate", "500", "--connections", "3")
        step_of("portal", target, *server, "--closed", "16", "--connections", "4", "--size", "64:50%,20000:50%")
        step_of("portal", target, *server, "--kind", "connect", "--rate", "50")
        for direction in ((), ("--reverse",)):
            step = load("portal", target, *server, "--kind", "bulk", *direction)["steps"][0]
            check(step["payload_bytes_per_s"] > 0, f"bulk {direction}: nothing came through")
            check_equal(step["failures"], {}, f"bulk {direction}: failures")


def handshake():
    with Scene() as scene:
        node = scene.node("weir", "n")
        target = f"127.0.0.1:{node.port}"
        identity = os.path.join(scene.path, "me")
        for _ in range(2):                                      # the second time it is read
            step_of("handshake", target, "--identities", "known", "--rate", "50", "--identity", identity)
        step_of("handshake", target, "--identities", "new", "--rate", "50", "--prepare", "60")
        step_of("handshake", target, "--closed", "4")
        check_equal(os.stat(identity).st_mode & 0o777, 0o600, "mode of the identity file")


def idle_and_churn():
    with Scene() as scene:
        node = scene.node("weir", "n")
        target = f"127.0.0.1:{node.port}"
        for kind in ("connection", "channel", "relay"):
            result = load("idle", target, "--with", kind, "--connections", "40", "--pid", str(node.pid))
            check_equal(result["steps"][0]["figures"]["flows_up"], 40, f"idle {kind}: tunnels up at the end")
            check(result["peer_after_set_up"]["resident_bytes"] > 0, "no memory of the peer")
            step_of("churn", target, "--with", kind, "--rate", "40")
        step_of("idle", target, "--with", "relay", "--connections", "5", "--rate", "100")
        # It says good-bye to all of these, in more commands than a shard's ring has room for.
        load("idle", target, "--with", "relay", "--connections", "2000")
        node.kill(signal.SIGTERM)


def adversaries():
    with Scene() as scene:
        node = scene.node("weir", "n")
        plain, secure = f"127.0.0.1:{node.port}", node.address + "/secure/api/service/echo"
        attacks = [("flood", plain, "--rate", "2000"), ("slow-reader", plain, "--size", "48KiB"),
                   ("slow-reader", secure, "--size", "4KiB", "--read-rate", "20000"), ("mangle", plain),
                   ("mangle", secure, "--bits", "20"), ("replay", plain), ("replay", secure, "--copies", "5")]
        for mode, target, *words in attacks:
            step = load(mode, target, *words)["steps"][0]
            check(step["sent"] > 0, f"{mode} {words}: nothing was sent")
            check(step["bystander"]["answered"] > 0, f"{mode} {words}: the bystander got no answer")
            check_equal(step["figures"]["bystander_up"], 1, f"{mode} {words}: bystander at the end")
            if mode == "replay":
                check(step["figures"]["answers"] > 0, f"{words}: no answers")
                again = step["figures"]["answered_again"]
                check((again == 0) == (target == secure), f"{target}: {again} replayed frames were answered")
            check(alive(node.pid), f"the node died of {mode} {words}")
        with Peer(node.port) as peer:
            check(peer.echo(), "no echo after all attacks")


def storm():
    """As many handshakes as fit beside messages on an open channel: the share bites and says so, the channel goes on."""
    with Scene() as scene:
        node = scene.node("weir", "n", options=("--handshake-share", "10"))
        target = f"127.0.0.1:{node.port}"
        words = [LOAD, "flood", target, "--connections", "100", "--rate", "5000", "--json", "--lag-bound-us", "1000000",
                 "--warmup", "0", "--duration", "3"]
        flood = scene.spawn(words)
        step = step_of("message", node.address + "/secure/api/service/echo", "--rate", "500")
        check_equal(flood.wait(60), 0, "exit code of the flood")
        with open(flood.log, encoding="utf-8") as text:
            attack = json.loads(text.read())["steps"][0]
        check(attack["bystander"]["answered"] > 0, "the bystander got no answer")
        counters = counted(node)["control"]
        check(counters["handshake_messages_delayed_by_share"] > 0, f"nothing was delayed: {counters}")
        done = counters["handshakes_started"] - counters["handshake_messages_delayed_by_share"]
        check(done < attack["sent"] / 2, f"{done} of {attack['sent']} were worked on at once, with a share of 10 %")
        check(step["completed"] > 0, "the messages did not get through")
        # Who comes later is served.
        wait_until(lambda: Peer(node.port).echo(), 10, "an echo after the storm")
        step_of("handshake", target, "--rate", "20")


def counted(node):
    return node.run("node", "counters", node.name, "--output", "json").json()


def ctrl_c_gives_the_result_so_far():
    with Scene() as scene:
        node = scene.node("weir", "n")
        process = subprocess.Popen([LOAD, "message", f"127.0.0.1:{node.port}", "--json", "--duration", "600", "--warmup",
                                    "0", "--progress"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        line = process.stderr.readline()                        # the first second is over
        check("done" in line, f"no progress line: {line!r}")
        time.sleep(0.2)
        process.send_signal(signal.SIGINT)
        out, _ = process.communicate(timeout=30)
        result = json.loads(out)
        check_equal(process.returncode, 0, "exit code")
        check(result["interrupted"] and result["steps"][0]["completed"] > 0, f"no result so far: {out[-500:]}")
        check(result["steps"][0]["seconds"] < 60, "more seconds than it ran")


def lateness_is_said():
    """A bound that nobody can keep: no latency, but why."""
    with Scene() as scene:
        node = scene.node("weir", "n")
        done = subprocess.run([LOAD, "message", f"127.0.0.1:{node.port}", "--json", "--lag-bound-us", "1", "--rate", "20000",
                               *SECONDS], capture_output=True, text=True, timeout=60)
        step = json.loads(done.stdout)["steps"][0]
        check_equal(step["latency_us"], None, "a latency in spite of a late loop")
        check("our own loop was late" in step["latency_refused"], "no reason")


def refusals():
    for words in ((), ("message",), ("message", "nowhere", "--rate", "x"), ("message", "127.0.0.1:1", "--size", "17MiB"),
                  ("message", "/service/echo"), ("relay", "127.0.0.1:1", "--kind", "both"), ("portal", "127.0.0.1:1"),
                  ("message", "127.0.0.1:1", "--sweep", "9:1"), ("message", "127.0.0.1:1", "--cores", "1-"),
                  ("message", "127.0.0.1:1", "--sweep", "1:9", "--closed", "1")):
        done = subprocess.run([LOAD, *words], capture_output=True, text=True, timeout=20)
        check_equal(done.returncode, 64, f"exit code of {words}")
        check(done.stderr and not done.stdout, f"{words}: {done.stdout!r}")
    for mode in ("message", "relay", "portal", "handshake", "idle", "churn", "flood", "slow-reader", "mangle", "replay"):
        done = subprocess.run([LOAD, mode, "--help"], capture_output=True, text=True, timeout=20)
        check(done.returncode == 0 and "--duration" in done.stdout, f"{mode} --help")
    result = load("message", f"127.0.0.1:{free_port()}", ok=False)
    check("refused" in result["error"], f"error of a port where nobody listens: {result['error']}")


def real_ockam():
    with Scene() as scene:
        node = scene.node("ockam", "n")
        target = f"127.0.0.1:{node.port}"
        step_of("message", target, "--rate", "500")
        step_of("message", node.address + "/secure/api/service/echo", "--rate", "500", "--channels", "2")
        step_of("handshake", target, "--rate", "20", "--connections", "2")
        # It loses a stranger's last message when another one's history is being stored.
        new = load("handshake", target, "--rate", "20", "--connections", "2", "--identities", "new")["steps"][0]
        check(new["completed"] > 0, f"no stranger was answered: {new}")
        step_of("relay", target, "--rate", "300")
        step_of("relay", target, "--rate", "300", "--kind", "opaque")


if __name__ == "__main__":
    main({function.__name__: function for function in (
        message, members, relay, sweep, portal, handshake, idle_and_churn, adversaries, storm, ctrl_c_gives_the_result_so_far,
        lateness_is_said, refusals)} | ({"real_ockam": real_ockam} if "real_ockam" in sys.argv else {}))
