#!/usr/bin/env python3
"""Whole processes side by side on one machine in the same minutes.

    run.py [--weir PATH] [--ockam PATH] [--rounds 5] [--seconds 3] [--only LOAD,...] [--peers PEER,...]
           [--topologies none,opaque,secure] [--json FILE] [--svg FILE] [--quick]

Loads: bulk (iperf3); redis-1, redis-50, redis-50x16 (SET of 64 bytes, connections x requests in flight); connect (a new
connection for each request); tunnels (memory and CPU of silent connections); of one node by itself: messages (64 B, opened
and sealed), known and new (handshakes), by weir-load; idle (a node that does nothing).
Peers: peers.py. Each round measures every pair once and starts with another one, so that a slow minute hits all alike.
Markdown goes to stdout, progress to stderr; what is not installed is skipped by name; Ctrl-C prints what is there and stops
every process. --quick: one small round of everything, at most two minutes; exits 1 if a figure is missing.
"""

import argparse
import concurrent.futures
import json
import os
import resource
import shutil
import signal
import sys
import time

import card
import loads
import peers
import plot
import report
from chains import TOPOLOGIES, Failure, Nodes, Servers, io_back_end, memory, stop_half_made
from harness import Scene

WARM_UP_BYTES, WARM_UP_REQUESTS = "64M", {"redis-1": 500, "redis-50": 5000, "redis-50x16": 50000, "connect": 2000}
QUICK_BYTES, QUICK_REQUESTS = "32M", {"redis-1": 200, "redis-50": 2000, "redis-50x16": 20000, "connect": 500}
REQUESTS_MIN = 1000
SETTLE_S = 2.0
BUILDERS = 4        # chains that are set up at a time: most of it is waiting


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
    parser.add_argument("--tunnels", type=int, default=1000, help="silent connections of the load tunnels")
    for name, allowed in (("only", peers.LOADS), ("peers", peers.PEERS), ("topologies", TOPOLOGIES)):
        parser.add_argument(f"--{name}", type=names(list(allowed)), default=list(allowed), metavar="NAME,...",
                            help=", ".join(allowed))
    parser.add_argument("--json", metavar="FILE", help="raw results")
    parser.add_argument("--svg", metavar="FILE", help="a plot of them")
    parser.add_argument("--quick", action="store_true")
    chosen = parser.parse_args()
    if chosen.quick:
        chosen.rounds, chosen.tunnels = 1, 50
    return chosen


def choose_programs(chosen):
    """{peer: path} of what is there, and the words for what is not."""
    programs, skipped = {}, []
    for kind in ("ockam", "weir"):
        if getattr(chosen, kind):
            os.environ[f"{kind.upper()}_BIN"] = os.path.abspath(getattr(chosen, kind))
    for peer in chosen.peers:
        try:
            programs[peer] = peers.program_of(peer)
        except Failure as reason:
            skipped.append(f"{peer}: {reason}")
    for load, needed in peers.LOADS.items():
        missing = [program for program in needed if not shutil.which(program)]
        if missing and load in chosen.only:
            skipped.append(f"{load}: no {' and no '.join(missing)}")
            chosen.only = [name for name in chosen.only if name != load]
    return programs, skipped


