#!/usr/bin/env python3
"""The built program without any node: exit codes, streams, stdin substitution, state commands. program.py PATH"""

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile

WEIR = sys.argv[1]
failures = []


def run(home, *words, stdin="", **variables):
    env = {key: value for key, value in os.environ.items() if not key.startswith(("OCKAM", "WEIR", "NO_", "QUIET"))}
    env.update(WEIR_HOME=home, **variables)
    return subprocess.run([WEIR, *words], input=stdin, capture_output=True, text=True, env=env, timeout=60)


def expect(result, code, out=None, err=None):
    line = sys._getframe(1).f_lineno
    words = " ".join(result.args[1:])
    if result.returncode != code:
        failures.append(f"line {line}: `{words}` exit {result.returncode}, expected {code}: {result.stderr}")
    if out is not None and result.stdout != out:
        failures.append(f"line {line}: `{words}` stdout {result.stdout!r}, expected {out!r}")
    if err is not None and err not in result.stderr:
        failures.append(f"line {line}: `{words}` stderr {result.stderr!r}, expected {err!r}")
    return result


def usage(home):
    expect(run(home, "node", "bogus"), 64, "", "error: unrecognized subcommand 'bogus'")
    expect(run(home, "message", "send", "hi"), 64, "", "--to <ROUTE>")
    expect(run(home, "status"), 64, "", "not built yet in weir")
    expect(run(home, "node", "list", "--jq", "."), 64, "", "not built yet in weir")
    expect(run(home, "node", "list", NO_INPUT="perhaps"), 64, "", "NO_INPUT")
    for words in ([], ["node"], ["message", "send"]):
        result = expect(run(home, *words), 64, None, "")
        if "Usage: weir" not in result.stdout:
            failures.append(f"no help for {words}")
    expect(run(home, "node", "create", "--help"), 0, None, "")
    for words in (["--version"], ["node", "bogus", "-V"], ["--output", "json", "--version"]):
        result = expect(run(home, *words), 0, None, "")
        if not re.fullmatch(r"    weir \S+ \(speaks ockam 0\.150\.0\)\n    compiled from (\w{40}|a source tree without a commit)\n",
                            result.stdout):
            failures.append(f"version: {result.stdout!r}")
    expect(run(home, "node", "list", "--test-argument-parser"), 0, "")
    expect(run(home, "--env", "nothing", "node", "list"), 70, "", "KEY=VALUE")
    for shell in ("bash", "elvish", "fish", "powershell", "zsh"):
        result = expect(run(home, "completion", "-s", shell), 0, None, "")
        if "tcp-inlet" not in result.stdout:
            failures.append(f"completion for {shell} lacks commands")
    completions(home)
    if os.listdir(home):
        failures.append(f"usage errors, help and completion touched the home: {os.listdir(home)}")


# How each shell checks a script without running it, or runs it on a line; one that is not here checks nothing.
CHECKS = {"bash": ["bash", "-n", "FILE"], "zsh": ["zsh", "-n", "FILE"], "fish": ["fish", "--no-execute", "FILE"],
          "elvish": ["elvish", "FILE"],
          "powershell": ["pwsh", "-NoProfile", "-Command",
                         "$e = $null; [void][Management.Automation.Language.Parser]::ParseFile('FILE', [ref]$null, [ref]$e); "
                         "if ($e) { $e; exit 1 }"]}
# Without a terminal Elvish has no edit: module.
ELVISH_BEFORE = ("var edit: = (ns [&completion:=(ns [&arg-completer=[&]]) &complex-candidate~={|w &display=''| put $w}])\n")
ELVISH_AFTER = "if (not (has-value [($edit:completion:arg-completer[weir] weir tcp-inlet '')] create)) { fail 'no create' }\n"


def completions(home):
    for shell, words in CHECKS.items():
        script = run(home, "completion", "-s", shell).stdout
        if script.count("-l skip-handshake" if shell == "fish" else "--skip-handshake") < 2:
            failures.append(f"{shell} completion: not the options of tcp-inlet create and tcp-outlet create")
        if shell in ("elvish", "powershell"):
            unquoted(shell, script)
        if shutil.which(words[0]) is None:
            continue
        if shell == "elvish":
            script = ELVISH_BEFORE + script + ELVISH_AFTER
        with tempfile.NamedTemporaryFile("w", suffix=".ps1" if shell == "powershell" else "." + shell) as file:
            file.write(script)
            file.flush()
            checked = subprocess.run([word.replace("FILE", file.name) for word in words], text=True, capture_output=True)
        if checked.returncode != 0:
            failures.append(f"{shell} completion: {checked.stderr}")


def unquoted(shell, script):
    """Quotes are closed on their line, and what is outside of them is balanced: a help text cannot break the script."""
    for line in script.splitlines():
        if line.count("'") % 2:
            failures.append(f"{shell} completion: open quote in {line!r}")
    outside = "".join(script.split("'")[::2])
    for opening, closing in ("{}", "[]", "()"):
        if outside.count(opening) != outside.count(closing):
            failures.append(f"{shell} completion: {opening} and {closing} are not balanced")


def substitution(home):
    expect(run(home, "message", "send", "x", "--to", "-/service/uppercase"), 64, "", "address from stdin")
    expect(run(home, "message", "send", "x", "--to", "-/bogus/x", stdin="/service/a\n"), 64, "", "bogus")
    expect(run(home, "node", "show", "/-", stdin="/nope\n"), 0, "[]")


