#!/usr/bin/env python3
"""Nodes as processes and the seeds' example: create, answer, restart, stop, delete. nodes.py PATH"""

import json
import os
import signal
import subprocess
import time

import home as shared
from home import WEIR, check, run_parts


class Home(shared.Home):
    def show(self, node):
        return json.loads(self.run("node", "show", node, "--output", "json").stdout)


def life_of_a_node(home):
    home.expect(0, "n1", "node", "create", "n1", "--identity", "alice", "--no-status-endpoint")
    home.expect(70, "", "node", "create", "n1", err="Node n1 is already running")
    shown = home.show("n1")
    check(shown["status"] == "running" and shown["is_default"] and shown["identity_name"] == "alice", f"show: {shown}")
    check(shown["status_endpoint_address"] is None, "the status endpoint is on")
    check(os.getsid(shown["pid"]) == shown["pid"], "the node is in the caller's session")
    home.expect(0, "HELLO", "message", "send", "hello", "--to", "/node/n1/service/uppercase")
    home.expect(0, "HELLO", "message", "send", "hello", "--from", "n1", "--to", "/service/uppercase")
    home.expect(0, "68656c6c6f", "message", "send", "68656c6c6f", "--hex", "--to", "/node/n1/service/echo")
    home.expect(0, "", "message", "send", "hi", "--to", "/node/n1/service/echo", "--output", "json")
    home.expect(70, "", "message", "send", "zz", "--hex", "--to", "/node/n1/service/echo", err="not a valid hex")
    home.expect(70, "", "message", "send", "hi", "--to", "/node/nope/service/echo", err="Argument '--to' is invalid")
    nodes = json.loads(home.run("node", "list").stdout)
    check([n["node_name"] for n in nodes] == ["n1"], f"a temporary node was stored: {nodes}")
    home.expect(0, "/service/outlet", "tcp-outlet", "create", "--to", "9")
    home.expect(70, "", "tcp-outlet", "delete", "outlet", err="Use --yes to confirm")
    log = home.expect(0, None, "node", "logs", "n1")
    check(os.path.basename(log).startswith("stdout.") and os.path.exists(log), f"log {log!r}")
    home.expect(0, "  \u2714 The node with name n1 was stopped", "node", "stop", "n1")
    home.expect(70, "", "tcp-outlet", "list", "--at", "n1", err="Failed to connect to node n1")
    check(home.show("n1")["status"] == "stopped" and "pid" not in home.show("n1"), "a stopped node has a pid")
    check(home.expect(0, None, "node", "start", "n1").startswith("n1{"), "node start prints name and document")
    again = home.show("n1")
    check(again["identity_name"] == "alice" and again["route"] == shown["route"], f"after start: {again}")
    check([o["to"] for o in again["outlets"]] == ["127.0.0.1:9"], f"the outlet is gone: {again['outlets']}")
    os.kill(again["pid"], signal.SIGKILL)
    deadline = time.time() + 10
    while home.show("n1")["status"] != "stopped" and time.time() < deadline:
        time.sleep(0.05)
    home.expect(0, "n1", "node", "create", "n1")
    fresh = home.show("n1")
    check(fresh["identity_name"] == "alice" and not fresh["outlets"], f"node create again: {fresh}")


def seeds_example(home):
    for name in ("n2", "n3"):
        home.expect(0, name, "node", "create", name)
    channel = home.expect(0, None, "secure-channel", "create", "--from", "n1", "--to",
                          "/node/n1/node/n2/node/n3/service/api")
    home.expect(0, "HELLO OCKAM!", "message", "send", "hello ockam!", "--from", "n1", "--to", "-/service/uppercase",
                stdin=channel)
    forwarders = json.loads(home.run("forwarder", "list", "--at", "n2").stdout)
    check(len(forwarders) == 1, f"forwarders at n2: {forwarders}")
    home.expect(0, forwarders[0]["address"] if forwarders else None, "forwarder", "delete",
                forwarders[0]["address"] if forwarders else "", "--at", "n2", "--yes")
    home.expect(0, None, "node", "counters", "n2", "--output", "json")


def foreground(home):
    process = subprocess.Popen([WEIR, "node", "create", "fg", "--foreground", "--exit-on-eof"], stdin=subprocess.PIPE,
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=home.env)
    check(process.stdout.read(2) == "fg", "a foreground node prints its name")
    home.expect(0, "HI", "message", "send", "hi", "--to", "/node/fg/service/uppercase")
    _, err = process.communicate(timeout=20)
    check(process.returncode == 0 and "EOF received" in err, f"end of stdin: {process.returncode} {err}")
    check(home.show("fg")["status"] == "stopped", "the foreground node is not marked as stopped")


def ends(home):
    home.expect(70, "", "node", "create", "n9", "--tcp-listener-address", "192.0.2.1:1")
    check("n9" not in home.run("node", "list").stdout, "a node that failed was stored")
    out = home.expect(0, None, "node", "delete", "--all", "--yes")
    check(sorted(out) == sorted("n1n2n3fg"), f"delete --all: {out!r}")
    home.expect(0, "[]", "node", "list")
    check(not os.listdir(home.folder + "/nodes"), "log folders stay")


run_parts((life_of_a_node, seeds_example, foreground, ends), Home)
