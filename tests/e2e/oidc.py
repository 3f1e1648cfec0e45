#!/usr/bin/env python3
"""Members by the word of a real OpenID Connect provider: oidc.py [SCENARIO...]

The provider is oidc-provider (oidc/README.md), installed once with npm; the test is the person in front of the browser. Skipped, by name,
where there is no node or npm cannot be reached.
"""

import fcntl
import json
import os
import re
import shutil
import signal
import ssl
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request

FOLDER = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(FOLDER, "..", "interop"))
from harness import SKIPPED, Failure, Scene, check, check_equal, free_port, main, transfer, wait_until, MIB  # noqa: E402
from peer import bare_string, cbor_head  # noqa: E402

MODULES = os.path.expanduser("~/.cache/weir/oidc")
UNVERIFIED = ssl._create_unverified_context()       # for the test's own requests
GRANT = "urn:ietf:params:oauth:grant-type:device_code"
SCOPE = "openid profile email"
CLAIMS = ("--oidc-claim", "department=team", "--oidc-claim", "groups[dba]=may-dump", "--oidc-claim", "level=level",
          "--oidc-require", "groups=staff")


def installed():
    """The folder of the provider's modules; exit 77 with the reason where it cannot be had."""
    if not shutil.which("node"):
        print("skipped: no node (tools/install-deps ci)")
        sys.exit(SKIPPED)
    source = os.path.join(FOLDER, "oidc")
    with open(os.path.join(source, "package-lock.json"), "rb") as file:
        wanted = file.read()
    os.makedirs(MODULES, exist_ok=True)
    with open(os.path.join(MODULES, "lock"), "w", encoding="ascii") as guard:       # scenarios run side by side
        fcntl.flock(guard, fcntl.LOCK_EX)
        install(source, wanted)
    return os.path.join(MODULES, "node_modules")


def install(source, wanted):
    done_before = os.path.join(MODULES, "installed.json")
    if os.path.exists(done_before):
        with open(done_before, "rb") as file:
            if file.read() == wanted:
                return
    for name in ("package.json", "package-lock.json"):
        shutil.copy(os.path.join(source, name), MODULES)
    done = subprocess.run(["npm", "ci", "--omit=dev", "--no-audit", "--no-fund", "--ignore-scripts"], cwd=MODULES, capture_output=True,
                          text=True, timeout=300) if shutil.which("npm") else None
    if done is None or done.returncode:
        print(f"skipped: oidc-provider cannot be installed: {done.stderr.strip()[-300:] if done else 'no npm'}")
        sys.exit(SKIPPED)
    with open(done_before, "wb") as file:
        file.write(wanted)


def asked(url, form=None, headers=None, method=None):
    """(status, object) of one request."""
    data = urllib.parse.urlencode(form).encode() if form is not None else None
    request = urllib.request.Request(url, data=data, headers=headers or {}, method=method)
    try:
        with urllib.request.urlopen(request, timeout=10, context=UNVERIFIED) as reply:
            return reply.status, json.loads(reply.read() or "{}")
    except urllib.error.HTTPError as error:
        body = error.read()
        return error.code, json.loads(body) if body.startswith(b"{") else {}


class Provider:
    def __init__(self, scene, port=None, **options):
        self.scene, self.port, self.options = scene, port or free_port(), options
        self.issuer = f"http{'s' if 'key' in options else ''}://127.0.0.1:{self.port}"
        self.process = None
        self.start()

    def start(self):
        words = ["node", os.path.join(FOLDER, "oidc", "provider.mjs"), installed(), json.dumps({"port": self.port, **self.options})]
        self.process = self.scene.spawn(words)
        wait_until(self.is_up, 30, "the provider to be up", 0.1)

    def is_up(self):
        if self.process.poll() is not None:
            with open(self.process.log, encoding="utf-8") as log:
                raise Failure(f"the provider ended: {log.read()[-1500:]}")
        try:
            return asked(f"{self.issuer}/.well-known/openid-configuration")[0] == 200
        except OSError:
            return False

    def stop(self):
        self.process.terminate()
        self.process.wait(10)

    def test(self, what, **query):
        status, answer = asked(f"{self.issuer}/test/{what}?{urllib.parse.urlencode(query)}", form={})
        check_equal(status, 200, f"/test/{what}")
        return answer

    def approve(self, user_code, account="ana"):
        self.test("approve", user_code=user_code, account=account)

    def tokens(self, client="weir", account="ana", nonce=None):
        """As another program would get them: (access token, ID token)."""
        form = {"client_id": client, "scope": SCOPE, **({"nonce": nonce} if nonce else {})}
        _, code = asked(f"{self.issuer}/v1/device/authorize", form)
        self.approve(code["user_code"], account)
        status, tokens = asked(f"{self.issuer}/v1/token", {"client_id": client, "grant_type": GRANT, "device_code": code["device_code"]})
        check_equal(status, 200, f"tokens for {client}: {tokens}")
        return tokens["access_token"], tokens["id_token"]


