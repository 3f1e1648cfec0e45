#!/usr/bin/env python3
"""Peers that behave badly: bad_input.py [SCENARIO...]     --kind ockam shows what the real program does

After each the node is up, its memory bounded, and a bystander that was connected all along gets its answer.
"""

import os
import random
import re
import resource
import socket
import struct
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "interop"))
from harness import MIB, SCALE, Scene, alive, check, check_equal, free_port, main, wait_until  # noqa: E402
from peer import FRAME_BYTES_MAX, Peer, address, bare_string, body, bytes_item, framed, message, route  # noqa: E402

KIND = sys.argv.pop(sys.argv.index("--kind") + 1) if "--kind" in sys.argv else "weir"
if "--kind" in sys.argv:
    sys.argv.remove("--kind")


class Victim:
    """A node with a bystander; leaving it checks both. `growth_mib` is what memory may grow by, also at its peak."""

    def __init__(self, growth_mib=32):
        self.growth_mib = growth_mib

    def __enter__(self):
        self.scene = Scene()
        try:
            self.node = self.scene.node(KIND, "victim")
            self.port = self.node.port
            self.bystander = Peer(self.port)
            check(self.bystander.echo(), "echo does not answer at all")
        except BaseException:
            self.scene.close()
            raise
        self.before = self.node.resident_kib()
        self.peak = self.before
        return self

    def watch(self):
        self.peak = max(self.peak, self.node.resident_kib())

    def __exit__(self, kind, *_):
        try:
            if kind is None:
                self.check_alive("afterwards")
                self.watch()
                grown = (self.peak - self.before) / 1024
                check(grown <= self.growth_mib * SCALE, f"memory grew by {grown:.0f} MiB, the limit is {self.growth_mib * SCALE}")
        finally:
            self.scene.close()

    def check_alive(self, when):
        check(alive(self.node.pid), f"the node died {when}")
        check(self.bystander.echo(os.urandom(8)), f"the bystander got no answer {when}")

    def closes(self, data, what, version=b"\x01"):
        with Peer(self.port, version=version) as peer:
            peer.send(data)
            check(peer.closed_by_node(), f"{what}: the node keeps the connection")

    def survives(self, data, what):
        """The connection stays and still answers."""
        with Peer(self.port) as peer:
            peer.send(data)
            check(peer.echo(), f"{what}: no answer on the same connection")


def unknown_version():
    with Victim() as victim:
        for version in (b"\x00", b"\x02", b"\xff", b"GET / HTTP/1.1\r\n\r\n", b"\x16\x03\x01\x02\x00"):
            victim.closes(b"", f"version {version[:5]!r}", version=version)


def frame_lengths():
    with Victim() as victim:
        victim.closes(struct.pack(">I", 0), "length 0")
        victim.closes(struct.pack(">I", FRAME_BYTES_MAX + 1) + b"x" * 100, "one byte too long")
        victim.closes(struct.pack(">I", 0xFFFFFFFF), "length 4 GiB")
        good = message(["echo"], b"x")
        for cut in range(1, len(good)):
            with Peer(victim.port) as peer:
                peer.send(good[:cut])                          # and gone
        # The largest frame that is allowed, and it is answered.
        payload = os.urandom(FRAME_BYTES_MAX - 200)
        with Peer(victim.port, timeout_s=60) as peer:
            check(peer.echo(payload, 60), "a frame of nearly 16 MiB")
        victim.growth_mib = 80
        victim.check_alive("after cut frames")


def malformed_bodies():
    onward, back = route("echo"), route("me")
    cases = [b"\x00", b"\x84", b"\xf6", b"\xff", b"\x9f\xff", b"\x83" + onward + back, b"\x84" + onward,
             b"\x84\xa0" + back + b"\x41x\x62{}", b"\x84" + onward + back + b"\x5b" + b"\xff" * 8,
             b"\x84\x9b" + b"\xff" * 8 + back + b"\x41x\x62{}", b"\x84\x81\x82\x19\x01\x00\x41x" + back + b"\x41x\x62{}",
             b"\x84\x81\x81\x00" + back + b"\x41x\x62{}", b"\x84" + onward + back + b"\x61x\x62{}",
             b"\x81" * 100000, b"\x9f" * 100000, b"\xc1" * 100000, b"\x84" + onward + back + b"\x41x\x62\xff\xff"]
    with Victim() as victim:
        for case in cases:
            victim.closes(framed(case), f"body {case[:24].hex()}")
        # What a decoder must accept: longer forms, surplus elements, bytes after the item, no tracing.
        for case in (b"\x83" + onward + back + b"\x41x", b"\x9f" + onward + back + b"\x41x\x62{}\xff",
                     b"\x85" + onward + back + b"\x41x\x62{}\x82\x01\xa1\x01\x02", body(onward, back, b"x") + b"trailing",
                     b"\x98\x04" + onward + back + b"\x58\x01x\x62{}"):
            with Peer(victim.port) as peer:
                peer.send(framed(case))
                check(b"\x41x" in peer.receive(), f"body {case.hex()}: no answer")


