#!/usr/bin/env python3
"""Policies by the command: what is stored, shown, tested, and what survives a restart. policies.py PATH"""

import json

import home as shared
from home import check, run_parts

DEFAULT = "(= subject.has_credential true)"
TYPES = ["echoer", "kafka-consumer", "kafka-producer", "lessor", "relay", "tcp-inlet", "tcp-outlet"]


class Home(shared.Home):
    def policies(self, *words):
        text = self.expect(0, None, "policy", "list", *words, "--output", "json")
        return [(p["resource"], p["expression"]) for p in json.loads(text)] if text else None


def stored_and_shown(home):
    home.expect(0, "n1", "node", "create", "n1", "--no-status-endpoint")
    check(home.policies() == [(t, DEFAULT) for t in TYPES], f"defaults: {home.policies()}")
    created = "  \u2714 Policy created at node n1"
    home.expect(0, created, "policy", "create", "--resource", "r1", "--allow", "a.b=c and not d")
    home.expect(0, "", "policy", "create", "--resource-type", "tcp-inlet", "--expression", "a", "--output", "json")
    home.expect(0, created, "policy", "create", "--resource", "relay", "--allow", "zz or a=b",
                err="--resource relay is deprecated. Please use --resource-type relay instead")
    home.expect(0, created, "policy", "create", "--resource", "r2", "--allow", "zz or notary",
                err="`notary` begins with an operator")
    home.expect(70, "", "policy", "create", "--allow", "a", err="Resource or resource type must be provided")
    home.expect(70, "", "policy", "list", "--at", "/node/n1", err="There is no node with name /node/n1")
    shown = json.loads(home.expect(0, None, "policy", "show", "r1"))
    check(shown == {"action": "handle_message", "resource": "r1",
                    "expression": '(and (= subject.a.b "c") (not (= subject.d "true")))'}, f"show: {shown}")
    check(json.loads(home.expect(0, None, "policy", "show"))["resource"] == "tcp-outlet", "show without a name")
    home.expect(0, "[]", "policy", "show", "zz")
    home.expect(0, "  > No policies on Node n1", "policy", "list", "zz")
    home.expect(0, "", "policy", "list", "zz", "--output", "json")
    check(home.policies("r1")[0][0] == "r1" and len(home.policies("r1")) == 1, "list of a name")
    home.expect(70, "", "policy", "delete", "r1", err="Use --yes to confirm")
    home.expect(0, "  \u2714 Policy for resource r1 has been deleted", "policy", "delete", "r1", "--yes")
    home.expect(0, "[]", "policy", "delete", "r1", "--yes")
    home.expect(0, "", "policy", "delete", "--yes")
    home.expect(0, "  \u2714 Policy for resource type lessor has been deleted", "policy", "delete", "lessor", "-y")


def portals(home):
    home.expect(0, "/service/db", "tcp-outlet", "create", "db", "--to", "9", "--allow", "role=member")
    check(home.policies("db") == [("db", '(= subject.role "member")')], f"policy of an outlet: {home.policies('db')}")
    home.expect(70, "", "tcp-outlet", "create", "db", "--to", "9", "--allow", "other")
    check(home.policies("db") == [("db", '(= subject.role "member")')], "an outlet that failed changed a policy")
    home.expect(0, None, "tcp-inlet", "create", "in", "--to", "/service/db", "--allow", "a", "--no-connection-wait")
    check(home.policies("in") == [("in", '(= subject.a "true")')], "policy of an inlet")
    home.expect(0, None, "tcp-inlet", "delete", "in", "--yes")
    check(home.policies("in") is None, "the policy of a deleted inlet stays")


def tested(home):
    def verdict(code, *words):
        return json.loads(home.expect(code, None, "policy", "test", *words) or "{}")

    said = verdict(1, "role=member and b", "--attribute", "role=guest", "--attribute", "b=true")
    check(not said["allowed"] and said["decided_by"] == [
        {"names": {"subject.role": '"guest"'}, "result": "false", "term": '(= subject.role "member")'}], f"{said}")
    check(verdict(0, "role=member", "--attributes", "x=1,role=member")["allowed"], "attributes")
    said = verdict(1, "zz or x=1", "--attributes", "x=1")
    check(said["decided_by"][0]["result"] == "unbound identifier: subject.zz"
          and said["decided_by"][0]["names"] == {"subject.zz": None}, f"{said}")
    verdict(1, DEFAULT)
    verdict(0, DEFAULT, "--has-credential")
    identity = "I" + "1" * 64
    verdict(0, identity, "--identity", identity)
    # By what the node has: the name first, then the type.
    said = verdict(0, "--resource", "db", "--attribute", "role=member")
    check(said["policy"] == {"kind": "resource", "name": "db"}, f"{said}")
    verdict(1, "--resource", "db", "--attribute", "role=admin", "--at", "n1")
    said = verdict(0, "--resource", "echo", "--has-credential")
    check(said["policy"] == {"kind": "resource type", "name": "echoer"}, f"{said}")
    verdict(0, "--resource-type", "tcp-inlet", "--attribute", "a=true")
    check(verdict(1, "--resource-type", "lessor", "--has-credential")["policy"] is None, "no policy")
    home.expect(64, "", "policy", "test", err="<POLICY_EXPRESSION>")
    plain = home.expect(1, None, "policy", "test", "a or b", "--attribute", "a=x", "--attribute", "b=y", "--output",
                        "plain")
    check("allowed" in plain and "decided_by" in plain, f"on a pipe: {plain}")


def restarts(home):
    before = home.policies()
    home.expect(0, None, "node", "stop", "n1")
    home.expect(0, None, "node", "start", "n1")
    after = home.policies()
    check(dict(after) == {**dict(before), "lessor": DEFAULT}, f"after a restart: {after} before: {before}")
    home.expect(0, None, "tcp-outlet", "delete", "db", "--yes")
    check(home.policies("db") is None, "the policy of a deleted outlet stays")


run_parts((stored_and_shown, portals, tested, restarts), Home)