class Acme:
    """A project whose authority knows the provider."""

    def __init__(self, scene, *options):
        self.scene, self.home = scene, scene.home("weir")
        self.port, self.authority_port = free_port(), free_port()
        made = self.home.run("project", "create", "acme", "--address", f"127.0.0.1:{self.port}", "--authority-address",
                             f"127.0.0.1:{self.authority_port}", "--output", "json", *options).json()
        self.node, self.id = f"authority-{made['id']}", made["id"]
        self.json = os.path.join(scene.path, f"{made['id']}.json")
        with open(self.json, "w", encoding="utf-8") as file:
            json.dump(made, file)
        self.remember()

    def remember(self):
        for node in self.home.run("node", "list", "--output", "json").json():
            if isinstance(node["status"], dict):
                self.scene.pids.add(node["pid"])

    def member_home(self):
        home = self.scene.home("weir")
        home.run("project", "import", "--project-file", self.json)
        return home

    def log(self, action=None):
        lines = [json.loads(line) for line in self.home.run("authority", "log", "--json-lines").out.splitlines()]
        return [line for line in lines if action in (None, line["action"])]

    def members(self):
        return {member["identifier"]: member["attributes"]["attributes"] for member in self.home.run("project-member", "list").json()}

    def service(self, name):
        return f"/dnsaddr/127.0.0.1/tcp/{self.authority_port}/secure/api/service/{name}"


class SignIn:
    """A `weir enroll` (or `project enroll --okta`) that waits for its person."""

    def __init__(self, home, *words):
        environment = {**home.environment, "NO_COLOR": "1"}
        self.process = subprocess.Popen([home.binary, *words], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                        text=True, env=environment)
        self.err = ""
        while not (found := re.search(r"Enter +(\S+)", self.err)):
            line = self.process.stderr.readline()
            if not line:
                raise Failure(f"{words}: ended without a code: {self.err} {self.process.communicate()}")
            self.err += line
        self.code = found.group(1)

    def end(self, exit_code, timeout_s=60):
        out, err = self.process.communicate(timeout=timeout_s)
        self.err += err
        check_equal(self.process.returncode, exit_code, f"exit code; stderr: {self.err}")
        return out


def certificates(scene):
    """A certificate authority, and a provider's options with a certificate of it."""
    path = {name: os.path.join(scene.path, f"tls-{name}") for name in ("ca", "ca_key", "key", "request", "certificate", "names")}
    with open(path["names"], "w", encoding="ascii") as file:
        file.write("subjectAltName=IP:127.0.0.1\nbasicConstraints=CA:FALSE\n")
    for words in (f"req -x509 -newkey rsa:2048 -nodes -keyout {path['ca_key']} -out {path['ca']} -days 2 -subj /CN=authority",
                  f"req -newkey rsa:2048 -nodes -keyout {path['key']} -out {path['request']} -subj /CN=provider",
                  f"x509 -req -in {path['request']} -CA {path['ca']} -CAkey {path['ca_key']} -CAcreateserial -days 2"
                  f" -extfile {path['names']} -out {path['certificate']}"):
        subprocess.run(["openssl", *words.split()], check=True, capture_output=True)
    return path["ca"], {"key": path["key"], "certificate": path["certificate"]}


def with_provider(scene, provider, *more):
    return Acme(scene, "--oidc-issuer", provider.issuer, "--oidc-client-id", "weir", *CLAIMS, *more)