class Bench:
    """Cells (one line of a table each) and the chains that they share."""

    def __init__(self, scene, chosen, programs):
        self.scene, self.chosen, self.programs = scene, chosen, programs
        self.servers = Servers(scene, any("redis-server" in peers.LOADS[load] for load in chosen.only))
        self.chains, self.idle, self.alone, self.io = {}, {}, {}, {}
        self.cells = [{"load": load, "peer": peer, "topology": topology, "samples": []}
                      for load in chosen.only for peer in programs if load in peers.PEERS[peer]
                      for topology in ([None] if load in peers.ALONE else peers.topologies(peer))
                      if topology is None or topology in chosen.topologies]

    def build(self):
        """Idle nodes first: they have the whole set-up to settle in. What cannot be set up is a failed figure, not the end."""
        for cell in self.cells:
            if cell["load"] == "idle":
                self.idle[cell["peer"]] = peers.node_alone(cell["peer"], self.scene, "idle")
        for peer in {cell["peer"]: None for cell in self.cells if cell["load"] in loads.LOAD_MODES}:
            self.alone[peer] = peers.node_alone(peer, self.scene, "alone")
        keys = {(cell["peer"], cell["topology"]): None for cell in self.cells if cell["load"] not in peers.ALONE}
        with concurrent.futures.ThreadPoolExecutor(BUILDERS) as pool:
            try:
                for key, chain in zip(keys, pool.map(self.chain, keys)):
                    self.chains[key] = chain
            except BaseException:
                pool.shutdown(wait=True, cancel_futures=True)
                raise
        for cell in self.cells:
            if cell["load"] == "tunnels":
                self.measure_into(cell, 0)                  # before anything else has been through the chain
        if not self.chosen.quick:
            for cell in self.cells:
                self.warm_up(cell)
        if len(self.cells) == len(self.idle):
            time.sleep(SETTLE_S)

    def chain(self, key):
        peer, topology = key
        say(f"set up: {peer} {topology or ''}")
        try:
            chain = peers.make(peer, topology, self.scene, self.servers, self.programs[peer])
            if isinstance(chain, Nodes) and chain.kind == "weir":
                self.io[peer] = io_back_end(chain.roles["inlet"])
            return chain
        except Failure as error:
            return error

    def of(self, cell):
        chain = self.chains[cell["peer"], cell["topology"]]
        if isinstance(chain, Failure):
            raise Failure(f"not set up: {chain}")
        return chain

    def warm_up(self, cell):
        """Also finds how many requests fill the time: redis-benchmark counts requests, not seconds."""
        load = cell["load"]
        try:
            if load == "bulk":
                loads.bulk(self.of(cell), self.servers, ["-n", WARM_UP_BYTES])
            elif load in loads.REDIS_SHAPES:
                rate = loads.redis(self.of(cell), self.servers, load, WARM_UP_REQUESTS[load])["requests_per_s"]
                cell["requests"] = max(REQUESTS_MIN, int(rate * self.chosen.seconds))
        except Failure as error:
            say(f"warm-up of {cell['load']} {cell['peer']} {cell['topology'] or ''}: {error}")

    def measure(self, cell):
        load, quick = cell["load"], self.chosen.quick
        if load == "idle":
            return memory(self.idle[cell["peer"]].pid)
        if load in loads.LOAD_MODES:
            return loads.alone(peers.weir_load_program(), self.alone[cell["peer"]], load,
                               0.3 if quick else self.chosen.seconds)
        if load == "tunnels":
            return loads.tunnels(self.of(cell), self.chosen.tunnels, 0.2 if quick else 2.5)
        if load == "bulk":
            amount = ["-n", QUICK_BYTES] if quick else ["-t", str(max(1, round(self.chosen.seconds)))]      # 0: for ever
            return loads.bulk(self.of(cell), self.servers, amount)
        return loads.redis(self.of(cell), self.servers, load, QUICK_REQUESTS[load] if quick else cell.get("requests", REQUESTS_MIN))

    def measure_into(self, cell, number):
        try:
            sample = self.measure(cell)
        except Failure as error:
            sample = {"error": str(error)}
        cell["samples"].append({"round": number, **sample})
        name = f"{cell['peer']} {cell['topology'] or ''}"
        say(f"round {number + 1}/{self.chosen.rounds}  {cell['load']:11} {name:20} {figure(sample)}")

    def round(self, number):
        cells = [cell for cell in self.cells if cell["load"] != "tunnels"]
        start = number * 3 % max(1, len(cells))             # 3: another first one, and another predecessor of each
        for cell in cells[start:] + cells[:start]:
            self.measure_into(cell, number)

    def complete(self):
        return all(len(report.good(cell)) == (1 if cell["load"] == "tunnels" else self.chosen.rounds) for cell in self.cells)


def figure(sample):
    for key, unit in (("error", ""), ("gbit_per_s", "Gbit/s"), ("requests_per_s", "requests/s"), ("per_s", "/s"),
                      ("resident_mb", "MB")):
        if key in sample:
            return f"{sample[key]:,.2f} {unit}" if unit else f"FAILED: {sample[key]}"
    return ", ".join(f"{role} {kib:.1f} KiB" for role, kib in sample.get("kib_per_tunnel", {}).items())


def stop_on_signal(*_):
    raise KeyboardInterrupt


def main():
    chosen = options()
    signal.signal(signal.SIGTERM, stop_on_signal)
    files = resource.getrlimit(resource.RLIMIT_NOFILE)      # for all that is started from here
    resource.setrlimit(resource.RLIMIT_NOFILE, (files[1], files[1]))
    programs, skipped = choose_programs(chosen)
    for name in skipped:
        say(f"skipped {name}")
    started = time.monotonic()
    result = {"machine": card.machine_card(programs), "seconds": None if chosen.quick else chosen.seconds, "rounds_done": 0,
              "skipped": skipped, "cells": []}
    interrupted = broken = complete = False
    with Scene() as scene:
        try:
            bench = Bench(scene, chosen, programs)
            result["cells"] = bench.cells
            bench.build()
            result["machine"].update({f"I/O of {peer}": io for peer, io in bench.io.items()})
            for number in range(chosen.rounds):
                bench.round(number)
                result["rounds_done"] = number + 1
            complete = bench.complete()
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
    result["took_s"] = round(time.monotonic() - started)
    print(report.markdown(result))
    if chosen.json:
        with open(chosen.json, "w", encoding="utf-8") as file:
            file.write(report.raw(result))
    if chosen.svg or chosen.quick:
        drawn = plot.svg(result)
        if chosen.svg:
            with open(chosen.svg, "w", encoding="utf-8") as file:
                file.write(drawn)
    if interrupted:
        sys.exit(130)
    sys.exit(0 if complete and not broken else 1)


if __name__ == "__main__":
    main()
