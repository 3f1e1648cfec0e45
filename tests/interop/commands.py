#!/usr/bin/env python3
"""Commands of one kind against nodes of the other: commands.py [SCENARIO...] [--kinds ockam]

Each scenario runs for every pair of kinds that is worth it: weir at ockam, ockam at weir, weir at weir.
"""

import re
import socket
import sys
import time

from harness import Failure, Scene, check, check_equal, free_port, main, side_by_side, transfer, wait_until, MIB

PAIRS = [("weir", "ockam"), ("ockam", "weir"), ("weir", "weir")]
TRIPLES = [("weir", "ockam", "weir"), ("ockam", "weir", "ockam"), ("weir", "weir", "ockam"), ("ockam", "ockam", "weir")]
if "--kinds" in sys.argv:
    kind = sys.argv.pop(sys.argv.index("--kinds") + 1)
    PAIRS, TRIPLES = [(kind, kind)], [(kind, kind, kind)]

CHANNEL = re.compile(r"/service/[0-9a-f]{32}")


def each(groups, function):
    """Runs function(scene, *kinds) for each group in a scene of its own and names the group that failed."""
    for kinds in groups:
        started = time.monotonic()
        try:
            with Scene() as scene:
                function(scene, *kinds)
        except Failure as error:
            raise Failure(f"[{' -> '.join(kinds)}] {error}") from error
        print(f"  {' -> '.join(kinds):24} {time.monotonic() - started:.1f}s", flush=True)
    return f"{len(groups)} groups"


def identifier(home):
    return home.run("identity", "show").out


def send(home, text, route, *options, **more):
    return home.run("message", "send", text, "--to", route, *options, **more).out


# ---------------------------------------------------------------------------------------------------- messages

def message_send(scene, client_kind, server_kind):
    server = scene.node(server_kind, "server")
    client = scene.node(client_kind, "client")
    home = client.home
    plain, secure = server.address, server.address + "/secure/api"
    for route in (plain, secure):
        check_equal(send(home, "hello", route + "/service/uppercase"), "HELLO", f"temporary node, {route}")
        check_equal(send(home, "hello", route + "/service/uppercase", "--from", "client"), "HELLO", f"--from, {route}")
        check_equal(send(home, "68656c6c6f", route + "/service/echo", "--hex"), "68656c6c6f", f"hex, {route}")
        long = "weir " * 10000
        check_equal(send(home, long, route + "/service/echo"), long.strip(), f"50 kB, {route}")
    check_equal(send(home, "grüße", plain + "/service/uppercase"), "GRÜSSE", "beyond ASCII")
    # Nobody answers: an error in time, and the server is unharmed.
    result = home.run("message", "send", "x", "--timeout", "1s", "--to", plain + "/service/nobody", ok=False)
    check_equal(result.code, 70, "exit code of a message that nobody answers")
    check(result.seconds < 8, f"a time-out of 1s took {result.seconds:.1f}s")
    check_equal(send(home, "still", plain + "/service/uppercase"), "STILL", "after a message to nobody")
    # Nobody listens at all.
    result = home.run("message", "send", "x", "--to", f"/ip4/127.0.0.1/tcp/{free_port()}/service/echo", ok=False)
    check_equal(result.code, 70, "exit code of a refused connection")


def create_channel(node, route, *options):
    out = node.run("secure-channel", "create", "--from", node.name, "--to", route, *options).out
    check(CHANNEL.fullmatch(out), f"no channel address: {out!r}")
    return out


def secure_channel(scene, client_kind, server_kind):
    server = scene.node(server_kind, "server")
    client = scene.node(client_kind, "client")
    right = identifier(server.home)
    route = server.address + "/service/api"
    channel = create_channel(client, route)
    from_client = ("--from", "client")
    check_equal(send(client.home, "hi", channel + "/service/uppercase", *from_client), "HI", "through the channel")
    piped = client.run("message", "send", "piped", *from_client, "--to", "-/service/uppercase", stdin=channel + "\n")
    check_equal(piped.out, "PIPED", "address from stdin")
    listed = client.run("secure-channel", "list", "--at", "client", "--output", "json").json()
    check_equal([(c["address"], c["their_identifier"]) for c in listed], [(channel, right)], "secure-channel list")
    # A channel inside the channel.
    inner = create_channel(client, channel + "/service/api")
    check_equal(send(client.home, "deep", inner + "/service/uppercase", *from_client), "DEEP", "tunnelled channel")
    client.run("secure-channel", "delete", inner, "--at", "client", "--yes")
    client.run("secure-channel", "delete", channel, "--at", "client", "--yes")
    check_equal(client.run("secure-channel", "list", "--at", "client", "--output", "json").json(), [], "after delete")
    # Pinned identities, at either end.
    pinned = create_channel(client, route, "--authorized", right)
    check_equal(send(client.home, "pin", pinned + "/service/uppercase", *from_client), "PIN", "pinned channel")
    wrong = "I" + "0" * 64
    server.run("secure-channel-listener", "create", "mine", "--at", "server", "--authorized", identifier(client.home))
    server.run("secure-channel-listener", "create", "theirs", "--at", "server", "--authorized", wrong)
    mine = create_channel(client, server.address + "/service/mine")
    check_equal(send(client.home, "me", mine + "/service/uppercase", *from_client), "ME", "through a pinned listener")
    refused = client.run("secure-channel", "create", *from_client, "--to", server.address + "/service/theirs", ok=None)
    if refused.code == 0:                       # the initiator cannot know: message 3 has no answer
        client.run("message", "send", "x", *from_client, "--timeout", "2s", "--to", refused.out + "/service/uppercase",
                   ok=False)
    check_equal(send(client.home, "alive", server.address + "/service/uppercase"), "ALIVE", "after a refused channel")
    # From another node: a real one's API is busy for as long as it waits, and its command as long as it is told to.
    other = scene.node(client_kind, "other")
    result = other.run("secure-channel", "create", "--from", "other", "--to", route, "--authorized", wrong, ok=False,
                       environment={"OCKAM_DEFAULT_TIMEOUT": "3s"})
    check_equal(result.code, 70, "exit code of a channel to the wrong identity")


