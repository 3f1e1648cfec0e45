#!/usr/bin/env python3
"""A temporary PostgreSQL server: postgres_server.py COMMAND... runs COMMAND with its URL in WEIR_TEST_POSTGRES.

As its own user where we are root, because PostgreSQL refuses root. Exit 77 where PostgreSQL is not installed.
"""

import os
import pwd
import re
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

SKIPPED = 77
SCALE = int(os.environ.get("WEIR_TEST_SCALE", "1"))


def programs():
    """The folder of the newest version's programs, or None."""
    root = "/usr/lib/postgresql"
    found = [os.path.join(root, v, "bin") for v in os.listdir(root)] if os.path.isdir(root) else []
    found = [folder for folder in found if os.access(os.path.join(folder, "initdb"), os.X_OK)]
    if found:
        return max(found, key=lambda folder: int(re.search(r"/(\d+)/", folder).group(1)))
    on_path = shutil.which("initdb")
    return os.path.dirname(os.path.realpath(on_path)) if on_path else None


def unprivileged():
    """The words that run a command as another user, and that user; nothing where we are not root."""
    if os.geteuid() != 0:
        return [], None
    for name in ("postgres", "nobody"):
        try:
            user = pwd.getpwnam(name)
        except KeyError:
            continue
        return ["setpriv", f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups", "--"], user
    raise RuntimeError("no unprivileged user to run PostgreSQL as")


class PostgresServer:
    """Runs until close(). Passwords are checked (SCRAM), so that a wrong one is refused."""

    def __init__(self, port=None):
        self.programs = programs()
        self.words, user = unprivileged()
        self.folder = tempfile.mkdtemp(prefix="weir-pg-")
        self.data = os.path.join(self.folder, "data")
        self.password = secrets.token_hex(8)
        self.process = None
        password_file = os.path.join(self.folder, "password")
        with open(password_file, "w", encoding="ascii") as file:
            file.write(self.password + "\n")
        if user:
            for path in (self.folder, password_file):
                os.chown(path, user.pw_uid, user.pw_gid)
        self.run("initdb", "-D", self.data, "-U", "weir", "-A", "scram-sha-256", "--pwfile", password_file, "-E", "UTF8",
                 "--locale", "C.UTF-8", "--no-sync")
        self.port = port or self.free_port()
        self.start()

    def free_port(self):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            return probe.getsockname()[1]

    def environment(self):
        return {"PATH": os.environ.get("PATH", "/usr/bin:/bin"), "LC_ALL": "C.UTF-8", "PGPASSWORD": self.password,
                "HOME": self.folder}

    def run(self, program, *arguments, ok=True):
        done = subprocess.run([*self.words, os.path.join(self.programs, program), *arguments], capture_output=True, text=True,
                              cwd=self.folder, env=self.environment(), timeout=60 * SCALE, check=False)
        if ok and done.returncode != 0:
            raise RuntimeError(f"{program}: exit {done.returncode}\n{done.stdout}{done.stderr}")
        return done.stdout

    def start(self):
        with open(os.path.join(self.folder, "log"), "ab") as log:
            self.process = subprocess.Popen(
                [*self.words, os.path.join(self.programs, "postgres"), "-D", self.data, "-p", str(self.port),
                 "-c", "listen_addresses=127.0.0.1", "-c", f"unix_socket_directories={self.folder}", "-c", "fsync=off",
                 "-c", "max_connections=100", "-c", "shared_buffers=16MB"],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=self.folder, env=self.environment(),
                start_new_session=True)
        deadline = time.monotonic() + 30 * SCALE
        while True:
            answer = subprocess.run([os.path.join(self.programs, "pg_isready"), "-q", "-h", "127.0.0.1", "-p", str(self.port)],
                                    env=self.environment(), check=False)
            if answer.returncode == 0:
                return
            if self.process.poll() is not None or time.monotonic() > deadline:
                with open(os.path.join(self.folder, "log"), encoding="utf-8", errors="replace") as log:
                    raise RuntimeError(f"PostgreSQL did not start:\n{log.read()[-2000:]}")
            time.sleep(0.05)

    def stop(self, how=signal.SIGINT):
        """SIGINT: fast, as `pg_ctl stop`; SIGQUIT: immediate, as a crash."""
        self.process.send_signal(how)
        try:
            self.process.wait(30 * SCALE)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def url(self, database="postgres"):
        return f"postgres://weir:{self.password}@127.0.0.1:{self.port}/{database}"

    def psql(self, sql, database="postgres"):
        return self.run("psql", "-X", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-h", "127.0.0.1", "-p", str(self.port), "-U", "weir",
                        "-d", database, "-c", sql).strip()

    def database(self, name):
        """A new one's URL."""
        self.psql(f"CREATE DATABASE {name}")
        return self.url(name)

    def dump(self, database):
        """All that is in it, as text."""
        text = self.run("pg_dump", "-h", "127.0.0.1", "-p", str(self.port), "-U", "weir", database)
        return re.sub(r"(?m)^\\(un)?restrict .*$", "", text)           # newer pg_dumps put a random word there

    def close(self):
        if self.process is not None and self.process.poll() is None:
            self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)


def main():
    if programs() is None:
        print("skipped: PostgreSQL is not installed")
        return SKIPPED
    server = PostgresServer()
    try:
        return subprocess.run(sys.argv[1:], env={**os.environ, "WEIR_TEST_POSTGRES": server.url()}, check=False).returncode
    finally:
        server.close()


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))               # through `finally`
    sys.exit(main())
