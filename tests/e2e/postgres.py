#!/usr/bin/env python3
"""State in PostgreSQL, on a real server: postgres.py [SCENARIO...]

`killed_under_enrolment` is authority.py's with an authority whose state is there; WEIR_AUTHORITY_KILLS times (5 here).
"""

import os
import signal
import sys
import threading
import time

FOLDER = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(FOLDER, "..", "interop"), os.path.join(FOLDER, "..", "store")]
os.environ.setdefault("WEIR_AUTHORITY_KILLS", "5")
import authority  # noqa: E402
from harness import SKIPPED, Scene, alive, check, check_equal, free_port, main, transfer, wait_until, MIB  # noqa: E402
from postgres_server import PostgresServer, programs  # noqa: E402


def server_of(scene):
    server = PostgresServer(free_port())
    scene.closers.append(server.close)
    return server


def home_at(scene, url):
    home = scene.home("weir")
    home.environment["WEIR_DATABASE_URL"] = url
    return home


def only_logs_in(home):
    """Nothing of the state is in the home."""
    check_equal(sorted(name for name in os.listdir(home.path) if name != "nodes"), [], "files in the home")


def commands():
    with Scene() as scene:
        server = server_of(scene)
        url = server.database("one")
        home, other = home_at(scene, url), home_at(scene, url)
        alice = home.run("identity", "create", "alice").out
        check_equal([i["identifier"] for i in other.run("identity", "list", "--output", "json").json()], [alice],
                    "the other home's identities")
        node = scene.node("weir", "n1", home=home)
        check_equal(other.run("node", "show", "n1", "--output", "json").json()["pid"], node.pid, "pid by the other home")
        node.outlet(scene.pump.port)
        port = node.inlet("/service/outlet")
        transfer(port, MIB)
        home.run("node", "stop", "n1")
        check_equal(home.run("node", "list", "--output", "json").json()[0]["status"], {"status": "stopped"}, "a stopped node")
        node.start()
        wait_until(lambda: node.inlet_status(port) == "Up", 60, "the inlet after a start")
        transfer(port, MIB)
        refused = other.run("node", "create", "n1", ok=False)
        check("already running" in refused.err, f"a name in use in the other home: {refused.err}")
        scene.node("weir", "n2", home=other)
        check_equal({n["node_name"] for n in home.run("node", "list", "--output", "json").json()}, {"n1", "n2"}, "all nodes")
        message = home.run("message", "send", "hello", "--to", "/node/n2/service/uppercase")
        check_equal(message.out, "HELLO", "a message to the other home's node")
        home.run("node", "delete", "n1", "--yes")
        only_logs_in(home)
        only_logs_in(other)
        tables = server.psql("SELECT count(*) FROM pg_tables WHERE schemaname = 'weir'", "one")
        check(int(tables) > 10, f"tables: {tables}")


def project():
    """Authority, member and enroller share one server, each with a database of its own; then two homes with the same one."""
    with Scene() as scene:
        server = server_of(scene)
        acme = Acme(scene, server.database("acme"))
        member = home_at(scene, server.database("member"))
        ticket = acme.ticket("--attribute", "team=a")
        identifier = authority.enrolled(member, ticket)
        refused = authority.enrolled(home_at(scene, server.database("late")), ticket, ok=False)
        check("Unknown enrollment token" in refused.err, f"a second use: {refused.err}")
        same = home_at(scene, member.environment["WEIR_DATABASE_URL"])
        check_equal(same.run("identity", "show").out, identifier, "the identity from another home")
        members = {m["identifier"] for m in acme.home.run("project-member", "list").json()}
        check(identifier in members, f"members: {members}")
        acme.home.run("node", "stop", acme.node)
        acme.home.run("project", "create", "acme")
        acme.remember()
        check(identifier in {m["identifier"] for m in acme.home.run("project-member", "list").json()}, "a member is forgotten")
        actions = [line["action"] for line in acme.log()]
        check_equal(actions.count("member-enrolled"), 1, f"the log: {actions}")


class Acme(authority.Acme):
    def __init__(self, scene, url, *options):
        self.url = url
        super().__init__(scene, *options)

    def make_home(self):
        return home_at(self.scene, self.url)


