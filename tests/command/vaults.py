#!/usr/bin/env python3
"""Protected vaults and rotated identities, as users and scripts see them. vaults.py PATH"""

import json
import os
import pty
import shutil
import signal
import socket
import subprocess
import tempfile
import time

import home as shared
from home import WEIR, check, end

MODULE, UTILITY = "/usr/lib/softhsm/libsofthsm2.so", "/usr/bin/softhsm2-util"


class Home(shared.Home):
    def __init__(self, place):
        super().__init__(os.path.join(place, "home"), "AWS_")
        self.place = place

    def path(self, name, content=None):
        path = os.path.join(self.place, name)
        if content is not None:
            with open(path, "wb") as file:
                file.write(content)
        return path

    def shown(self, vault):
        return json.loads(self.run("vault", "show", vault, "--output", "json").stdout)["vault"]

    def typed(self, answers, *words):
        """Runs it on a terminal and types an answer at each question for a passphrase; (exit code, what the terminal showed)."""
        pid, terminal = pty.fork()
        if pid == 0:
            os.execve(WEIR, [WEIR, *words], self.env)
        seen, answers = b"", list(answers)
        while True:
            try:
                got = os.read(terminal, 4096)
            except OSError:
                break
            if not got:
                break
            seen += got
            if answers and seen.rstrip().endswith((b":", b"more:")):
                os.write(terminal, answers.pop(0).encode() + b"\n")
                seen += b"\n"
        os.close(terminal)
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), seen.decode(errors="replace")


def rotate(home):
    home.expect(70, "", "identity", "rotate", err="no default identifier found")
    home.expect(70, "", "identity", "rotate", "nobody", err="There is no identity with name nobody")
    alice = home.expect(0, None, "identity", "create", "alice")
    home.expect(0, alice, "identity", "rotate")
    home.expect(0, alice, "identity", "rotate", "alice", "--key-type", "p256")
    shown = json.loads(home.run("identity", "rotate", "alice", "--output", "json").stdout)
    check(sorted(shown) == ["change", "changes", "identifier", "name", "primary_public_key"], f"rotate: {shown}")
    check(shown["changes"] == 4 and shown["primary_public_key"].startswith("ECDSASHA256CurveP256: "), f"rotate: {shown}")
    home.expect(64, "", "identity", "rotate", "alice", "--key-type", "rsa", err="rsa")
    history = home.run("identity", "show", "--full", "--encoding", "hex").stdout
    with tempfile.TemporaryDirectory() as folder:
        other = Home(folder)
        other.run("identity", "create", "peer", "--identity", history)
        other.expect(70, "", "identity", "rotate", "peer", err="was imported without its key")
    check("Replace an identity's key" in home.run("identity", "rotate", "--help").stdout, "no help for identity rotate")


