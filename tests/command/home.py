"""A home folder, the built program in it (argv[1]), and what was not as expected."""

import os
import signal
import subprocess
import sys
import tempfile

WEIR = sys.argv[1]
failures = []


def check(condition, text):
    if not condition:
        failures.append(f"line {sys._getframe(1).f_lineno}: {text}")


class Home:
    def __init__(self, folder, *secret_prefixes):
        """Variables that begin with one of the prefixes do not reach the program, nor do its own."""
        hidden = ("OCKAM", "WEIR", "NO_", "QUIET", *secret_prefixes)
        self.env = {name: value for name, value in os.environ.items() if not name.startswith(hidden)}
        self.env.update(WEIR_HOME=folder)
        self.folder = folder

    def run(self, *words, stdin="", **variables):
        return subprocess.run([WEIR, *words], input=stdin, capture_output=True, text=True, env={**self.env, **variables}, timeout=60)

    def expect(self, code, out, *words, err=None, stdin="", **variables):
        """Runs it; None: any stdout. Returns stdout."""
        result = self.run(*words, stdin=stdin, **variables)
        line, text = sys._getframe(1).f_lineno, f"`{' '.join(words)}`"
        if result.returncode != code or (out is not None and result.stdout != out):
            failures.append(f"line {line}: {text}: exit {result.returncode} (expected {code}), stdout {result.stdout!r} "
                            f"(expected {out!r}), stderr {result.stderr}")
        if err is not None and err not in result.stderr:
            failures.append(f"line {line}: {text}: stderr {result.stderr!r} lacks {err!r}")
        return result.stdout


def run_parts(parts, home_type=Home):
    """All parts in one home, whose nodes are deleted in the end; exits."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    with tempfile.TemporaryDirectory() as folder:
        home = home_type(folder)
        try:
            for part in parts:
                part(home)
        except Exception as error:  # the clean-up below must run
            failures.append(f"{type(error).__name__}: {error}")
        finally:
            home.run("node", "delete", "--all", "--yes")
    end()


def end():
    print("\n".join(failures) or "all as expected")
    sys.exit(1 if failures else 0)
