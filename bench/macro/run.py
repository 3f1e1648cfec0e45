#!/usr/bin/env python3
"""Whole processes side by side: iperf3 and redis-benchmark direct, through HAProxy, real ockam nodes and weir nodes.

    run.py [--weir PATH] [--ockam PATH] [--rounds 5] [--seconds 3] [--only SCENARIO,...] [--peers PEER,...]
           [--json FILE] [--quick]

Scenarios: bulk, bulk-opaque, bulk-secure, redis, redis-secure, idle. Peers: direct, haproxy, ockam, weir. Each round measures
every pair once and starts with another one, so that a slow minute hits all alike. Markdown goes to stdout, progress to
stderr; Ctrl-C prints what is there and stops every process. --quick: one round of one second; exits 1 if a figure is missing.
"""

import argparse
import contextlib
import json
import os
import shutil
import signal
import sys
import time

import loads
import report
from chains import Direct, Failure, HaProxy, Nodes, Servers, memory, stop_half_made
from harness import Scene, binary

CONNECTIONS = 50
SCENARIOS = {"bulk": ("bulk", "none"), "bulk-opaque": ("bulk", "opaque"), "bulk-secure": ("bulk", "secure"),
             "redis": ("redis", "none"), "redis-secure": ("redis", "secure"), "idle": ("idle", None)}
PEERS = ("direct", "haproxy", "ockam", "weir")
PROGRAMS = {"bulk": ("iperf3",), "redis": ("redis-server", "redis-benchmark"), "idle": ()}
WARM_UP_BYTES, WARM_UP_REQUESTS = "64M", 5000
REQUESTS_MIN = 1000
SETTLE_S = 2.0


def say(words):
    print(words, file=sys.stderr, flush=True)


def names(allowed):
    def parse(text):
        wanted = text.split(",")
        unknown = [name for name in wanted if name not in allowed]
        if unknown:
            raise argparse.ArgumentTypeError(f"{', '.join(unknown)}: not among {', '.join(allowed)}")
        return wanted
    return parse


def options():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--weir", help="the program (default: WEIR_BIN, else build/release/weir)")
    parser.add_argument("--ockam", help="the program (default: OCKAM_BIN, else the one that build_ockam.sh made)")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=3, help="of each measurement")
    parser.add_argument("--only", type=names(list(SCENARIOS)), default=list(SCENARIOS), metavar="SCENARIO,...")
    parser.add_argument("--peers", type=names(PEERS), default=list(PEERS), metavar="PEER,...")
    parser.add_argument("--json", metavar="FILE", help="raw results")
    parser.add_argument("--quick", action="store_true")
    chosen = parser.parse_args()
    if chosen.quick:
        chosen.rounds, chosen.seconds = 1, 1
    return chosen


def programs(chosen):
    """{kind: path} of the nodes' programs that are there, and the words for what is not."""
    binaries, skipped = {}, []
    for kind in ("ockam", "weir"):
        if kind not in chosen.peers:
            continue
        if getattr(chosen, kind):
            os.environ[f"{kind.upper()}_BIN"] = os.path.abspath(getattr(chosen, kind))
        try:
            with contextlib.redirect_stdout(sys.stderr):
                binaries[kind] = binary(kind)
        except (SystemExit, Failure) as reason:
            skipped.append(f"{kind}: {reason if isinstance(reason, Failure) else 'no real ockam here'}")
    if "haproxy" in chosen.peers and not shutil.which("haproxy"):
        skipped.append("HAProxy: not installed")
    for load, needed in PROGRAMS.items():
        missing = [program for program in needed if not shutil.which(program)]
        if missing and any(SCENARIOS[name][0] == load for name in chosen.only):
            skipped.append(f"{load}: no {' and no '.join(missing)}")
            chosen.only = [name for name in chosen.only if SCENARIOS[name][0] != load]
    return binaries, skipped


