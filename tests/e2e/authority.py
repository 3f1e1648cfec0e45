#!/usr/bin/env python3
"""A project's authority with real commands around it: authority.py [SCENARIO...]

`killed_under_enrolment` kills the authority with SIGKILL WEIR_AUTHORITY_KILLS times (20) while identities enrol: whoever was told that he is
a member is one afterwards, and a ticket for one is used once.
"""

import contextlib
import http.server
import json
import os
import signal
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "interop"))
from harness import Scene, alive, check, check_equal, free_port, main, transfer, wait_until, MIB  # noqa: E402

KILLS = int(os.environ.get("WEIR_AUTHORITY_KILLS", "20"))


class Acme:
    """A project made by `project create`, on free ports."""

    def __init__(self, scene, *options):
        self.scene = scene
        self.home = self.make_home()
        self.port, self.authority_port = free_port(), free_port()
        made = self.home.run("project", "create", "acme", "--address", f"127.0.0.1:{self.port}", "--authority-address",
                             f"127.0.0.1:{self.authority_port}", "--output", "json", *options).json()
        self.node = f"authority-{made['id']}"
        self.remember()

    def make_home(self):
        return self.scene.home("weir")

    def remember(self):
        for node in self.home.run("node", "list", "--output", "json").json():
            if isinstance(node["status"], dict):
                self.scene.pids.add(node["pid"])

    def pid(self, name):
        return next(node["pid"] for node in self.home.run("node", "list", "--output", "json").json() if node["node_name"] == name)

    def ticket(self, *words):
        return self.home.run("project", "ticket", *words).out

    def log(self):
        return [json.loads(line) for line in self.home.run("authority", "log", "--json-lines").out.splitlines()]


def enrolled(home, ticket, ok=True):
    result = home.run("project", "enroll", ticket, "--output", "json", ok=ok)
    return result.json()["identity"]["identifier"] if ok else result


@contextlib.contextmanager
def served(text):
    """A URL of this machine with the text behind it."""
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200 if self.path == "/ticket" else 404)
            self.end_headers()
            self.wfile.write(text.encode())

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/ticket"
    finally:
        server.shutdown()
        server.server_close()


def tickets():
    with Scene() as scene:
        acme = Acme(scene)
        twice = acme.ticket("--usage-count", "2", "--attribute", "team=a", "--attribute", "bare")
        one, two, three = (scene.home("weir") for _ in range(3))
        identifier = enrolled(one, twice)
        check_equal(enrolled(one, twice), identifier, "who enrols again is told so, and is fine")
        enrolled(two, twice)
        check("Unknown enrollment token" in enrolled(three, twice, ok=False).err, "a third use")
        member = next(m for m in acme.home.run("project-member", "list").json() if m["identifier"] == identifier)
        check_equal(member["attributes"]["attributes"], {"team": "a", "bare": "true"}, "attributes of the ticket")
        brief = acme.ticket("--expires-in", "1s")
        time.sleep(2.1)
        check("Unknown enrollment token" in enrolled(three, brief, ok=False).err, "an expired ticket")
        for form in (("--hex",), ("--legacy",), ("--output", "json")):
            enrolled(scene.home("weir"), acme.ticket(*form))
        with served(acme.ticket()) as url:
            enrolled(scene.home("weir"), url)
            check("answers 404" in enrolled(three, url + "x", ok=False).err, "a URL without a ticket")
        check("cannot be fetched" in enrolled(three, url, ok=False).err, "a URL of nobody")
        check("without TLS" in enrolled(three, "http://0.0.0.0:9/ticket", ok=False).err, "a ticket in the clear")
        good = acme.ticket()
        fields = good.split(",")
        code = "0" * 64
        for altered, words in ((",".join(fields[:3] + [code] + fields[4:]), "Unknown enrollment token"), (",".join(fields[:6]), "Missing fields"),
                               ("nonsense", "Missing fields"), ("", "Missing fields"),
                               (",".join(fields[:4] + [fields[4][:-2] + ("01" if fields[4].endswith("00") else "00")] + fields[5:]), "")):
            refused = enrolled(three, altered, ok=False)
            check(words in refused.err, f"{altered[:60]!r}: {refused.err}")
        # Of another project: its authority does not know the code, and ours does not either.
        other = Acme(scene)
        mixed = other.ticket().split(",")
        refused = enrolled(three, ",".join(fields[:3] + [mixed[3]] + fields[4:]), ok=False)
        check("Unknown enrollment token" in refused.err, f"a code of another project: {refused.err}")
        enrolled(three, "\n " + good + " \n")                  # still good after all that
        actions = [line["action"] for line in acme.log()]
        check(actions.count("ticket-refused") >= 3, f"guesses in the log: {actions}")
        check_equal(acme.home.run("project", "ticket", "--usage-count", "0", ok=False).code, 70, "a ticket for nobody")