def refused_by(acme, reason):
    lines = acme.log("enrollment-refused")
    check(lines and reason in lines[-1]["detail"]["reason"], f"no line about {reason!r} in the log: {lines}")
    check_equal(lines[-1]["origin"].split(":")[0], "127.0.0.1", "where it came from")
    return lines[-1]


# ---------------------------------------------------------------------------------------------------- by hand

def text_item(text):
    return cbor_head(3, len(text)) + text.encode()


def request(path, body=None, method=1):
    header = b"\xa4\x01\x07\x02" + text_item(path) + b"\x03" + bytes([method]) + b"\x04" + (b"\xf4" if body is None else b"\xf5")
    return bare_string(header + (body or b"")).hex()


def posted(home, acme, service, path, body, identity=None):
    """(status, message) of a request made by hand."""
    words = ("--identity", identity) if identity else ()
    answer = bytes.fromhex(home.run("message", "send", request(path, body), "--hex", "--to", acme.service(service), *words).out)
    status = re.search(rb"\x02\x07\x03(?:\x18(.)|\x19(..))", answer[:24], re.S)
    text = answer.decode("utf-8", "replace")
    return int.from_bytes(status.group(1) or status.group(2), "big"), text


def stranger_home(scene):
    """With two identities and no project, whose credential it would have to show."""
    home = scene.home("weir")
    for name in ("a", "b"):
        home.run("identity", "create", name)
    return home


def pair(access_token, id_token):
    return b"\xa2\x01" + text_item(access_token) + b"\x02" + text_item(id_token)


# ---------------------------------------------------------------------------------------------------- scenarios

def joins_and_uses_his_attributes():
    """Signs in, has the mapped attributes in his credential, and a policy opens for them."""
    with Scene() as scene:
        provider = Provider(scene)
        acme = with_provider(scene, provider)
        home = acme.member_home()
        check_equal(acme.log("enrollment-refused"), [], "refusals before anything")
        sign_in = SignIn(home, "enroll", "--output", "json")
        check(provider.issuer in sign_in.err, f"the provider is not named: {sign_in.err}")
        provider.approve(sign_in.code)
        enrolled = json.loads(sign_in.end(0))
        attributes = enrolled["credential"]["attributes"]
        for key, value in (("team", "analysis"), ("may-dump", "true"), ("level", "3"), ("sub", "ana")):
            check_equal(attributes.get(key), value, f"attribute {key} of {attributes}")
        check("groups" not in attributes and "name" not in attributes, f"a claim that nobody mapped: {attributes}")
        identifier = enrolled["identity"]["identifier"]
        line = acme.log("member-enrolled")[-1]
        check_equal((line["actor"], line["subject"], line["detail"]["subject"]), (identifier, identifier, "ana"), "the log's line")
        check_equal(line["detail"]["provider"], provider.issuer, "the provider in the log")
        text = json.dumps(acme.log())
        check("eyJ" not in text, "a token in the log")
        # A service that only his team may use.
        bank = scene.home("weir")
        bank.run("project", "enroll", acme.home.run("project", "ticket", "--relay", "db").out)
        scene.node("weir", "bank", home=bank).outlet(scene.pump.port, "--allow", "team=analysis and may-dump")
        bank.run("relay", "create", "db")
        near = scene.node("weir", "near", home=home)
        port = free_port()
        near.run("tcp-inlet", "create", "--from", f"127.0.0.1:{port}", "--via", "db")
        transfer(port, MIB)
        # Again: the same person, now from another machine, and once more from this one.
        for other in (acme.member_home(), home):
            again = SignIn(other, "enroll", "--quiet")
            provider.approve(again.code)
            again.end(0)
        check_equal(len(acme.log("member-enrolled")), 4, "enrolments")