def state(home):
    expect(run(home, "node", "list"), 0, "[]")
    expect(run(home, "node", "list", "--compact-output"), 0, "[]")
    expect(run(home, "node", "show", "nope"), 0, "[]")
    expect(run(home, "node", "delete", "nope", "--yes"), 0, "[]")
    expect(run(home, "node", "stop", "nope"), 0, "  > There are no nodes running")
    expect(run(home, "node", "default"), 70, "", "There is no default node")
    expect(run(home, "node", "default", "nope"), 70, "", "There is no node with name nope")
    expect(run(home, "node", "start", "nope"), 70, "", "OCK404")
    expect(run(home, "tcp-outlet", "list"), 70, "", "There is no default node")
    expect(run(home, "tcp-outlet", "create", "--to", "1", "--at", "nope"), 70, "", "There is no node with name nope")
    expect(run(home, "node", "create", "x/y"), 70, "", "Invalid value for NAME_OR_CONFIGURATION: x/y")
    expect(run(home, "node", "create", "x.y"), 70, "", "Invalid value for NAME_OR_CONFIGURATION: x.y")
    expect(run(home, "node", "create", "{name: x}"), 64, "", "not built yet in weir")
    expect(run(home, "node", "create", "n", ENROLLMENT_TICKET="t"), 70, "", "Missing fields in enrollment ticket")
    expect(run(home, "node", "list", OCKAM_DATABASE_CONNECTION_URL="postgres://x"), 70, "", "host and a port specified as host:port")
    expect(run(home, "node", "list", OCKAM_DATABASE_USER="x"), 70, "", "OCKAM_DATABASE_INSTANCE")
    expect(run(home, "relay", "create", "r"), 70, "", "There is no default project defined")

    alice = expect(run(home, "identity", "create", "alice"), 0, None, "Marked alice as your default").stdout
    if len(alice) != 65 or not alice.startswith("I"):
        failures.append(f"identifier {alice!r}")
    expect(run(home, "identity", "create", "alice"), 0, alice, "")
    expect(run(home, "identity", "show"), 0, alice)
    shown = json.loads(run(home, "identity", "show", "--full", "--output", "json").stdout)
    if list(shown) != ["changes", "identifier"] or shown["identifier"] != alice:
        failures.append(f"identity show --full: {shown}")
    history = run(home, "identity", "show", "--full", "--encoding", "hex").stdout
    expect(run(home, "identity", "show", "nobody"), 70, "", "no identifier found with name nobody")
    expect(run(home, "identity", "create", "bob", "--quiet"), 0, None, "")
    expect(run(home, "identity", "default", "alice"), 70, "", "already the default")
    expect(run(home, "identity", "default", "bob"), 0, "bob")
    expect(run(home, "identity", "default", "nobody"), 70, "")
    expect(run(home, "identity", "default"), 0, "  \u2714 The name of the default identity is 'bob'")
    expect(run(home, "identity", "default", "--output", "json"), 0, "")
    expect(run(home, "identity", "delete", "bob"), 70, "", "Use --yes to confirm")
    expect(run(home, "identity", "delete", "bob", "--yes"), 0, "bob")
    expect(run(home, "identity", "delete", "bob", "--yes"), 70, "", "The identity bob was not found")
    expect(run(home, "identity", "delete", "--yes"), 0, "")
    expect(run(home, "vault", "list", "--compact-output"), 0,
           '[{"vault":{"is_default":true,"name":"default","vault_type":{"DatabaseVault":{"use_aws_kms":"No"}}}}]')
    expect(run(home, "vault", "create", "default"), 70, "", "A vault named default already exists")
    expect(run(home, "vault", "create", "v2"), 0, "v2")
    expect(run(home, "vault", "show"), 70, "", "There are 2 vaults")
    expect(run(home, "identity", "create", "carol"), 70, "", "There are 2 vaults")
    expect(run(home, "identity", "create", "carol", "--vault", "v2"), 0)
    expect(run(home, "vault", "delete", "v2", "--yes"), 70, "", "carol")
    expect(run(home, "identity", "delete", "carol", "--yes", "--output", "json"), 0, '{\n  "name": "carol"\n}')
    expect(run(home, "vault", "delete", "v2", "--yes"), 0, "v2")
    if os.stat(home).st_mode & 0o077 or os.stat(home + "/database.sqlite3").st_mode & 0o077:
        failures.append("others may read the home or its database")

    with tempfile.TemporaryDirectory() as other:
        expect(run(other, "identity", "create", "peer", "--identity", history), 0,
               "  \u2714 Identity imported successfully with name peer")
        expect(run(other, "identity", "show", "peer"), 0, alice)


def broken_pipe(home):
    command = f'"{WEIR}" completion -s fish | true; exit "${{PIPESTATUS[0]}}"'
    env = dict(os.environ, WEIR_HOME=home)
    result = subprocess.run(["bash", "-c", command], capture_output=True, text=True, env=env)
    if result.returncode not in (0, 70):  # 0: all of it fitted into the pipe in time
        failures.append(f"broken pipe: exit {result.returncode}")


with tempfile.TemporaryDirectory() as folder:
    usage(folder)
    substitution(folder)
    state(folder)
    broken_pipe(folder)
print("\n".join(failures) or "all as expected")
sys.exit(1 if failures else 0)