# ---------------------------------------------------------------------------------------------------- relays

def relay(scene, client_kind, relay_kind, owner_kind):
    relay_node = scene.node(relay_kind, "relay")
    owner = scene.node(owner_kind, "owner")
    client = scene.node(client_kind, "client")
    for name, at in (("plain", relay_node.address), ("sealed", relay_node.address + "/secure/api")):
        address = owner.relay(name, at)
        check_equal(address, f"forward_to_{name}", "relay address")
        route = f"{at}/service/{address}"
        check_equal(send(client.home, "abc", route + "/service/uppercase"), "ABC", f"relay {name}, temporary node")
        check_equal(send(client.home, "abc", route + "/service/uppercase", "--from", "client"), "ABC", f"relay {name}")
        check_equal(send(client.home, "abc", route + "/secure/api/service/uppercase"), "ABC", f"channel over {name}")
        channel = create_channel(client, route + "/service/api", "--authorized", identifier(owner.home))
        check_equal(send(client.home, "abc", channel + "/service/uppercase", "--from", "client"), "ABC",
                    f"pinned channel over relay {name}")
    listed = owner.run("relay", "list", "--to", "owner", "--output", "json").json()
    check_equal(sorted((r["name"], r["connection_status"], r["remote_address"]) for r in listed),
                [("plain", "Up", "forward_to_plain"), ("sealed", "Up", "forward_to_sealed")], "relay list")
    owner.run("relay", "delete", "plain", "--at", "owner", "--yes")
    check_equal(len(owner.run("relay", "list", "--to", "owner", "--output", "json").json()), 1, "after relay delete")
    # Registered again under the same name: the new registration works.
    owner.relay("plain", relay_node.address)
    check_equal(send(client.home, "abc", relay_node.address + "/service/forward_to_plain/service/uppercase"), "ABC",
                "relay registered again")


# ---------------------------------------------------------------------------------------------------- portals

def portal_over_plain_tcp(scene, inlet_kind, outlet_kind):
    db = scene.node(outlet_kind, "db")
    app = scene.node(inlet_kind, "app")
    check_equal(db.outlet(scene.pump.port), "/service/outlet", "tcp-outlet create")
    port = app.inlet(db.address + "/service/outlet")
    transfer(port, 4 * MIB)


def portal_pinned(scene, inlet_kind, outlet_kind):
    db = scene.node(outlet_kind, "db")
    app = scene.node(inlet_kind, "app")
    db.outlet(scene.pump.port)
    route = db.address + "/secure/api/service/outlet"
    transfer(app.inlet(route, "--authorized", identifier(db.home)), MIB)
    port = free_port()
    app.run("tcp-inlet", "create", f"in{port}", "--at", "app", "--from", f"127.0.0.1:{port}", "--to", route,
            "--authorized", "I" + "0" * 64, ok=None)
    time.sleep(1)
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=2) as connection:
            connection.settimeout(2)
            connection.sendall(b"echo\nknock")
            answer = connection.recv(5)
    except OSError:
        answer = b""
    check_equal(answer, b"", "bytes through an inlet that is pinned to another identity")


def portal_skips_handshake(scene, inlet_kind, outlet_kind):
    """--skip-handshake at both ends: over plain TCP and over a channel, several streams side by side."""
    db = scene.node(outlet_kind, "db")
    app = scene.node(inlet_kind, "app")
    db.outlet(scene.pump.port, "--skip-handshake")
    for route in (db.address + "/service/outlet", db.address + "/secure/api/service/outlet"):
        port = app.inlet(route, "--skip-handshake")
        done = side_by_side(range(4), lambda _: transfer(port, 4 * MIB), 4)
        check(all(isinstance(seconds, float) for seconds in done.values()), f"{route}: {done}")
    if inlet_kind == outlet_kind == "weir":
        only_at_the_inlet(scene, app, db)