def denied_expired_and_slow():
    with Scene() as scene:
        provider = Provider(scene, code_s=12)
        acme = with_provider(scene, provider)
        home = acme.member_home()
        before = acme.members()
        denied = SignIn(home, "enroll")
        provider.test("deny", user_code=denied.code)
        denied.end(70)
        check("The sign-in was denied" in denied.err and "project ticket" in denied.err, denied.err)
        expired = SignIn(home, "enroll")
        expired.end(70)
        check("The code has expired" in expired.err, expired.err)
        slow = SignIn(home, "enroll")
        provider.test("next", answer="slow_down")
        polls = len(provider.test("polls")["polls"])
        wait_until(lambda: len(provider.test("polls")["polls"]) > polls, 10, "the poll that is told to slow down")
        provider.approve(slow.code)
        slow.end(0)
        check("less often: every 6s" in slow.err, slow.err)
        times = provider.test("polls")["polls"]
        check(times[-1] - times[-2] >= 5900, f"polled {times[-1] - times[-2]} ms after slow_down")
        check_equal(len(acme.members()), len(before) + 1, "members")
        interrupted = SignIn(home, "enroll")
        interrupted.process.send_signal(signal.SIGINT)
        interrupted.end(-signal.SIGINT)


def provider_down():
    """At the client: it goes on asking. At the authority: a clear answer, nothing changed, and another try works."""
    with Scene() as scene:
        provider = Provider(scene)
        acme = with_provider(scene, provider)
        home = acme.member_home()
        away = SignIn(home, "enroll")
        provider.test("next", answer="503", count=1)
        time.sleep(2.5)
        provider.approve(away.code)
        away.end(0)
        check("the provider fails (status 503): trying again" in away.err and "answers again" in away.err, away.err)
        tokens = provider.tokens()
        stranger = stranger_home(scene)
        provider.stop()
        before = acme.members()
        refused = acme.member_home().run("enroll", ok=False)
        check("cannot be reached" in refused.err, refused.err)
        status, text = posted(stranger, acme, "weir_provider", "/v0/enroll", pair(*tokens), "a")
        check(status == 500 and "cannot be asked" in text, f"{status} {text}")
        refused_by(acme, "cannot be reached")
        check_equal(acme.members(), before, "members")
        # The authority itself does not wait for anybody.
        started = time.monotonic()
        acme.home.run("project-member", "list")
        check(time.monotonic() - started < 5, "the authority was busy with a provider that is down")


def tokens_of_others():
    """Whatever a stranger sends: he is told, the log says why, nobody becomes a member."""
    with Scene() as scene:
        provider = Provider(scene)
        acme = with_provider(scene, provider)
        home = stranger_home(scene)
        before = acme.members()

        def expect(status, words, body, identity="a"):
            got, text = posted(home, acme, "weir_provider", "/v0/enroll", body, identity)
            check(got == status and words in text, f"expected {status} {words!r}: {got} {text}")
            refused_by(acme, words)
            check_equal(acme.members(), before, f"members after {words!r}")
        access, token = provider.tokens(client="other")
        expect(403, "issued to another client", pair(access, token))
        ours = provider.tokens()
        expect(403, "two people", pair(provider.tokens(account="bob")[0], ours[1]))
        header, payload, signature = ours[1].split(".")
        expect(403, "signature of the ID token is wrong", pair(ours[0], f"{header}.{payload}.{signature[:-6]}AAAAAA"))
        expect(403, "algorithm", pair(ours[0], "eyJhbGciOiJub25lIn0." + payload + "."))
        expect(403, "malformed", pair(ours[0], "not.a.token"))
        expect(403, "does not accept the access token", pair("nonsense", ours[1]))
        expect(403, "groups=staff is needed", pair(*provider.tokens(account="bob")))
        got, text = posted(home, acme, "weir_provider", "/v0/enroll", b"\xa1\x01", "a")
        check(got == 400, f"half a body: {got} {text}")
        # A token that was made for identity a, in the hands of b.
        nonce_of_a = provider.tokens(nonce="what a asked for")
        expect(403, "made for another identity", pair(*nonce_of_a), identity="b")
        # A provider that has no nonces in this flow: who holds the token joins, and the log shows whose it was.
        got, text = posted(home, acme, "weir_provider", "/v0/enroll", pair(*ours), "b")
        check_equal(got, 200, f"a token without a nonce: {text}")
        check_equal(acme.log("member-enrolled")[-1]["detail"]["subject"], "ana", "whose token it was")


