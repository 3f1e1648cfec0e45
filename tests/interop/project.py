#!/usr/bin/env python3
"""A project of one's own, each of its five parts weir or a real ockam: project.py [MIX...]

    admin      issues tickets, lists and removes members
    authority  members and credentials
    project    the relay node
    bank       a member behind whose relay an outlet stands
    ana        a member with an inlet to it

A mix is five letters in this order, w or o: `wwwww` is weir alone, `owwoo` a real enroller and real members of a weir project. In every
mix: enrolment by ticket, a ticket that is used twice, a stranger, bytes both ways; where weir is authority and outlet the inlet's member is
removed at the end, and its stream must end within a minute.
"""

import json
import os
import socket

from harness import MIB, Scene, check, check_equal, free_port, main, transfer, wait_until

PROJECT = "11111111-2222-4333-8444-555555555555"
KINDS = {"w": "weir", "o": "ockam"}
MIXES = ("wwwww", "wwwoo", "owwow", "owwwo", "woowo", "oowww", "wowoo", "ooowo")


def identifier(home, name):
    home.run("identity", "create", name)
    return home.run("identity", "show", name, "--output", "json").json()["identifier"]


def history(home, name):
    return home.run("identity", "show", name, "--full", "--encoding", "hex").out


class Project:
    def __init__(self, scene, mix):
        self.scene, self.mix = scene, mix
        self.admin, self.authority, self.relay, self.bank, self.ana = (scene.home(KINDS[letter]) for letter in mix)
        self.authority_port, self.relay_port = free_port(), free_port()
        self.ticket_words = ("--skip-controller-call", "--identity", "admin")

    def document(self):
        # A real node has no worker of the project's name: its listener is reached directly.
        inner = f"/service/{PROJECT}" if self.relay.kind == "weir" else ""
        return {"id": PROJECT, "name": "acme", "space_name": "s", "users": [], "space_id": "11111111-2222-4333-8444-555555555556",
                "user_roles": [], "identity": identifier(self.relay, "relay-identity"),
                "project_change_history": history(self.relay, "relay-identity"),
                "access_route": f"/dnsaddr/127.0.0.1/tcp/{self.relay_port}{inner}/service/api",
                "authority_access_route": f"/dnsaddr/127.0.0.1/tcp/{self.authority_port}/service/api",
                "authority_identity": None}

    def build(self):
        document = self.document()
        trusted = {identifier(self.admin, "admin"): {"ockam-role": "enroller"}, document["identity"]: {"role": "relay"}}
        name = f"authority-{PROJECT}"
        self.authority.run("authority", "create", "--project-identifier", PROJECT, "--trusted-identities", json.dumps(trusted),
                           "--tcp-listener-address", f"127.0.0.1:{self.authority_port}")
        for node in self.authority.run("node", "list", "--output", "json").json():
            if node["node_name"] == name:
                self.scene.pids.add(node["pid"])
        document["authority_identity"] = history(self.authority, name)
        path = os.path.join(self.scene.path, "project.json")
        with open(path, "w", encoding="utf-8") as file:
            json.dump(document, file)
        for home in (self.admin, self.relay):
            home.run("project", "import", "--project-file", path)
        self.scene.node(self.relay.kind, "relay", home=self.relay, port=self.relay_port,
                        options=("--identity", "relay-identity", "--project", "acme"))

    def ticket(self, *words):
        return self.admin.run("project", "ticket", *self.ticket_words, *words).out

    def enroll(self, home, ticket):
        """The identifier of the new member."""
        return home.run("project", "enroll", ticket, "--output", "json").json()["identity"]["identifier"]

    def members(self):
        return {member["identifier"] for member in self.admin.run("project-member", "list", "--identity", "admin").json()}

    @staticmethod
    def echoes(connection):
        try:
            connection.sendall(b"x")
            return connection.recv(1) == b"x"
        except OSError:
            return False


def run_mix(mix):
    with Scene() as scene:
        project = Project(scene, mix)
        project.build()
        ticket = project.ticket("--relay", "pg")
        project.enroll(project.bank, ticket)
        ana = project.enroll(project.ana, project.ticket("--attribute", "team=analysis"))
        check(ana in project.members(), "the new member is not listed")
        stranger = scene.home("weir")
        refused = stranger.run("project", "enroll", ticket, ok=False)
        check("Unknown enrollment token" in str(refused), f"a ticket was used twice: {refused}")
        bank = scene.node(project.bank.kind, "bank", home=project.bank)
        app = scene.node(project.ana.kind, "ana", home=project.ana)
        bank.outlet(scene.pump.port)
        bank.run("relay", "create", "pg", "--at", "/project/acme", "--to", "bank")
        port = free_port()
        app.run("tcp-inlet", "create", "--at", "ana", "--from", f"127.0.0.1:{port}", "--via", "pg")
        moved = transfer(port, 4 * MIB)
        check(moved is not False, "no bytes")
        # Only the name that the ticket gave, and only members.
        if project.bank.kind == "weir" and project.relay.kind == "weir":
            other = bank.run("relay", "create", "other", "--at", "/project/acme", "--to", "bank", "--no-connection-wait").json()
            check_equal(other["connection_status"], "Down", "a relay of a name without the right to it")
        if project.authority.kind == "weir" and project.bank.kind == "weir":
            with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
                connection.sendall(b"echo\n")
                check(project.echoes(connection), "no echo before the removal")
                project.admin.run("project-member", "delete", ana, "--identity", "admin")
                check(ana not in project.members(), "the removed member is still listed")
                wait_until(lambda: not project.echoes(connection), 60, "the removed member's stream to end", 0.2)
            log = project.authority.run("authority", "log", "--output", "json").json()
            actions = [line["action"] for line in log]
            check_equal(actions.count("member-enrolled"), 2, f"enrolments in {actions}")
            check_equal(actions.count("member-removed"), 1, f"removals in {actions}")


def scenario(mix):
    return lambda: run_mix(mix)


if __name__ == "__main__":
    main({mix: scenario(mix) for mix in MIXES})