def refusals():
    with Scene() as scene:
        server = server_of(scene)
        good = server.database("good")
        closed = free_port()
        cases = [
            (good.replace(server.password, "hunter2"), "check user and password"),
            (server.url("nowhere"), "createdb"),
            (f"postgres://weir:hunter2@127.0.0.1:{closed}/x", "cannot be reached"),
            ("postgres://weir:hunter2@host.invalid:5432/x", "cannot be reached"),
            ("http://weir:hunter2@h:1/x", "A database connection must start with postgres://"),
            ("postgres://weir:hunter2@h/x", "must have a host and a port specified as host:port"),
            ("postgres://weir@h:1/x", "must specify the user and password as user:password"),
        ]
        for url, words in cases:
            for arguments in (("node", "list"), ("node", "create", "n1")):
                started = time.monotonic()
                refused = home_at(scene, url).run(*arguments, ok=False)
                check_equal(refused.code, 70, f"exit code with {url}")
                check(words in refused.err, f"{url}: {refused.err}")
                check("hunter2" not in refused.err + refused.out and server.password not in refused.err, f"a password: {refused.err}")
                check(time.monotonic() - started < 30, f"{url} took {time.monotonic() - started:.0f}s")
        half = scene.home("weir").run("node", "list", ok=False, environment={"OCKAM_DATABASE_INSTANCE": f"127.0.0.1:{server.port}/good"})
        check("OCKAM_DATABASE_USER and OCKAM_DATABASE_PASSWORD are not" in half.err, f"half of the variables: {half.err}")
        whole = {"OCKAM_DATABASE_INSTANCE": f"127.0.0.1:{server.port}/good", "OCKAM_DATABASE_USER": "weir",
                 "OCKAM_DATABASE_PASSWORD": server.password}
        check_equal(scene.home("weir").run("node", "list", "--output", "json", environment=whole).json(), [], "nodes by OCKAM_DATABASE_*")
        foreign(scene, server)


def foreign(scene, server):
    """Whatever is not ours, or newer, or broken, is as it was: by pg_dump."""
    cases = [
        ("theirs", "CREATE TABLE identity (identifier TEXT); CREATE TABLE named_identity (name TEXT);"
                   "INSERT INTO named_identity VALUES ('x')", "belongs to ockam"),
        ("taken", "CREATE SCHEMA weir; CREATE TABLE weir.node (name TEXT)", "belongs to another program"),
        ("newer", "UPDATE weir.weir_schema SET version = 99", "made by a newer weir"),
        ("broken", "DROP TABLE weir.vault", "damaged"),
    ]
    for name, sql, words in cases:
        home = home_at(scene, server.database(name))
        if name in ("newer", "broken"):
            home.run("identity", "create", "a")
        server.psql(sql, name)
        before = server.dump(name)
        for arguments in (("identity", "create", "b"), ("node", "create", "n"), ("node", "list")):
            refused = home.run(*arguments, ok=False)
            check(words in refused.err, f"{name}: {refused.err}")
        check_equal(server.dump(name), before, f"the database {name}")


def server_restarts():
    """A node outlives its server: portals go on, what needs the state fails with a clear error, and works again."""
    with Scene() as scene:
        server = server_of(scene)
        home = home_at(scene, server.database("one"))
        node = scene.node("weir", "n1", home=home)
        node.outlet(scene.pump.port)
        port = node.inlet("/service/outlet")
        for how in (signal.SIGINT, signal.SIGQUIT):
            server.stop(how)
            transfer(port, MIB)
            refused = home.run("node", "list", ok=False)
            check("cannot be reached" in refused.err, refused.err)
            check(alive(node.pid), "the node died with the server")
            server.start()
            transfer(port, MIB)
            check_equal(len(home.run("node", "list", "--output", "json").json()), 1, "nodes after the restart")
            # By the node's own connection, which it makes again by itself.
            again = node.inlet("/service/outlet")
            transfer(again, MIB)
        node.kill()
        node.start()
        check_equal(len(home.run("tcp-inlet", "list", "--at", "n1", "--output", "json").json()), 3, "inlets kept")


def many_at_once():
    """Homes on two databases' worth of commands at once: none fails, nothing is lost."""
    with Scene() as scene:
        server = server_of(scene)
        url = server.database("one")
        homes = [home_at(scene, url) for _ in range(4)]
        failures = []

        def work(number, home):
            for step in range(4):
                result = home.run("identity", "create", f"i{number}-{step}", ok=None)
                if result.code != 0:
                    failures.append(str(result))
        threads = [threading.Thread(target=work, args=item) for item in enumerate(homes)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        check(not failures, "\n".join(failures))
        identities = homes[0].run("identity", "list", "--output", "json").json()
        check_equal(len(identities), 16, "identities")
        check_equal(sum(i["is_default"] for i in identities), 1, "default identities")


def killed_under_enrolment():
    with Scene() as scene:
        authority.kill_under_enrolment(scene, Acme(scene, server_of(scene).database("acme")))


if __name__ == "__main__":
    if programs() is None:
        print("skipped: PostgreSQL is not installed")
        sys.exit(SKIPPED)
    main({function.__name__: function for function in (commands, project, refusals, server_restarts, many_at_once,
                                                       killed_under_enrolment)})