def wrong_issuer():
    with Scene() as scene:
        provider = Provider(scene)
        # The same provider by another name: what it says of itself is not what the operator meant.
        acme = Acme(scene, "--oidc-issuer", f"http://localhost:{provider.port}", "--oidc-client-id", "weir")
        refused = acme.member_home().run("enroll", ok=False)
        check("another issuer than the one configured" in refused.err, refused.err)
        other = with_provider(scene, provider)
        home = other.member_home()
        refused = home.run("enroll", "--issuer", "https://login.example.org", ok=False)
        check("names another provider" in refused.err and provider.issuer in refused.err, refused.err)
        # The authority looks too, whatever its clients do.
        status, text = posted(stranger_home(scene), acme, "weir_provider", "/v0/enroll", pair(*provider.tokens()), "a")
        check(status == 500 and "another issuer" in text, f"{status} {text}")
        for words, said in ((("--oidc-issuer", "http://login.example.org", "--oidc-client-id", "x"), "https is needed"),
                            (("--oidc-issuer", "https://login.example.org"), "--oidc-client-id"),
                            (("--oidc-client-id", "x"), "--oidc-issuer"),
                            (("--oidc-issuer", "https://x.example", "--oidc-client-id", "x", "--oidc-claim", "x"), "CLAIM"),
                            (("--oidc-issuer", "https://x.example", "--oidc-client-id", "x", "--oidc-scope", "profile"), "openid")):
            result = scene.home("weir").run("project", "create", "bad", "--address", f"127.0.0.1:{free_port()}", *words, ok=False)
            check(said in result.err, f"{words}: {result.err}")


def own_certificates():
    """https, and only the certificates that the operator named."""
    with Scene() as scene:
        ca, tls = certificates(scene)
        provider = Provider(scene, **tls)
        acme = with_provider(scene, provider, "--oidc-ca", ca)
        sign_in = SignIn(acme.member_home(), "enroll", "--output", "json")
        provider.approve(sign_in.code)
        check_equal(json.loads(sign_in.end(0))["credential"]["attributes"]["team"], "analysis", "his team")
        refused = with_provider(scene, provider).member_home().run("enroll", ok=False)
        check("SSL" in refused.err, f"a provider whose certificate nobody knows: {refused.err}")
        other, _ = certificates(scene)
        refused = with_provider(scene, provider, "--oidc-ca", other).member_home().run("enroll", ok=False)
        check("SSL" in refused.err, f"a certificate of another authority: {refused.err}")
        result = scene.home("weir").run("project", "create", "bad", "--oidc-issuer", provider.issuer, "--oidc-client-id", "x", "--oidc-ca",
                                        tls["key"], ok=False)
        check("no certificates" in result.err, result.err)


def restarted_and_guarded():
    """Configuration survives; rights that an operator gave are not a provider's; roles come only from the mapping."""
    with Scene() as scene:
        provider = Provider(scene)
        acme = with_provider(scene, provider, "--oidc-claim", "groups[dba]=ockam-role=enroller", "--oidc-claim", "department=ockam-relay")
        acme.home.run("node", "stop", acme.node)
        acme.home.run("node", "start", acme.node)
        acme.remember()
        home = acme.member_home()
        sign_in = SignIn(home, "enroll", "--output", "json")
        provider.approve(sign_in.code)
        attributes = json.loads(sign_in.end(0))["credential"]["attributes"]
        check_equal((attributes["ockam-role"], attributes["ockam-relay"]), ("enroller", "analysis"), "roles by the mapping")
        home.run("project", "ticket")
        before = acme.members()
        admin = SignIn(acme.home, "enroll")
        provider.approve(admin.code)
        admin.end(0)
        check("already enrolled" in admin.err, admin.err)
        refused_by(acme, "not a provider's")
        check_equal(acme.members(), before, "the operator's own rights")


def no_provider():
    with Scene() as scene:
        acme = Acme(scene)
        for home in (acme.member_home(), scene.home("weir")):
            refused = home.run("enroll", ok=False)
            check("No identity provider is configured" in refused.err and "weir project enroll TICKET" in refused.err, refused.err)
            check_equal((refused.code, refused.out), (70, ""), "exit code and stdout")
            check(refused.seconds < 10, f"it took {refused.seconds}s")
        refused = acme.member_home().run("project", "enroll", "--okta", ok=False)
        check("Okta addon not configured" in refused.err, refused.err)


# ---------------------------------------------------------------------------------------------------- Ockam's flow