def encrypted(home):
    passphrase = home.path("passphrase", b"correct horse\n")
    home.expect(64, "", "vault", "create", "v", "--encrypt", "--passphrase-file", passphrase, err="cannot be used with")
    home.expect(70, "", "vault", "create", "v", "--encrypt", err="WEIR_VAULT_PASSPHRASE")
    home.expect(70, "", "vault", "create", "v", "--passphrase-file", home.path("nothing"), err="No such file")
    home.expect(70, "", "vault", "create", "v", "--passphrase-file", home.path("empty", b"\n"), err="the file is empty")
    home.expect(70, "", "vault", "create", "v", "--key-file", home.path("short", b"k" * 31), err="at least 32 random bytes")
    check("v" not in home.run("vault", "list").stdout.replace("vault", ""), "a vault that could not be made is listed")
    home.expect(0, "v", "vault", "create", "v", "--path", home.path("secrets"), "--passphrase-file", passphrase)
    check(os.stat(home.path("secrets")).st_mode & 0o777 == 0o600, "others may read the vault")
    kind = home.shown("v")["vault_type"]["LocalFileVault"]
    check(kind["encryption"] == "Passphrase" and kind["secret_path"] == passphrase, f"vault show: {kind}")
    listed = home.typed([], "vault", "list")[1]
    check("Encrypted: with a passphrase" in listed, f"vault list does not say it: {listed}")

    alice = home.expect(0, None, "identity", "create", "alice-v", "--vault", "v")
    os.remove(passphrase)                                            # as if it lay on a stick that is not there now
    home.expect(70, "", "identity", "rotate", "alice-v", err="WEIR_VAULT_PASSPHRASE")
    home.expect(70, "", "identity", "rotate", "alice-v", err="is not the one", WEIR_VAULT_PASSPHRASE="wrong")
    home.expect(0, alice, "identity", "rotate", "alice-v", WEIR_VAULT_PASSPHRASE="correct horse")
    other = home.path("other", b"correct horse")
    home.expect(0, alice, "identity", "rotate", "alice-v", WEIR_VAULT_PASSPHRASE_FILE=other)
    home.expect(0, alice, "identity", "show", "alice-v")             # needs no secret

    # A node in the background, and again after a stop.
    home.expect(70, "", "node", "create", "n", "--identity", "alice-v", "--no-status-endpoint", err="the vault is locked")
    check(json.loads(home.run("node", "list").stdout) == [], "a node that could not open its vault is listed")
    home.expect(70, "", "node", "create", "n", "--identity", "alice-v", "--no-status-endpoint", WEIR_VAULT_PASSPHRASE="wrong")
    home.expect(0, "n", "node", "create", "n", "--identity", "alice-v", "--no-status-endpoint", WEIR_VAULT_PASSPHRASE="correct horse")
    send = ("message", "send", "hi", "--to", "/node/n/secure/api/service/uppercase")
    home.expect(0, "HI", *send, WEIR_VAULT_PASSPHRASE="correct horse")
    pid = json.loads(home.run("node", "show", "n", "--output", "json").stdout)["pid"]
    for part in ("cmdline", "environ"):
        with open(f"/proc/{pid}/{part}", "rb") as file:
            check(b"correct horse" not in file.read(), f"the passphrase is in the node's {part}")
    home.expect(0, None, "node", "stop", "n")
    home.expect(70, "", "node", "start", "n", err="the vault is locked")
    home.expect(0, None, "node", "start", "n", WEIR_VAULT_PASSPHRASE_FILE=other)

    # Another passphrase, then a key file, under the running node.
    home.expect(70, "", "vault", "rekey", "v", WEIR_VAULT_PASSPHRASE="wrong", WEIR_VAULT_NEW_PASSPHRASE="battery")
    home.expect(70, "", "vault", "rekey", "v", err="WEIR_VAULT_NEW_PASSPHRASE", WEIR_VAULT_PASSPHRASE="correct horse")
    home.expect(0, "v", "vault", "rekey", "v", WEIR_VAULT_PASSPHRASE="correct horse", WEIR_VAULT_NEW_PASSPHRASE="battery")
    home.expect(70, "", "identity", "rotate", "alice-v", WEIR_VAULT_PASSPHRASE="correct horse")
    key = home.path("key", os.urandom(32))
    home.expect(0, "v", "vault", "rekey", "v", "--new-key-file", key, WEIR_VAULT_PASSPHRASE="battery")
    kind = home.shown("v")["vault_type"]["LocalFileVault"]
    check(kind["encryption"] == "KeyFile" and kind["secret_path"] == key, f"vault show: {kind}")
    home.expect(0, alice, "identity", "rotate", "alice-v")
    time.sleep(1.2)
    home.expect(0, "HI", *send)
    home.expect(0, None, "node", "stop", "n")
    home.expect(0, None, "node", "start", "n")
    home.expect(0, "HI", *send)
    home.expect(0, None, "node", "delete", "n", "--yes")
    home.expect(0, None, "vault", "create", "plain")
    home.expect(70, "", "vault", "rekey", "plain", err="is not encrypted", WEIR_VAULT_NEW_PASSPHRASE="x")


def asked(home):
    code, seen = home.typed(["one", "two"], "vault", "create", "t", "--encrypt")
    check(code == 70 and "They are not the same" in seen, f"two passphrases: {code} {seen!r}")
    code, seen = home.typed(["horse", "horse"], "vault", "create", "t", "--encrypt")
    check(code == 0 and "Vault created" in seen, f"asked: {code} {seen!r}")
    check("horse" not in seen, f"the passphrase was shown: {seen!r}")
    code, seen = home.typed(["wrong"], "identity", "create", "t-id", "--vault", "t")
    check(code == 70 and "is not the one" in seen, f"wrong: {code} {seen!r}")
    code, seen = home.typed(["horse"], "identity", "create", "t-id", "--vault", "t")
    check(code == 0, f"right: {code} {seen!r}")
    code, seen = home.typed(["horse"], "node", "create", "tn", "--identity", "t-id", "--no-status-endpoint")
    check(code == 0, f"node create: {code} {seen!r}")
    home.expect(70, "", "identity", "rotate", "t-id", "--no-input", err="the vault is locked")
    home.expect(0, None, "node", "delete", "tn", "--yes")