def bit_flips():
    """A thousand frames with a few bits changed: closed or answered, never more."""
    chance = random.Random(20)
    good = message(["echo"], b"payload")
    with Victim() as victim:
        for _ in range(1000):
            bad = bytearray(good)
            for _ in range(chance.randint(1, 4)):
                bad[chance.randrange(4, len(bad))] ^= 1 << chance.randrange(8)
            with Peer(victim.port) as peer:
                peer.send(bytes(bad))
        victim.check_alive("after bit flips")


def long_routes():
    """Legal, and passed on at a cost no larger than their bytes: 100,000 addresses, and an address of 64 KiB."""
    with Victim(growth_mib=96) as victim, Peer(victim.port, timeout_s=30) as peer:
        started = time.monotonic()
        many = [(address(b"%06d" % i),) for i in range(100000)]
        peer.send(framed(body(route("echo"), route(*many), b"many")))
        answer = peer.receive(30)
        check(answer.count(b"\x82\x00\x46") == 100000 and bytes_item(b"many") in answer, "a return route of 100,000 addresses")
        large = os.urandom(65536)
        peer.send(message(["echo"], b"large", back=(large,)))
        answer = peer.receive(30)
        check(large in answer, "a return address of 64 KiB")
        peer.send(framed(body(route("nobody", *many), route("me"), b"x")))
        check(peer.echo(), "after an onward route of 100,000 addresses")
        victim.watch()
        return f"{time.monotonic() - started:.1f}s"


def nobody_there():
    with Victim() as victim:
        victim.survives(message([(address("x", 7),)]) + message([(address("x", 255),)]) + message([(address("1.2.3.4:5", 1),)]),
                        "unknown address types")
        victim.survives(message([b"\xff\xfe"]) + message([b""]) + message([b"a#b#c"]) + message([b"x" * 60000]), "odd addresses")
        victim.survives(b"".join(message([f"nobody{i}"], b"x" * 50) for i in range(10000)), "10,000 messages to nobody")
        victim.survives(message([], b"heartbeat") * 100, "empty onward routes")
        victim.survives(message(["echo"], b"x", back=()), "no return route")


def remote_crash_inputs():
    """docs/spec/04 section 12.1: what kills a real node without authentication."""
    with Victim() as victim:
        for name in ("x#y", "a#b#c", "0#1#2", "", "#", "\0", "a" * 100000, b"\xff\xfe"):
            for service in ("forwarding_service", "static_forwarding_service"):
                with Peer(victim.port) as peer:
                    peer.send(message([service], bare_string(name)))
            victim.check_alive(f"after registering a relay {name[:8]!r}")
        for payload in (b"", b"\x80", b"\xff" * 11, b"\x05abc", bare_string("x") + b"tail"):
            victim.survives(message(["static_forwarding_service"], payload) + message(["uppercase"], payload), "broken strings")
        # The node manager: not served over TCP; whatever is sent there changes nothing.
        request = b"\xa3\x01\x1a\x00\x01\x02\x03\x02\x66/node/\x03\x00"
        outlet = b"\xa3\x01\x01\x02\x70/node/outlet/x#y\x03\x00"
        portal = b"\xa3\x01\x01\x02\x6c/node/portal\x03\x04"
        for payload in (request, outlet, portal, b"\xa2\x01\x01\x02\x61/", b"\x81" * 800000, b"\x82\x00" * 400000):
            for wrapped in (payload, bare_string(payload)):
                with Peer(victim.port) as peer:
                    peer.send(message(["_internal.nodemanager"], wrapped))
            victim.check_alive("after a request to the node manager")


def nodemanager_is_closed():
    """No request to the node manager over TCP is answered."""
    with Victim() as victim, Peer(victim.port) as peer:
        for path in (b"/node", b"/node/show", b"/node/tcp/listener"):
            request = b"\xa3\x01\x01\x02" + b"\x78" + bytes([len(path)]) + path + b"\x03\x00"
            peer.send(message(["_internal.nodemanager"], request))
            peer.send(message(["_internal.nodemanager"], bare_string(request)))
        peer.send(message(["echo"], b"marker"))
        check(bytes_item(b"marker") in peer.receive(), "something other than echo answered")