def okta(authority_kind, member_kind):
    """`project enroll --okta`, each side weir or a real ockam: the same bytes between them."""
    with Scene() as scene:
        ca, tls = certificates(scene)
        provider = Provider(scene, **tls)
        with open(ca, encoding="ascii") as file:
            pem = "The certificate of the tenant\n" + file.read()           # a value that begins with a dash is an option
        admin, authority, member = scene.home("weir"), scene.home(authority_kind), scene.home(member_kind)
        project, port = "11111111-2222-4333-8444-555555555557", free_port()
        admin.run("identity", "create", "admin")
        boss = admin.run("identity", "show", "admin", "--output", "json").json()["identifier"]
        authority.run("authority", "create", "--project-identifier", project, "--trusted-identities", json.dumps({boss: {"ockam-role": "enroller"}}),
                      "--tcp-listener-address", f"127.0.0.1:{port}", "--tenant-base-url", provider.issuer, "--certificate", pem,
                      "--attributes", "department", "--attributes", "email", "--attributes", "groups")
        name = f"authority-{project}"
        for node in authority.run("node", "list", "--output", "json").json():
            if node["node_name"] == name:
                scene.pids.add(node["pid"])
        history = authority.run("identity", "show", name, "--full", "--encoding", "hex").out
        document = {"id": project, "name": "acme", "space_name": "s", "users": [], "space_id": "11111111-2222-4333-8444-555555555558",
                    "user_roles": [], "identity": boss,
                    "project_change_history": admin.run("identity", "show", "admin", "--full", "--encoding", "hex").out,
                    "access_route": "/dnsaddr/127.0.0.1/tcp/1/service/api", "authority_access_route": f"/dnsaddr/127.0.0.1/tcp/{port}/service/api",
                    "authority_identity": history,
                    "okta_config": {"tenant_base_url": provider.issuer, "certificate": pem, "client_id": "weir", "attributes": ["department"]}}
        path = os.path.join(scene.path, "okta.json")
        with open(path, "w", encoding="utf-8") as file:
            json.dump(document, file)
        for home in (member, admin):
            home.run("project", "import", "--project-file", path)
        member.run("identity", "create", "m")
        code = r"Enter +(\S+)" if member_kind == "weir" else r"one-time code: +(\S+)"
        process = subprocess.Popen([member.binary, "project", "enroll", "--okta", "--identity", "m", "--output", "json"],
                                   stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                                   env={**member.environment, "PATH": os.path.join(scene.path, "nothing")})
        err = ""
        while not (found := re.search(code, re.sub(r"\x1b\[[0-9;]*m", "", err))):
            line = process.stderr.readline()
            if not line:
                raise Failure(f"no code: {err} {process.communicate()}")
            err += line
        provider.approve(found.group(1).strip(",."))
        out, more = process.communicate(timeout=60)
        check_equal(process.returncode, 0, f"exit code: {err + more}")
        attributes = json.loads(out)["credential"]["attributes"]
        check_equal((attributes.get("department"), attributes.get("email"), attributes.get("groups")),
                    ("analysis", "ana@example.org", None), f"attributes {attributes}")
        if authority_kind == "weir":
            line = [json.loads(text) for text in authority.run("authority", "log", "--json-lines").out.splitlines()][-1]
            check_equal((line["action"], line["detail"]["subject"]), ("member-enrolled", "ana"), "the log")
            acme = Acme.__new__(Acme)
            acme.authority_port = port
            stranger = stranger_home(scene)
            bad = b"\xa2\x01\x00\x02" + text_item("nonsense")
            check_equal(posted(stranger, acme, "okta", "v0/enroll", bad, "a")[0], 403, "a bad token")
            check_equal(posted(stranger, acme, "okta", "v0/other", bad, "a")[0], 400, "an unknown path")


SCENARIOS = {function.__name__: function for function in (joins_and_uses_his_attributes, denied_expired_and_slow, provider_down,
                                                          tokens_of_others, wrong_issuer, own_certificates, restarted_and_guarded, no_provider)}
SCENARIOS["okta_weir"] = lambda: okta("weir", "weir")
SCENARIOS["okta_real_member"] = lambda: okta("weir", "ockam")
SCENARIOS["okta_real_authority"] = lambda: okta("ockam", "weir")

if __name__ == "__main__":
    installed()
    main(SCENARIOS)