def roles():
    with Scene() as scene:
        acme = Acme(scene)
        member, enroller = scene.home("weir"), scene.home("weir")
        enrolled(member, acme.ticket())
        enrolled_id = enrolled(enroller, acme.ticket("--enroller"))
        for words in (("project", "ticket"), ("project-member", "list"), ("project-member", "list-ids"),
                      ("project-member", "add", "I" + "5" * 64)):
            refused = member.run(*words, ok=False)
            check("Non-enroller" in refused.err, f"{words}: {refused.err}")
        someone = scene.home("weir")
        identifier = enrolled(someone, enroller.run("project", "ticket").out)
        enroller.run("project-member", "delete", identifier)
        check("unauthorized member" in someone.run("project", "enroll", ok=False).err, "a credential for somebody removed")
        enroller.run("project-member", "add", identifier, "--attribute", "back=again")
        back = someone.run("project", "enroll", "--output", "json").json()
        check_equal(back["credential"]["attributes"]["back"], "again", "attributes of who is back")
        # Admins, by identifier and by the email that an identity provider would have given.
        enroller.run("project-member", "add", identifier, "--attribute", "back=again", "--attribute", "email=ana@example.org")
        boss = acme.home
        check("No member has the email" in boss.run("project-admin", "add", "bob@example.org", ok=False).err, "an unknown email")
        check_equal(boss.run("project-admin", "add", "ana@example.org", "--output", "json").json(),
                    {"email": "ana@example.org", "identifier": identifier}, "the new admin")
        someone.run("project", "ticket")
        admins = {admin["identifier"] for admin in boss.run("project-admin", "list", "--output", "json").json()}
        check(identifier in admins and len(admins) == 3, f"admins: {admins}")
        boss.run("project-admin", "delete", identifier, "--yes")
        check("Non-enroller" in someone.run("project", "ticket", ok=False).err, "a ticket by who is no admin any more")
        kept = someone.run("project", "enroll", "--output", "json").json()["credential"]["attributes"]
        check(kept["back"] == "again" and kept["email"] == "ana@example.org", f"attributes of who was an admin: {kept}")
        check("is no admin" in boss.run("project-admin", "delete", identifier, "--yes", ok=False).err, "an admin deleted twice")
        own = next(admin for admin in admins if admin not in (identifier, enrolled_id))
        check("configuration" in boss.run("project-admin", "delete", own, "--yes", ok=False).err, "the operator as admin")
        boss.run("project-admin", "delete", "--all", "--yes")
        check_equal([admin["identifier"] for admin in boss.run("project-admin", "list", "--output", "json").json()], [own], "admins left")
        # Stopped and started it is still an authority, and forgets nobody.
        acme.home.run("node", "stop", acme.node)
        acme.home.run("project", "create", "acme")
        acme.remember()
        check(identifier in {m["identifier"] for m in acme.home.run("project-member", "list").json()}, "a member is forgotten")
        sequences = [line["sequence"] for line in acme.log()]
        check_equal(sequences, sorted(set(sequences)), "numbers of the log")


def legacy_identity():
    with Scene() as scene:
        home = scene.home("weir")
        home.run("identity", "create", "authority")
        before = home.run("identity", "show", "authority", "--output", "json").json()
        home.run("authority", "create", "--project-identifier", "1", "--trusted-identities", "{}", "--tcp-listener-address",
                 f"127.0.0.1:{free_port()}")
        scene.pids.add(home.run("node", "show", "authority-1", "--output", "json").json()["pid"])
        after = home.run("identity", "show", "authority-1", "--output", "json").json()
        check_equal(after["identifier"], before["identifier"], "the authority's identity")
        check_equal([one["name"] for one in home.run("identity", "list", "--output", "json").json()], ["authority-1"], "identities")


def account_authority():
    """Who shows the account authority's credential for the project is its admin, in nobody's list of members."""
    with Scene() as scene:
        home = scene.home("weir")
        for name in ("account", "boss", "other"):
            home.run("identity", "create", name)
        history = home.run("identity", "show", "account", "--full", "--encoding", "hex").out.strip()
        issuer = home.run("identity", "show", "account", "--output", "json").json()["identifier"]
        port = free_port()
        home.run("authority", "create", "--project-identifier", "p1", "--trusted-identities", "{}", "--account-authority", history,
                 "--tcp-listener-address", f"127.0.0.1:{port}")
        scene.pids.add(home.run("node", "show", "authority-p1", "--output", "json").json()["pid"])
        services = f"/ip4/127.0.0.1/tcp/{port}/secure/api/service/"

        def answer(name, project, service, request):
            identifier = home.run("identity", "show", name, "--output", "json").json()["identifier"]
            node = f"{name}-{project}"
            scene.node("weir", node, home=home, options=("--identity", name, "--authority-identity", history, "--credential-scope", "s"))
            credential = home.run("credential", "issue", "--as", "account", "--for", identifier, "--attribute", f"project={project}",
                                  "--encoding", "hex").out.strip()
            home.run("credential", "store", "--issuer", issuer, "--credential", credential, "--scope", "s", "--at", node)
            home.run("node", "stop", node)                     # what is stored is read when it starts
            home.run("node", "start", node)
            scene.pids.add(home.run("node", "show", node, "--output", "json").json()["pid"])
            got = home.run("message", "send", "--from", node, "--to", services + service, "--hex", request).out
            header = bytes.fromhex(got)
            return header[header.index(b"\x03") + 1:][:3]      # {1: id, 2: re, 3: status, 4: body?}

        ids = "14a40107026b2f6d656d6265725f696473030004f4"
        ok, forbidden = bytes.fromhex("18c8"), bytes.fromhex("190193")
        check(answer("boss", "p1", "direct_authenticator", ids).startswith(ok), "an admin by the account's word")
        check(answer("boss", "p2", "direct_authenticator", ids).startswith(forbidden), "an admin of another project")


