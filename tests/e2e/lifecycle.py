#!/usr/bin/env python3
"""Nodes that stop, crash, come back, and share a machine: lifecycle.py [SCENARIO...]"""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "interop"))
from harness import (MIB, SCALE, Failure, Scene, alive, binary, check, check_equal, echo_once, free_port, main, transfer,  # noqa: E402
                     wait_until)

RESTARTS = int(os.environ.get("WEIR_RESTARTS", 15 // SCALE))


def chain(scene):
    """relay, db with an outlet to the pump, app with an inlet: returns them and the inlet's port."""
    relay = scene.node("weir", "relay")
    db = scene.node("weir", "db")
    app = scene.node("weir", "app")
    at = relay.address + "/secure/api"
    db.outlet(scene.pump.port)
    db.relay("db", at)
    return relay, db, app, app.inlet(at + "/service/forward_to_db/secure/api/service/outlet")


def recovery(port, limit_s):
    return wait_until(lambda: echo_once(port, 0.5), limit_s, "the portal to carry bytes again", 0.02)


def two_hops():
    """The seeds' example as it stands in a shell, over two TCP hops."""
    with Scene() as scene:
        home = scene.home("weir")
        for name in ("n1", "n2", "n3"):
            scene.node("weir", name, home=home)
        line = 'weir secure-channel create --from n1 --to /node/n1/node/n2/node/n3/service/api | ' \
               'weir message send "hello ockam!" --from n1 --to -/service/uppercase'
        folder = os.path.join(scene.path, "bin")
        os.mkdir(folder)
        os.symlink(os.path.abspath(binary("weir")), os.path.join(folder, "weir"))
        done = subprocess.run(["bash", "-o", "pipefail", "-c", line], capture_output=True, text=True, timeout=60,
                              env={**home.environment, "PATH": f"{folder}:{os.environ['PATH']}"})
        check_equal((done.returncode, done.stdout.strip()), (0, "HELLO OCKAM!"), f"the example ({done.stderr[-500:]})")
        # An empty address on stdin is an error, not a message to oneself.
        home.run("message", "send", "hi", "--from", "n1", "--to", "-/service/uppercase", stdin="", ok=False)
        home.run("message", "send", "hi", "--from", "n1", "--to", "-/service/uppercase", stdin="\n", ok=False)


def relay_restart():
    """The relay is killed and started again under a live portal: a new client gets through in seconds."""
    with Scene() as scene:
        relay, _, _, port = chain(scene)
        transfer(port, MIB)
        relay.kill()
        time.sleep(0.5)
        relay.start()
        seconds = recovery(port, 30)
        transfer(port, 8 * MIB)
        return f"recovered {seconds:.1f}s after the restart (wanted: less than 5s)"


def many_relay_restarts():
    """Restarts leave descriptors, target connections and memory where they were. WEIR_RESTARTS=100 for the long form."""
    with Scene() as scene:
        relay, db, app, port = chain(scene)
        slowest = 0.0
        before = None
        for number in range(RESTARTS + 3):
            hold = socket.create_connection(("127.0.0.1", port), timeout=10)      # alive when the relay dies
            hold.sendall(b"echo\nheld")
            relay.kill()
            relay.start()
            slowest = max(slowest, recovery(port, 30))
            hold.close()
            if number == 2:                                                      # pools and caches have their size by now
                time.sleep(1)
                before = [(n.name, n.descriptors(), n.resident_kib()) for n in (db, app)]
        # A lost channel lingers for its peer; its streams and descriptors end with it.
        limit = {name: count + 8 for name, count, _ in before}
        wait_until(lambda: all(n.descriptors() <= limit[n.name] for n in (db, app)), 150,
                   f"descriptors to return to {limit}; now {[(n.name, n.descriptors()) for n in (db, app)]}", 0.5)
        grown = {n.name: n.resident_kib() - kib for n, (_, _, kib) in zip((db, app), before)}
        check(max(grown.values()) < (8 * 1024 + 40 * RESTARTS) * SCALE, f"memory grew by {grown} KiB over {RESTARTS} restarts")
        return f"{RESTARTS} restarts, slowest recovery {slowest:.1f}s, memory {grown} KiB"


def comes_back(sign):
    with Scene() as scene:
        relay, db, app, port = chain(scene)
        identities = [n.run("identity", "show").out for n in (db, app)]
        for node in (db, app, relay):
            node.kill(sign)
        # Where nobody reaps orphans (containers without an init) a killed node stays a zombie: that is no running node either.
        states = {n.run("node", "list", "--output", "json").json()[0]["status"]["status"] for n in (db, app)}
        check(states <= {"stopped", "zombie"}, f"states of killed nodes: {states}")
        for node in (relay, db, app):
            node.start()
        seconds = recovery(port, 60)
        transfer(port, MIB)
        check_equal([n.run("identity", "show").out for n in (db, app)], identities, "identities after the restart")
        inlets = app.run("tcp-inlet", "list", "--at", "app", "--output", "json").json()
        check_equal([i["bind_addr"] for i in inlets], [f"127.0.0.1:{port}"], "inlets after the restart")
        relays = db.run("relay", "list", "--to", "db", "--output", "json").json()
        check_equal([r["name"] for r in relays], ["db"], "relays after the restart")
        return f"all three back, bytes flow {seconds:.1f}s after the last start"


def killed_nodes_start_again():
    """kill -9 of all three nodes, then `node start`: identity, listener, portals and relays are back."""
    return comes_back(signal.SIGKILL)


def stopped_nodes_start_again():
    return comes_back(signal.SIGTERM)


def two_homes():
    """Two homes on one machine, same names everywhere: neither sees nor disturbs the other."""
    with Scene() as scene:
        ports, homes = [], []
        for _ in range(2):
            home = scene.home("weir")
            homes.append(home)
            relay = scene.node("weir", "relay", home=home)
            db = scene.node("weir", "db", home=home)
            at = relay.address + "/secure/api"
            db.outlet(scene.pump.port)
            db.relay("db", at)
            ports.append(db.inlet(at + "/service/forward_to_db/secure/api/service/outlet"))
        one, two = homes
        check(one.run("identity", "show").out != two.run("identity", "show").out, "both homes have the same identity")
        for home in homes:
            names = sorted(n["node_name"] for n in home.run("node", "list", "--output", "json").json())
            check_equal(names, ["db", "relay"], "nodes of one home")
        one.run("node", "delete", "--all", "--yes")
        check(not echo_once(ports[0]), "a deleted node's inlet still works")
        transfer(ports[1], MIB)
        check_equal(two.run("node", "list", "--output", "json").json()[0]["status"]["status"], "running", "the other home's node")


def two_users():
    """Another user of the machine cannot administer a node, nor read its home."""
    if os.geteuid() != 0:
        return "not checked: needs root to be two users"
    with Scene() as scene:
        node = scene.node("weir", "mine")
        os.chmod(scene.path, 0o755)
        program = os.path.join(scene.path, "weir")
        shutil.copy(os.path.abspath(binary("weir")), program)
        home = node.home.path

        def as_nobody(*words, where=home):
            return subprocess.run(["runuser", "-u", "nobody", "--", program, *words], capture_output=True, text=True, timeout=30,
                                  stdin=subprocess.DEVNULL, cwd="/", env={**node.home.environment, "WEIR_HOME": where, "HOME": where})
        for words in (["node", "list"], ["node", "show", "mine"], ["node", "stop", "mine"], ["identity", "create", "x"],
                      ["tcp-outlet", "create", "--at", "mine", "--to", "127.0.0.1:1"]):
            done = as_nobody(*words)
            check(done.returncode != 0 or "mine" not in done.stdout, f"another user: {words}: {done.stdout}{done.stderr}")
        check(alive(node.pid), "another user stopped the node")
        loose = [os.path.join(folder, name) for folder, folders, files in os.walk(home) for name in folders + files
                 if os.stat(os.path.join(folder, name)).st_mode & 0o077]
        check(not loose, f"readable by others: {loose}")
        theirs = os.path.join(scene.path, "theirs")
        os.mkdir(theirs, 0o700)
        shutil.chown(theirs, "nobody")
        done = as_nobody("node", "create", "mine", where=theirs)
        check_equal(done.returncode, 0, f"the other user's own node of the same name: {done.stderr[-500:]}")
        done = as_nobody("node", "delete", "--all", "--yes", where=theirs)
        check_equal(done.returncode, 0, f"deleting it: {done.stderr[-500:]}")
        check(alive(node.pid), "the other user's delete hit our node")


def two_commands_at_once():
    """Commands that race in one home: no lost row, no error that a retry would mend."""
    with Scene() as scene:
        home = scene.home("weir")
        scene.node("weir", "n", home=home)
        running = [subprocess.Popen([home.binary, "identity", "create", f"id{i}"], env=home.environment, stdin=subprocess.DEVNULL,
                                    stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for i in range(12)]
        running += [subprocess.Popen([home.binary, "tcp-outlet", "create", f"out{i}", "--at", "n", "--to", "127.0.0.1:9"],
                                     env=home.environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                     stderr=subprocess.PIPE, text=True) for i in range(12)]
        for process in running:
            out, err = process.communicate(timeout=60)
            check_equal(process.returncode, 0, f"{process.args[1:]}: {out}{err[-400:]}")
        names = {i["name"] for i in home.run("identity", "list", "--output", "json").json()}
        check({f"id{i}" for i in range(12)} <= names, f"identities: {names}")
        check_equal(len(home.run("tcp-outlet", "list", "--at", "n", "--output", "json").json()), 12, "outlets")


def slow_reader_slows_itself_only():
    """A client that reads nothing holds up its own stream; another through the same portal runs on, and memory stays bounded."""
    with Scene() as scene:
        _, db, app, port = chain(scene)
        transfer(port, 16 * MIB)
        before = app.resident_kib() + db.resident_kib()
        slow = socket.create_connection(("127.0.0.1", port), timeout=10)
        slow.sendall(b"duplex %d 3\n" % (256 * MIB))
        time.sleep(2)
        seconds = transfer(port, 32 * MIB, 60)
        grown = app.resident_kib() + db.resident_kib() - before
        slow.close()
        check(grown < 100 * 1024 * SCALE, f"memory grew by {grown} KiB behind one slow reader")
        return f"32 MiB each way in {seconds:.1f}s beside it, memory grew by {grown} KiB"


SCENARIOS = {function.__name__: function for function in (
    two_hops, relay_restart, killed_nodes_start_again, stopped_nodes_start_again, two_homes, two_users, two_commands_at_once,
    slow_reader_slows_itself_only, many_relay_restarts)}

if __name__ == "__main__":
    main(SCENARIOS)