def only_at_the_inlet(scene, app, db):
    """The variable asks for it as the option does. Where only the inlet does, its client is told at once, and the log why."""
    db.outlet(scene.pump.port, name="patient")
    for variable in ("OCKAM_TCP_PORTAL_SKIP_HANDSHAKE", "WEIR_TCP_PORTAL_SKIP_HANDSHAKE"):
        port = free_port()
        app.run("tcp-inlet", "create", f"in{port}", "--at", "app", "--from", f"127.0.0.1:{port}", "--to",
                db.address + "/secure/api/service/patient", environment={variable: "true"})
        wait_until(lambda: app.inlet_status(port) == "Up", 20, "the inlet to be up")
        before = app.logs(100000).count("--skip-handshake belongs to both ends")
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
                check_equal(connection.recv(1), b"", f"bytes through an inlet with {variable}")
        except ConnectionResetError:
            pass
        wait_until(lambda: app.logs(100000).count("--skip-handshake belongs to both ends") > before, 5, "the log to say why")


def refused_target(scene, inlet_kind, outlet_kind):
    """A target that refuses ends the client at once when the outlet is weir's; a real one leaves it hanging."""
    if outlet_kind != "weir":
        return
    db = scene.node(outlet_kind, "db")
    app = scene.node(inlet_kind, "app")
    db.outlet(free_port())
    port = app.inlet(db.address + "/secure/api/service/outlet")
    started = time.monotonic()
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
            check_equal(connection.recv(1), b"", "bytes from a refused target")
    except ConnectionResetError:
        pass                                                        # between weir ends the reason travels: RST
    check(time.monotonic() - started < 3, f"the client was closed after {time.monotonic() - started:.1f}s only")


def ends_close(scene, inlet_kind, outlet_kind):
    """A client that closes ends its target connection; a target that closes ends its client. 100 times, nothing stays behind."""
    db = scene.node(outlet_kind, "db")
    app = scene.node(inlet_kind, "app")
    accepted = []
    target = socket.create_server(("127.0.0.1", 0), backlog=200)
    scene.closers.append(target.close)
    db.outlet(target.getsockname()[1])
    port = app.inlet(db.address + "/secure/api/service/outlet")
    for number in range(100):
        client = socket.create_connection(("127.0.0.1", port), timeout=10)
        client.sendall(b"x")
        target.settimeout(10)
        server, _ = target.accept()
        server.settimeout(10)
        check_equal(server.recv(1), b"x", "first byte at the target")
        server.sendall(b"y")
        check_equal(client.recv(1), b"y", "first byte at the client")
        first, second = (client, server) if number % 2 else (server, client)
        first.close()
        check_equal(second.recv(1), b"", f"end of stream {number}")
        second.close()
        accepted.append(number)
    check_equal(len(accepted), 100, "connections")
    if inlet_kind == outlet_kind == "weir":
        before = (app.descriptors(), db.descriptors())
        wait_until(lambda: app.descriptors() < 60 and db.descriptors() < 60, 10,
                   f"descriptors to be given back, {before} are open")


# ---------------------------------------------------------------------------------------------------- state

def identities_travel(scene, one_kind, other_kind):
    """A change history that one program exports, the other accepts and calls by the same identifier."""
    one, other = scene.home(one_kind), scene.home(other_kind)
    name = one.run("identity", "create", "alice").out
    check(re.fullmatch(r"I[0-9a-f]{64}", name), f"identifier: {name!r}")
    history = one.run("identity", "show", "alice", "--full", "--encoding", "hex").out
    imported = other.run("identity", "create", "--identity", history).out
    local_name = re.search(r"with name (\S+)", imported)
    check(local_name, f"import: {imported!r}")
    check_equal(other.run("identity", "show", local_name.group(1)).out, name, "identifier of the imported identity")
    changed = history[:-2] + ("00" if history[-2:] != "00" else "01")
    other.run("identity", "create", "--identity", changed, ok=False)


SCENARIOS = {
    "message_send": lambda: each(PAIRS, message_send),
    "secure_channel": lambda: each(PAIRS, secure_channel),
    "relay": lambda: each(TRIPLES, relay),
    "portal_over_plain_tcp": lambda: each(PAIRS, portal_over_plain_tcp),
    "portal_pinned": lambda: each(PAIRS, portal_pinned),
    "portal_skips_handshake": lambda: each(PAIRS, portal_skips_handshake),
    "refused_target": lambda: each(PAIRS, refused_target),
    "ends_close": lambda: each(PAIRS, ends_close),
    "identities_travel": lambda: each(PAIRS, identities_travel),
}

if __name__ == "__main__":
    main(SCENARIOS)
