#!/usr/bin/env python3
"""The README's example of a project, each site in a network of its own: project_nat.py

          bank 10.11.0.2 ── gateway ═╗                         three sites, five namespaces; a gateway translates addresses and
                                     ╠═ public: acme           lets nothing in that was not asked for from inside
      analysis 10.12.0.2 ── gateway ═╝

PostgreSQL runs at the bank, psql at the analysts'. At the end the analyst is removed, and his open connection ends. Needs root (namespaces),
nftables and PostgreSQL; skipped otherwise. Namespaces are this test's own and gone after it.
"""

import os
import re
import shutil
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "interop"))
from harness import SKIPPED, Scene, check, check_equal, main, wait_until  # noqa: E402

PUBLIC = {"bank": ("198.51.100.1", "198.51.100.2"), "ana": ("203.0.113.1", "203.0.113.2")}
INSIDE = {"bank": ("10.11.0.1", "10.11.0.2"), "ana": ("10.12.0.1", "10.12.0.2")}
GATEWAY = """
table ip nat {{
  chain out {{
    type nat hook postrouting priority 100;
    oifname "{up}" masquerade
  }}
}}
table ip filter {{
  chain forward {{
    type filter hook forward priority 0; policy drop;
    iifname "{down}" accept
    ct state established,related accept
  }}
  chain input {{
    type filter hook input priority 0; policy drop;
  }}
}}
"""


def why_not():
    if os.geteuid() != 0:
        return "network namespaces need root"
    for program in ("ip", "nft", "psql"):
        if not shutil.which(program):
            return f"{program} is not installed"
    if not os.path.isdir("/usr/lib/postgresql"):
        return "PostgreSQL is not installed"
    probe = subprocess.run(["ip", "netns", "add", f"wn-probe-{os.getpid()}"], capture_output=True, text=True)
    if probe.returncode:
        return f"no network namespaces here: {probe.stderr.strip()}"
    subprocess.run(["ip", "netns", "del", f"wn-probe-{os.getpid()}"])
    return ""


def ip(*words):
    done = subprocess.run(["ip", *words], capture_output=True, text=True)
    check(done.returncode == 0, f"ip {' '.join(words)}: {done.stderr}")


class Net:
    def __init__(self, scene):
        tag = f"wn{os.getpid() % 100000}"
        self.names = {name: f"{tag}-{name}" for name in ("public", "bank", "ana", "gw-bank", "gw-ana")}
        self.short = tag
        scene.closers.append(self.close)
        for name in self.names.values():
            ip("netns", "add", name)
            ip("-n", name, "link", "set", "lo", "up")
        for number, site in enumerate(("bank", "ana")):
            self.site(number, site)

    def link(self, a, a_name, a_address, b, b_name, b_address):
        one, other = f"{self.short}a", f"{self.short}b"
        ip("link", "add", one, "type", "veth", "peer", "name", other)
        for space, old, new, address in ((a, one, a_name, a_address), (b, other, b_name, b_address)):
            ip("link", "set", old, "netns", self.names[space])
            ip("-n", self.names[space], "link", "set", old, "name", new)
            ip("-n", self.names[space], "addr", "add", f"{address}/30", "dev", new)
            ip("-n", self.names[space], "link", "set", new, "up")

    def site(self, number, site):
        gateway = f"gw-{site}"
        self.link("public", f"to-{site}", PUBLIC[site][0], gateway, "up0", PUBLIC[site][1])
        self.link(gateway, "down0", INSIDE[site][0], site, "eth0", INSIDE[site][1])
        ip("-n", self.names[site], "route", "add", "default", "via", INSIDE[site][0])
        ip("-n", self.names[gateway], "route", "add", "default", "via", PUBLIC[site][0])
        self.run(gateway, "sysctl", "-qw", "net.ipv4.ip_forward=1")
        rules = GATEWAY.format(up="up0", down="down0")
        done = subprocess.run(["ip", "netns", "exec", self.names[gateway], "nft", "-f", "-"], input=rules, capture_output=True, text=True)
        check(done.returncode == 0, f"nft: {done.stderr}")

    def words(self, space, *words):
        return ["ip", "netns", "exec", self.names[space], *words]

    def run(self, space, *words, ok=True, timeout_s=60):
        done = subprocess.run(self.words(space, *words), capture_output=True, text=True, timeout=timeout_s, stdin=subprocess.DEVNULL)
        check(not ok or done.returncode == 0, f"{space}: {' '.join(words)[:200]}: exit {done.returncode}\n{done.stdout[-500:]}{done.stderr[-800:]}")
        return done

    def close(self):
        for name in self.names.values():
            subprocess.run(["ip", "netns", "del", name], capture_output=True)