class Bench:
    """Cells (one line of a table each) and the chains that they share."""

    def __init__(self, scene, chosen, binaries):
        self.scene, self.chosen, self.binaries = scene, chosen, binaries
        kinds = {SCENARIOS[name][0] for name in chosen.only}
        self.servers = Servers(scene, "redis" in kinds)
        self.chains, self.idle, self.cells = {}, {}, []
        for load in ("bulk", "redis"):
            if load in kinds:
                self.cells += [self.cell(load, peer) for peer in chosen.peers
                               if peer == "direct" or peer == "haproxy" and shutil.which("haproxy")]
            self.cells += [self.cell(load, kind, SCENARIOS[name][1]) for name in chosen.only
                           if SCENARIOS[name][0] == load for kind in binaries]
        if "idle" in kinds:
            self.cells += [self.cell("idle", kind) for kind in binaries]

    @staticmethod
    def cell(load, peer, topology=None):
        return {"load": load, "peer": peer, "topology": topology, "samples": []}

    def build(self):
        """Idle nodes first: they have the whole set-up to settle in."""
        for cell in self.cells:
            if cell["load"] == "idle":
                say(f"set up: idle {cell['peer']}")
                self.idle[cell["peer"]] = self.scene.node(cell["peer"], "idle")
        for cell in self.cells:
            key = cell["peer"], cell["topology"]
            if cell["load"] != "idle" and key not in self.chains:
                say(f"set up: {cell['peer']} {cell['topology'] or ''}")
                self.chains[key] = self.chain(*key)
        for cell in self.cells:
            if cell["load"] != "idle":
                self.warm_up(cell)
        if len(self.cells) == len(self.idle):
            time.sleep(SETTLE_S)

    def chain(self, peer, topology):
        if peer == "direct":
            return Direct(self.servers)
        if peer == "haproxy":
            return HaProxy(self.scene, self.servers)
        return Nodes(self.scene, self.servers, peer, topology)

    def warm_up(self, cell):
        """Also finds how many requests fill the time: redis-benchmark counts requests, not seconds."""
        chain = self.chains[cell["peer"], cell["topology"]]
        if cell["load"] == "bulk":
            loads.bulk(chain, self.servers, ["-n", WARM_UP_BYTES])
        else:
            rate = loads.redis(chain, self.servers, WARM_UP_REQUESTS, CONNECTIONS)["requests_per_s"]
            cell["requests"] = max(REQUESTS_MIN, int(rate * self.chosen.seconds))

    def measure(self, cell):
        if cell["load"] == "idle":
            return memory(self.idle[cell["peer"]].pid)
        chain = self.chains[cell["peer"], cell["topology"]]
        if cell["load"] == "bulk":
            return loads.bulk(chain, self.servers, ["-t", f"{self.chosen.seconds:g}"])
        return loads.redis(chain, self.servers, cell["requests"], CONNECTIONS)

    def round(self, number):
        start = number * 3 % len(self.cells)                # 3: another first one, and another predecessor of each
        for cell in self.cells[start:] + self.cells[:start]:
            try:
                sample = self.measure(cell)
            except Failure as error:
                sample = {"error": str(error)}
            cell["samples"].append({"round": number, **sample})
            name = f"{cell['load']} {cell['peer']} {cell['topology'] or ''}"
            say(f"round {number + 1}/{self.chosen.rounds}  {name:22} {figure(sample)}")


def figure(sample):
    for key, unit in (("error", ""), ("gbit_per_s", "Gbit/s"), ("requests_per_s", "requests/s"), ("resident_mb", "MB")):
        if key in sample:
            return f"{sample[key]:,.2f} {unit}" if unit else f"FAILED: {sample[key]}"
    return ""


def stop_on_signal(*_):
    raise KeyboardInterrupt


def main():
    chosen = options()
    signal.signal(signal.SIGTERM, stop_on_signal)
    binaries, skipped = programs(chosen)
    for name in skipped:
        say(f"skipped {name}")
    result = {"machine": report.machine_card(binaries), "seconds": chosen.seconds, "rounds_done": 0,
              "connections": CONNECTIONS, "skipped": skipped, "cells": []}
    interrupted = broken = False
    with Scene() as scene:
        try:
            bench = Bench(scene, chosen, binaries)
            result["cells"] = bench.cells
            bench.build()
            for number in range(chosen.rounds):
                bench.round(number)
                result["rounds_done"] = number + 1
        except KeyboardInterrupt:
            interrupted = True
            say("interrupted: the result so far")
        except Failure as error:
            broken = True
            say(f"FAILED: {error}")
        finally:
            signal.signal(signal.SIGINT, signal.SIG_IGN)    # a second Ctrl-C must not leave processes behind
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            stop_half_made(scene)
    print(report.markdown(result))
    if chosen.json:
        with open(chosen.json, "w", encoding="utf-8") as file:
            json.dump(result, file, indent=1)
    if interrupted:
        sys.exit(130)
    complete = all(len(report.good(cell)) == chosen.rounds for cell in result["cells"])
    sys.exit(0 if complete and not broken else 1)


if __name__ == "__main__":
    main()