def credentials_in_use():
    """Short-lived credentials are renewed under a portal that stays in use, also while the authority is away for a moment."""
    with Scene() as scene:
        acme = Acme(scene, "--credential-ttl", "130s")
        bank, app = scene.home("weir"), scene.home("weir")
        enrolled(bank, acme.ticket("--relay", "db"))
        enrolled(app, acme.ticket())
        scene.node("weir", "bank", home=bank).outlet(scene.pump.port)
        bank.run("relay", "create", "db")
        near = scene.node("weir", "near", home=app)
        port = free_port()
        near.run("tcp-inlet", "create", "--from", f"127.0.0.1:{port}", "--via", "db")
        transfer(port, MIB)
        os.kill(acme.pid(acme.node), signal.SIGKILL)
        time.sleep(1)
        transfer(port, MIB)                                    # rights do not hang on the authority's life
        acme.home.run("project", "create", "acme")
        acme.remember()

        def renewals():
            control = near.run("node", "counters", "near", "--output", "json").json()["control"]
            return control["own_credentials_fetched"]
        before = renewals()
        wait_until(lambda: renewals() > before, 100, "a renewal", 1)
        transfer(port, MIB)


def node_with_a_ticket():
    with Scene() as scene:
        acme = Acme(scene)
        home = scene.home("weir")
        result = home.run("node", "create", "n", "--enrollment-ticket", acme.ticket("--relay", "*"))
        scene.pids.add(home.run("node", "show", "n", "--output", "json").json()["pid"])
        check(result.out.endswith("n"), f"the node's name: {result.out[-80:]}")
        check_equal(home.run("relay", "create", "any").out, "/service/forward_to_any", "a relay of the project")
        refused = home.run("node", "create", "m", environment={"ENROLLMENT_TICKET": ""}, ok=False)
        check("Missing fields in enrollment ticket" in refused.err, refused.err)


def killed_under_enrolment():
    with Scene() as scene:
        kill_under_enrolment(scene, Acme(scene))


def kill_under_enrolment(scene, acme):
    homes = [scene.home("weir") for _ in range(4)]
    told, stop, troubles = [], threading.Event(), []

    def enroll_on(home):
        while not stop.is_set():
            result = acme.home.run("project", "ticket", ok=None)
            if result.code != 0:
                continue
            who = f"i{time.monotonic_ns()}"
            for name in (who, who + "b"):                  # the second use must fail once the first was answered
                done = home.run("project", "enroll", result.out, "--identity", name, "--skip-credential-issue", ok=None)
                if done.code == 0:
                    identifier = json.loads(done.out)["identity"]["identifier"]
                    told.append((result.out, identifier))
                elif "Traceback" in done.err:
                    troubles.append(str(done))
    threads = [threading.Thread(target=enroll_on, args=(home,)) for home in homes]
    for thread in threads:
        thread.start()
    for number in range(KILLS):
        time.sleep(0.05 + 0.02 * (number % 10))
        pid = acme.pid(acme.node)
        os.kill(pid, signal.SIGKILL)
        wait_until(lambda: not alive(pid), 10, "the authority to be gone")
        acme.home.run("project", "create", "acme")
        acme.remember()
    stop.set()
    for thread in threads:
        thread.join()
    check(not troubles, "\n".join(troubles))
    members = {m["identifier"] for m in acme.home.run("project-member", "list").json()}
    lost = [identifier for _, identifier in told if identifier not in members]
    check(not lost, f"{len(lost)} of {len(told)} enrolments are lost")
    used = [ticket for ticket, _ in told]
    check_equal(len(used), len(set(used)), "tickets that were accepted twice")
    # Each member by the log is one, and no ticket stands there twice.
    redeemed = [line["detail"]["ticket"] for line in acme.log() if line["action"] == "member-enrolled"]
    check_equal(len(redeemed), len(set(redeemed)), "tickets that the log says were used twice")
    check(len(told) >= KILLS // 2, f"only {len(told)} enrolments in {KILLS} kills")
    print(f"{KILLS} kills, {len(told)} enrolments")


if __name__ == "__main__":
    main({function.__name__: function for function in (tickets, roles, legacy_identity, account_authority, credentials_in_use, node_with_a_ticket, killed_under_enrolment)})