def handshakes():
    """Half-open, out of order, cut, empty, low-order: bounded, and a real channel still comes up."""
    chance = random.Random(4)
    with Victim(growth_mib=48) as victim:
        client = victim.scene.node(KIND, "client")
        for size in list(range(0, 70)) + [100, 1000, 60000]:
            with Peer(victim.port) as peer:
                peer.send(message(["api"], chance.randbytes(size)))
        for point in (bytes(32), b"\x01" + bytes(31), b"\xe0\xeb\x7a\x7c\x3b\x41\xb8\xae\x16\x56\xe3\xfa\xf1\x9f\xc4\x6a"
                      b"\xda\x09\x8d\xeb\x9c\x32\xb1\xfd\x86\x62\x05\x16\x5f\x49\xb8\x00"):
            with Peer(victim.port) as peer:
                peer.send(message(["api"], point))
        victim.check_alive("after odd first messages")
        # Many half-open ones from one peer, then answers out of order to each responder.
        with Peer(victim.port) as peer:
            for number in range(2000):
                peer.send(message(["api"], chance.randbytes(32), back=(f"d{number}",)))
            responders = set()
            try:
                while len(responders) < 2000:
                    for found in re.findall(rb"\x82\x00\x58\x20([0-9a-f]{32})", peer.receive(1)):
                        responders.add(found)
            except (TimeoutError, ConnectionError):
                pass
            try:
                for responder in list(responders)[:200]:
                    for junk in (b"", bytes(48), chance.randbytes(200), chance.randbytes(96) * 50):
                        peer.send(message([responder], junk))
            except ConnectionError:
                pass
            victim.watch()
        victim.check_alive("after half-open handshakes")
        answer = client.run("message", "send", "through", "--to", victim.node.address + "/secure/api/service/uppercase").out
        check_equal(answer, "THROUGH", "a real channel afterwards")
        return f"{len(responders)} of 2000 half-open handshakes were answered"


def ten_thousand_silent_connections():
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 10000
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, wanted + 500), hard))
    wanted = min(wanted, resource.getrlimit(resource.RLIMIT_NOFILE)[0] - 200)
    with Victim(growth_mib=128) as victim:
        before = victim.node.descriptors()
        silent = []
        try:
            for number in range(wanted):
                silent.append(socket.create_connection(("127.0.0.1", victim.port), timeout=5))
                if number % 1000 == 999:
                    victim.check_alive(f"with {number + 1} silent connections")
        except OSError:
            pass                                            # a limit of the node's, which is fine
        victim.watch()
        count = len(silent)
        victim.check_alive(f"with {count} silent connections")
        for connection in silent:
            connection.close()
        wait_until(lambda: victim.node.descriptors() <= before + 16, 30, "descriptors to be given back", 0.2)
        with Peer(victim.port) as peer:
            check(peer.echo(), "a new peer afterwards")
        check(count >= min(wanted, 1000), f"only {count} connections were taken")
        return f"{count} connections, memory grew by {(victim.peak - victim.before) / 1024:.0f} MiB"


def one_byte_a_second():
    with Victim() as victim:
        good = message(["echo"], b"slow")
        slow = [Peer(victim.port) for _ in range(50)]
        for position in range(4):
            for peer in slow:
                peer.send(good[position:position + 1])
            victim.check_alive("beside peers that drip")
            time.sleep(1)
        for peer in slow:
            peer.send(good[4:])
            check(b"slow" in peer.receive(), "a slow peer's own answer")
            peer.close()


def large_frames_that_stop():
    """100 peers each announce 16 MiB and stop half-way: bounded memory, and others are served."""
    with Victim(growth_mib=400) as victim:
        header = struct.pack(">I", FRAME_BYTES_MAX)
        peers = [Peer(victim.port) for _ in range(100)]
        piece = bytes(MIB)

        def push(peer):
            try:
                peer.socket.settimeout(3)
                peer.send(header + b"\x84" + route("echo") + route("me") + b"\x5a\x00\xff\xf0\x00")
                for _ in range(8):
                    peer.send(piece)
            except OSError:
                pass                                        # not read any more, or closed: both are fine
        threads = [threading.Thread(target=push, args=(peer,), daemon=True) for peer in peers]
        for thread in threads:
            thread.start()
        while any(thread.is_alive() for thread in threads):
            victim.watch()
            time.sleep(0.05)
        victim.check_alive("beside 100 half frames")
        with Peer(victim.port) as peer:
            check(peer.echo(b"x" * 1000), "a new peer beside 100 half frames")
        for peer in peers:
            peer.close()
        return f"memory peaked {(victim.peak - victim.before) / 1024:.0f} MiB above idle"