def token(home):
    if not (os.path.exists(MODULE) and os.path.exists(UTILITY)):
        print("not run: PKCS#11 (SoftHSM2 is not installed; Debian: softhsm2)")
        return
    os.mkdir(home.path("tokens"))
    configuration = f"directories.tokendir = {home.path('tokens')}\nobjectstore.backend = file\nlog.level = ERROR\n"
    home.env["SOFTHSM2_CONF"] = home.path("softhsm2.conf", configuration.encode())
    subprocess.run([UTILITY, "--init-token", "--free", "--label", "acme", "--pin", "5678", "--so-pin", "1234"], env=home.env,
                   check=True, stdout=subprocess.DEVNULL)
    pin = home.path("pin", b"5678\n")
    create = ("vault", "create", "hsm", "--pkcs11")
    home.expect(64, "", *create, MODULE, err="--token-label")
    home.expect(70, "", *create, home.path("no.so"), "--token-label", "acme", "--pin-file", pin, err="there is no PKCS#11 module")
    home.expect(70, "", *create, MODULE, "--token-label", "emca", "--pin-file", pin, err="there are: acme")
    home.expect(70, "", *create, MODULE, "--token-label", "acme", err="the PIN of the token is wrong", WEIR_PKCS11_PIN="1")
    home.expect(0, "hsm", *create, MODULE, "--token-label", "acme", "--pin-file", pin)
    kind = home.shown("hsm")["vault_type"]["LocalFileVault"]
    check(kind["encryption"] == "Pkcs11" and kind["pkcs11"] == {"module": MODULE, "token": "acme"}, f"vault show: {kind}")
    for key_type in ("ed25519", "p256"):
        name = "hsm-" + key_type
        who = home.expect(0, None, "identity", "create", name, "--vault", "hsm", "--key-type", key_type)
        home.expect(0, name, "node", "create", name, "--identity", name, "--no-status-endpoint")
        home.expect(0, "HI", "message", "send", "hi", "--identity", name, "--to", f"/node/{name}/secure/api/service/uppercase")
        home.expect(0, who, "identity", "rotate", name)
        time.sleep(1.2)
        home.expect(0, "HI", "message", "send", "hi", "--to", f"/node/{name}/secure/api/service/uppercase", "--identity", name)
        home.expect(0, None, "node", "delete", name, "--yes")
    home.expect(70, "", "vault", "rekey", "hsm", err="token", WEIR_VAULT_NEW_PASSPHRASE="x")
    os.rename(home.path("tokens"), home.path("pulled"))
    os.mkdir(home.path("tokens"))
    home.expect(70, "", "identity", "rotate", "hsm-p256", err="there is no token of this label")
    home.expect(0, None, "identity", "show", "hsm-p256")


def kms(home):
    server = shutil.which("moto_server") or os.path.expanduser("~/.cache/weir/moto/bin/moto_server")
    if not os.path.exists(server):
        print("not run: AWS KMS (python3 -m venv ~/.cache/weir/moto && ~/.cache/weir/moto/bin/pip install 'moto[server]')")
        return
    create = ("vault", "create", "cloud", "--aws-kms")
    home.expect(70, "", *create, err="set AWS_REGION")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    home.env.update(AWS_REGION="eu-central-1", AWS_ACCESS_KEY_ID="testing", AWS_SECRET_ACCESS_KEY="testing",
                    WEIR_AWS_ENDPOINT=f"http://127.0.0.1:{port}")
    home.expect(70, "", *create, err="AWS KMS cannot be reached")
    process = subprocess.Popen([server, "-H", "127.0.0.1", "-p", str(port)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        for _ in range(300):
            with socket.socket() as knock:
                if knock.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.1)
        home.expect(0, "cloud", *create)
        check(home.shown("cloud")["vault_type"]["LocalFileVault"]["use_aws_kms"] == "Yes", "vault show does not say KMS")
        home.expect(70, "", "identity", "create", "c", "--vault", "cloud", "--key-type", "ed25519", err="P-256")
        who = home.expect(0, None, "identity", "create", "c", "--vault", "cloud")
        check("ECDSASHA256CurveP256" in home.run("identity", "show", "c", "--full").stdout, "no P-256 key")
        home.expect(0, "c", "node", "create", "c", "--identity", "c", "--no-status-endpoint")
        send = ("message", "send", "hi", "--identity", "c", "--to", "/node/c/secure/api/service/uppercase")
        home.expect(0, "HI", *send)
        home.expect(0, who, "identity", "rotate", "c")
        time.sleep(1.2)
        home.expect(0, "HI", *send)
        home.expect(70, "", "vault", "rekey", "cloud", err="is not encrypted", WEIR_VAULT_NEW_PASSPHRASE="x")
    finally:
        process.terminate()
        process.wait()
    home.expect(70, "", "identity", "rotate", "c", err="AWS KMS cannot be reached")
    home.expect(0, None, "identity", "show", "c")


def stop_nodes(home):
    for node in json.loads(home.run("node", "list").stdout or "[]"):
        if node["pid"]:
            os.kill(node["pid"], signal.SIGKILL)


for part in (rotate, encrypted, asked, token, kms):
    with tempfile.TemporaryDirectory(prefix="wv-") as place:
        home = Home(place)
        try:
            part(home)
        finally:
            stop_nodes(home)
end()
