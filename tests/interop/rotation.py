#!/usr/bin/env python3
"""`weir identity rotate` under running nodes: the peer, weir or a real ockam, takes the new key and never the old one again.
rotation.py [SCENARIO...]"""

import shutil
import socket
import time

from commands import create_channel, send
from harness import Scene, check, check_equal, main

PRESENTED_WITHIN_S = 1.2                                            # Identities::kOwnHistoryAgeMaxNs and a little


def copy_of_home(scene, home):
    """The home as it is now, as a backup or a thief has it."""
    old = scene.home("weir")
    shutil.rmtree(old.path)
    shutil.copytree(home.path, old.path, ignore=lambda folder, names: [n for n in names if n == "nodes" or n.endswith(".sock")])
    return old


def echoes(connection):
    connection.sendall(b"x")
    return connection.recv(1) == b"x"


def rotation(peer_kind):
    with Scene() as scene:
        peer = scene.node(peer_kind, "peer")
        home = scene.home("weir")
        who = home.run("identity", "create", "alice").out
        alice = scene.node("weir", "alice", home=home, options=("--identity", "alice"))
        alice.outlet(scene.pump.port)
        route, back = peer.address + "/service/api", alice.address + "/service/api"
        pinned = ("--authorized", who)
        create_channel(alice, route)
        create_channel(peer, back, *pinned)
        port = peer.inlet(alice.address + "/secure/api/service/outlet")
        old = copy_of_home(scene, home)
        check_equal(old.run("identity", "show", "alice").out, who, "identifier in the copy")

        with socket.create_connection(("127.0.0.1", port), timeout=10) as stream:
            stream.sendall(b"echo\n")
            check(echoes(stream), "no echo before the rotation")
            for key_type, changes in (("ed25519", 2), ("p256", 3)):
                result = home.run("identity", "rotate", "alice", "--key-type", key_type, "--output", "json")
                check_equal((result.json()["identifier"], result.json()["changes"]), (who, changes), "identity rotate")
                check("running node alice" in result.err, f"nothing said about the running node: {result.err}")
                time.sleep(PRESENTED_WITHIN_S)
                channel = create_channel(alice, route)
                check_equal(send(home, "new", channel + "/service/uppercase", "--from", "alice"), "NEW", f"{key_type}, as initiator")
                channel = create_channel(peer, back, *pinned)
                check_equal(send(peer.home, "new", channel + "/service/uppercase", "--from", "peer"), "NEW", f"{key_type}, as responder")
                check(echoes(stream), "the stream that was open before the rotation has ended")

        # The old history, as initiator: message 3 has no answer, so what is sent is lost.
        words = ("message", "send", "old", "--identity", "alice", "--timeout", "2s", "--to", peer.address + "/secure/api/service/uppercase")
        old.run(*words, ok=False)
        check_equal(home.run(*words).out, "OLD", "the same command with the new history")
        # As responder, at the same address.
        alice.run("node", "stop", "alice")
        thief = scene.node("weir", "alice", home=old, port=alice.port, options=("--identity", "alice"))
        # From another node of the same home: a real one's API is busy for as long as it waits.
        scene.node(peer_kind, "other", home=peer.home)
        peer.run("secure-channel", "create", "--from", "other", "--to", back, *pinned, ok=False,
                 environment={"OCKAM_DEFAULT_TIMEOUT": "3s", "WEIR_DEFAULT_TIMEOUT": "3s"})
        thief.run("node", "stop", "alice")
        alice.start()
        channel = create_channel(peer, back, *pinned)
        check_equal(send(peer.home, "back", channel + "/service/uppercase", "--from", "peer"), "BACK", "after a restart")


def travels():
    """Both programs import a history of two changes."""
    with Scene() as scene:
        home = scene.home("weir")
        home.run("identity", "create", "a")
        before = home.run("identity", "show", "a", "--full", "--output", "json").json()
        home.run("identity", "rotate")
        after = home.run("identity", "show", "a", "--full", "--output", "json").json()
        check_equal(after["identifier"], before["identifier"], "identifier")
        check_equal(after["changes"][:1], before["changes"], "first change")
        check_equal(len(after["changes"]), 2, "changes")
        history = home.run("identity", "show", "a", "--full", "--encoding", "hex").out
        for kind in ("weir", "ockam"):
            other = scene.home(kind)
            imported = other.run("identity", "create", "--identity", history).out
            name = imported.split("with name ")[1].split()[0]
            check_equal(other.run("identity", "show", name).out, after["identifier"], f"identifier in {kind}")


SCENARIOS = {
    "weir_peer": lambda: rotation("weir"),
    "ockam_peer": lambda: rotation("ockam"),
    "rotated_history_travels": travels,
}

if __name__ == "__main__":
    main(SCENARIOS)