def flood():
    """One peer sends as fast as it can and reads nothing; the bystander is answered within a second or so."""
    with Victim(growth_mib=64) as victim:
        frame = message(["echo"], b"f" * 1000) * 100
        stop = threading.Event()

        def pour():
            try:
                with Peer(victim.port, timeout_s=1) as peer:
                    while not stop.is_set():
                        peer.send(frame)
            except OSError:
                pass
        threads = [threading.Thread(target=pour, daemon=True) for _ in range(4)]
        for thread in threads:
            thread.start()
        worst = 0.0
        for _ in range(20):
            started = time.monotonic()
            victim.check_alive("beside a flood")
            worst = max(worst, time.monotonic() - started)
            victim.watch()
            time.sleep(0.1)
        stop.set()
        for thread in threads:
            thread.join(5)
        return f"slowest answer {worst * 1000:.0f} ms"


def wrong_arguments():
    """Command-line arguments of every wrong form: an exit code of ours, words that help, nothing created."""
    with Scene() as scene:
        home = scene.home(KIND)
        node = scene.node(KIND, "n", home=home)
        usage, failed, either = 64, 70, None
        port = free_port()
        cases = [
            (usage, ["bogus"]), (usage, ["node", "create", "--bogus"]), (usage, ["node", "create", "a", "b"]),
            (usage, ["message", "send", "x"]), (usage, ["message", "send", "x", "--to", "/bogus/1"]),
            (either, ["message", "send", "x", "--to", "/service"]), (either, ["message", "send", "x", "--to", ""]),
            (usage, ["message", "send", "x", "--to", "/ip4/300.1.1.1/tcp/1"]),
            (usage, ["message", "send", "x", "--to", "/ip4/1.1.1.1/tcp/99999"]),
            (usage, ["message", "send", "x", "--timeout", "soon", "--to", "/service/echo"]),
            (usage, ["tcp-outlet", "create", "--at", "n"]), (usage, ["tcp-outlet", "create", "--at", "n", "--to", "127.0.0.1:99999"]),
            (usage, ["tcp-outlet", "create", "--at", "n", "--to", "::1:1:1"]),
            (usage, ["tcp-inlet", "create", "--at", "n", "--from", "127.0.0.1:x"]),
            (usage, ["tcp-inlet", "create", "--at", "n", "--to", "/service/outlet", "--authorized", "I123"]),
            (usage, ["secure-channel", "create", "--from", "n", "--to", "/service/api", "--authorized", "nobody"]),
            (usage, ["--output", "xml", "node", "list"]), (usage, ["node", "list", "--output"]),
            (failed, ["node", "create", "a b"]), (failed, ["node", "create", "a/b"]), (failed, ["node", "create", "n"]),
            (failed, ["node", "show", "nope"]), (failed, ["node", "delete", "n"]), (failed, ["identity", "show", "nope"]),
            (failed, ["message", "send", "zz", "--hex", "--to", "/node/n/service/echo"]),
            (failed, ["message", "send", "x", "--to", "/node/nope/service/echo"]),
            (failed, ["tcp-listener", "create", f"127.0.0.1:{node.port}", "--at", "n"]),
            (failed, ["tcp-connection", "create", "--from", "n", "--to", f"127.0.0.1:{port}"]),
            (failed, ["node", "create", "m", "--tcp-listener-address", f"127.0.0.1:{node.port}"]),
            (failed, ["identity", "create", "x", "--identity", "00ff"]),
            (failed, ["identity", "create", "x", "--identity", "ff" * 5000]),
        ]
        wrong = []
        for code, words in cases:
            result = home.run(*words, ok=None)
            if result.code not in ((code,) if code else (usage, failed)) or not (result.out or result.err):
                wrong.append(f"{result} (expected exit {code or '64 or 70'})")
        check(not wrong, "\n".join(wrong))
        check_equal([n["node_name"] for n in home.run("node", "list", "--output", "json").json()], ["n"], "nodes afterwards")
        return f"{len(cases)} commands"


SCENARIOS = {function.__name__: function for function in (
    unknown_version, frame_lengths, malformed_bodies, bit_flips, long_routes, nobody_there, remote_crash_inputs,
    nodemanager_is_closed, handshakes, ten_thousand_silent_connections, one_byte_a_second, large_frames_that_stop, flood,
    wrong_arguments)}

if __name__ == "__main__":
    main(SCENARIOS)