def home_in(scene, net, space):
    """A home whose every command runs in the namespace."""
    home = scene.home("weir")
    wrapper = os.path.join(scene.path, f"weir-{space}")
    with open(wrapper, "w", encoding="utf-8") as file:
        file.write(f'#!/bin/sh\nexec ip netns exec {net.names[space]} {home.binary} "$@"\n')
    os.chmod(wrapper, 0o755)
    home.binary = wrapper
    return home


def postgres(scene, net):
    """On port 5432 of the bank, which is its own network."""
    folders = sorted((os.path.join("/usr/lib/postgresql", v, "bin") for v in os.listdir("/usr/lib/postgresql")),
                     key=lambda f: int(re.search(r"/(\d+)/", f).group(1)))
    programs, folder = folders[-1], os.path.join(scene.path, "pg")
    os.mkdir(folder)
    os.chmod(scene.path, 0o711)
    shutil.chown(folder, "postgres")
    data = os.path.join(folder, "data")
    user = ["runuser", "-u", "postgres", "--"]
    done = subprocess.run([*user, f"{programs}/initdb", "-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-sync"],
                          capture_output=True, text=True, cwd=folder)
    check(done.returncode == 0, f"initdb: {done.stderr[-500:]}")
    scene.spawn(net.words("bank", *user, f"{programs}/postgres", "-D", data, "-p", "5432", "-c", "listen_addresses=127.0.0.1",
                          "-c", f"unix_socket_directories={folder}", "-c", "fsync=off"), cwd=folder)
    ready = net.words("bank", f"{programs}/pg_isready", "-q", "-h", "127.0.0.1", "-p", "5432", "-t", "1")
    wait_until(lambda: subprocess.run(ready).returncode == 0, 30, "PostgreSQL")


def psql_words(net):
    return net.words("ana", "psql", "-X", "-A", "-t", "-h", "127.0.0.1", "-p", "15432", "-U", "postgres", "-d", "postgres")


def example():
    if reason := why_not():
        print(f"skipped: {reason}")
        sys.exit(SKIPPED)
    with Scene() as scene:
        net = Net(scene)
        acme, bank, analysis = (home_in(scene, net, space) for space in ("public", "bank", "ana"))
        scene.closers.append(lambda: [home.run("node", "delete", "--all", "-y", ok=None) for home in (acme, bank, analysis)])
        postgres(scene, net)
        # Nothing from outside gets in, nor from one site to the other.
        for address in (PUBLIC["bank"][1], INSIDE["bank"][1]):
            probe = net.run("public", "timeout", "2", "bash", "-c", f"</dev/tcp/{address}/5432", ok=False)
            check(probe.returncode != 0, f"the bank is reachable at {address}")
        # The README's commands.
        acme.run("project", "create", "acme", "--address", f"{PUBLIC['bank'][0]}:4000")
        # The analysts reach the same host by another of its addresses: the ticket names only one.
        ip("-n", net.names["public"], "addr", "add", f"{PUBLIC['bank'][0]}/32", "dev", "lo")
        bank_ticket = acme.run("project", "ticket", "--relay", "postgres").out
        analysis_ticket = acme.run("project", "ticket").out
        bank.run("project", "enroll", bank_ticket)
        bank.run("node", "create", "bank")
        bank.run("tcp-outlet", "create", "--to", "5432")
        bank.run("relay", "create", "postgres")
        analysis.run("project", "enroll", analysis_ticket)
        analysis.run("node", "create", "analysis")
        check_equal(analysis.run("tcp-inlet", "create", "--from", "15432", "--via", "postgres").out, "127.0.0.1:15432", "the inlet")
        answer = subprocess.run([*psql_words(net), "-c", "SELECT 6 * 7"], capture_output=True, text=True, timeout=60)
        check_equal(answer.stdout.strip(), "42", f"SELECT 6 * 7 ({answer.stderr.strip()})")
        # A connection that is open when the analyst is removed ends.
        session = subprocess.Popen(psql_words(net), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        session.stdin.write("SELECT 'still ' || 'here';\n")
        session.stdin.flush()
        check_equal(session.stdout.readline().strip(), "still here", "the open connection")
        who = analysis.run("identity", "list", "--output", "json").json()[0]["identifier"]
        acme.run("project-member", "delete", who)
        began = time.monotonic()

        def ended():
            if session.poll() is None:
                session.stdin.write("SELECT 1;\n")
                session.stdin.flush()
            return session.poll() is not None
        try:
            wait_until(ended, 60, "the removed member's connection to end", 0.5)
        except BrokenPipeError:
            pass
        print(f"the connection ended {time.monotonic() - began:.0f} s after the removal")
        session.kill()
        check("member-removed" in acme.run("authority", "log", "--json-lines").out, "the removal is not in the log")
        refused = subprocess.run([*psql_words(net), "-c", "SELECT 1"], capture_output=True, text=True, timeout=60)
        check(refused.returncode != 0, "the removed member still gets answers")


if __name__ == "__main__":
    main({"example": example})
