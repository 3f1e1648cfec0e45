"""Nodes of kind 'weir' or 'ockam' behind one interface, and the servers and checks that scenarios share.

Both programs take the same commands, so a scenario names a kind and never looks at it again:

    with Scene() as scene:
        relay = scene.node("ockam", "relay")
        relay.run("tcp-listener", "list", "--at", "relay")
        scene.pump.port                      # a byte pump to aim an outlet at

Everything belongs to its Scene: a private folder, one home per node unless the caller shares one, free ports, processes tracked by
pid. Leaving the scene stops all of it. Environment: WEIR_BIN and OCKAM_BIN name the programs (OCKAM_BIN defaults to the one that
build_ockam.sh made), WEIR_IO goes through to weir, WEIR_KEEP=1 keeps the folders for a look at the logs.
"""

import concurrent.futures
import fcntl
import hashlib
import itertools
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import traceback

MIB = 1 << 20
PORT_FIRST, PORTS = 20000, 12000
SKIPPED = 77
SCALE = int(os.environ.get("WEIR_TEST_SCALE", "1"))     # sanitized programs: less work, more time and memory
COMMAND_TIMEOUT_S = 60 * SCALE
FOLDER = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(FOLDER))


class Failure(Exception):
    """A scenario did not go as it should; the text is for people."""


def check(condition, words):
    if not condition:
        raise Failure(words)


def check_equal(got, want, what):
    check(got == want, f"{what}: got {got!r}, expected {want!r}")


# ---------------------------------------------------------------------------------------------------- programs

def binary(kind):
    """Path of the program, or a Failure (weir) or exit 77 with its reason (ockam)."""
    if kind == "weir":
        path = os.environ.get("WEIR_BIN") or os.path.join(ROOT, "build", "release", "weir")
        check(os.access(path, os.X_OK), f"no weir at {path}: set WEIR_BIN")
        return path
    path = os.environ.get("OCKAM_BIN")
    if path and os.access(path, os.X_OK):
        return path
    found = subprocess.run([os.path.join(FOLDER, "build_ockam.sh"), "--no-build"], capture_output=True, text=True)
    if found.returncode:
        print(found.stdout.strip() or "skipped: no real ockam")
        sys.exit(SKIPPED)
    os.environ["OCKAM_BIN"] = found.stdout.strip()
    return os.environ["OCKAM_BIN"]


def clean_environment():
    """Ours without anything that could steer either program, and without NO_COLOR=1, which a real ockam refuses."""
    environment = {k: v for k, v in os.environ.items()
                   if k == "WEIR_IO" or not k.startswith(("OCKAM_", "WEIR_")) and k not in ("NO_COLOR", "QUIET", "NO_INPUT")}
    environment.update(OCKAM_DISABLE_UPGRADE_CHECK="true", OCKAM_TELEMETRY_EXPORT="false", NO_INPUT="true")
    return environment


def free_port():
    """A port that nobody listens on. Below the range from which the kernel takes ports for outgoing connections, and handed out
    once in turn among all test programs of this user, so that tests that run side by side do not meet."""
    with open(os.path.join(tempfile.gettempdir(), f"weir-test-ports-{os.getuid()}"), "a+", encoding="ascii") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        file.seek(0)
        last = int(file.read() or "0")
        for step in range(1, PORTS):
            port = PORT_FIRST + (last + step) % PORTS
            with socket.socket() as probe:
                try:
                    probe.bind(("127.0.0.1", port))
                except OSError:
                    continue
            file.truncate(0)
            file.write(str(port - PORT_FIRST))
            return port
    raise Failure(f"no free port from {PORT_FIRST} on")


class Result:
    """What a command did: `out` and `err` without colours and outer blanks, `code`, and `json()`."""

    def __init__(self, words, code, out, err, seconds):
        self.words, self.code, self.seconds = words, code, seconds
        self.out, self.err = (re.sub(r"\x1b\[[0-9;]*m", "", text).strip() for text in (out, err))

    def json(self):
        try:
            return json.loads(self.out)
        except ValueError as error:
            raise Failure(f"{self.words}: no JSON on stdout ({error}): {self.out[:300]!r}") from error

    def __str__(self):
        return f"`{self.words}`: exit {self.code} after {self.seconds:.1f}s\n  out: {self.out[-800:]}\n  err: {self.err[-1200:]}"


class Home:
    """A state folder of one program; commands run in it."""

    def __init__(self, kind, path):
        self.kind, self.path, self.binary = kind, path, binary(kind)
        os.makedirs(path, mode=0o700, exist_ok=True)
        self.environment = clean_environment()
        self.environment["WEIR_HOME" if kind == "weir" else "OCKAM_HOME"] = path

    def run(self, *words, ok=True, timeout_s=COMMAND_TIMEOUT_S, stdin="", environment=None):
        """Runs `KIND words...`; with ok=True a Failure unless it exits 0, with ok=False unless it does not, None: either."""
        started = time.monotonic()
        process = subprocess.Popen([self.binary, *words], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                   stderr=subprocess.PIPE, text=True, cwd=self.path,
                                   env={**self.environment, **(environment or {})})
        text = f"{self.kind} {' '.join(words)}"
        try:
            out, err = process.communicate(stdin, timeout=timeout_s)
        except subprocess.TimeoutExpired:
            process.kill()
            try:
                out, err = process.communicate(timeout=2)
            except subprocess.TimeoutExpired:
                out, err = "", "(a child still holds its stdout)"
            raise Failure(f"`{text}` took more than {timeout_s}s\n  out: {out[-500:]}\n  err: {err[-800:]}") from None
        result = Result(text, process.returncode, out, err, time.monotonic() - started)
        if ok is not None and ok != (result.code == 0):
            raise Failure(f"{'failed' if ok else 'should have failed'}: {result}")
        return result


class Node:
    """A background node. `address` is its listener as a MultiAddr."""

    def __init__(self, scene, home, name, port, options):
        self.scene, self.home, self.name, self.port = scene, home, name, port
        self.kind, self.pid = home.kind, None
        self.address = f"/ip4/127.0.0.1/tcp/{port}"
        self.options = options

    def run(self, *words, **options):
        return self.home.run(*words, **options)

    def create(self):
        self.run("node", "create", self.name, "--tcp-listener-address", f"127.0.0.1:{self.port}", *self.options)
        self.pid = self.show()["pid"]
        self.scene.pids.add(self.pid)
        return self

    def show(self):
        return self.run("node", "show", self.name, "--output", "json").json()

    def start(self):
        """Starts the stopped or killed node again, as a user would."""
        self.run("node", "start", self.name)
        self.pid = self.show()["pid"]
        self.scene.pids.add(self.pid)

    def kill(self, sign=signal.SIGKILL):
        os.kill(self.pid, sign)
        wait_until(lambda: not alive(self.pid), 10, f"{self.name} ({self.pid}) to die")

    def outlet(self, port, *options, name="outlet"):
        return self.run("tcp-outlet", "create", name, "--at", self.name, "--to", f"127.0.0.1:{port}", *options).out

    def inlet(self, to, *options, port=None):
        """Creates an inlet and returns its port; waits for its session if it is not up at once."""
        port = port or free_port()
        self.run("tcp-inlet", "create", f"in{port}", "--at", self.name, "--from", f"127.0.0.1:{port}", "--to", to,
                 *options)
        wait_until(lambda: self.inlet_status(port) == "Up", 60, f"inlet on {self.kind} {self.name} to be up")
        return port

    def inlet_status(self, port):
        return self.run("tcp-inlet", "show", f"in{port}", "--at", self.name, "--output", "json").json()["status"]

    def relay(self, name, at, *options):
        result = self.run("relay", "create", name, "--at", at, "--to", self.name, "--output", "json", *options)
        check_equal(result.json()["connection_status"], "Up", f"state of relay {name} of {self.kind} {self.name}")
        return f"forward_to_{name}"

    def logs(self, characters=3000):
        """The end of the node's log, for reports."""
        try:
            path = self.run("node", "logs", self.name, ok=None, timeout_s=10).out
            with open(path, encoding="utf-8", errors="replace") as file:
                return file.read()[-characters:]
        except (OSError, Failure) as error:
            return f"(no log: {error})"

    def resident_kib(self):
        with open(f"/proc/{self.pid}/status", encoding="utf-8") as file:
            return int(re.search(r"VmRSS:\s+(\d+)", file.read()).group(1))

    def descriptors(self):
        return len(os.listdir(f"/proc/{self.pid}/fd"))


def alive(pid):
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8") as file:
            return file.read().rsplit(")", 1)[1].split()[0] not in "ZX"
    except OSError:
        return False


def wait_until(condition, limit_s, what, every_s=0.05):
    """Polls; returns the seconds it took."""
    started = time.monotonic()
    while not condition():
        if time.monotonic() - started > limit_s * SCALE:
            raise Failure(f"waited {limit_s * SCALE}s for {what}")
        time.sleep(every_s)
    return time.monotonic() - started


class Scene:
    """Owns what a scenario starts. Leaving it stops and removes everything."""

    def __init__(self):
        self.path = tempfile.mkdtemp(prefix="wi-")          # short: node APIs are Unix sockets below it
        self.homes, self.nodes, self.pids, self.processes, self.closers = [], [], set(), [], []
        self._pump = None
        self._home_numbers = itertools.count()              # next() is one step: scenes are built by several threads

    def __enter__(self):
        return self

    def __exit__(self, kind, error, _):
        if error is not None and os.environ.get("WEIR_KEEP"):
            print(f"kept: {self.path}", file=sys.stderr)
        self.close()

    @property
    def pump(self):
        if self._pump is None:
            self._pump = PumpServer()
            self.closers.append(self._pump.close)
        return self._pump

    def home(self, kind):
        home = Home(kind, os.path.join(self.path, f"h{next(self._home_numbers)}"))
        self.homes.append(home)
        return home

    def node(self, kind, name, home=None, port=None, options=()):
        """Creates and starts a node; in a home of its own unless one is given, so that defaults never mix."""
        node = Node(self, home or self.home(kind), name, port or free_port(), options)
        self.nodes.append(node)
        return node.create()

    def spawn(self, words, **options):
        """A process that dies with the scene. Its output goes to a file of the scene: `process.log`."""
        log = os.path.join(self.path, f"p{len(self.processes)}.log")
        with open(log, "wb") as out:
            options = {"stdin": subprocess.DEVNULL, "stdout": out, "stderr": out, **options}
            process = subprocess.Popen(words, start_new_session=True, **options)
        process.log = log
        self.processes.append(process)
        return process

    def close(self):
        for closer in reversed(self.closers):
            closer()
        for process in self.processes:
            if process.poll() is None:
                process.terminate()
        for process in self.processes:
            try:
                process.wait(5)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        for pid in self.pids:
            if alive(pid):
                os.kill(pid, signal.SIGTERM)
        deadline = time.monotonic() + 5 * SCALE
        while any(alive(pid) for pid in self.pids) and time.monotonic() < deadline:
            time.sleep(0.05)
        for pid in self.pids:
            if alive(pid):
                os.kill(pid, signal.SIGKILL)
        if not os.environ.get("WEIR_KEEP"):
            shutil.rmtree(self.path, ignore_errors=True)


# ---------------------------------------------------------------------------------------------------- bytes

_BLOCK = hashlib.shake_256(b"weir interop").digest(MIB)


def stream(size, seed):
    """The same bytes for the same seed, in blocks that differ: loss, repetition and reordering change the checksum."""
    for number in range(0, size, MIB):
        block = bytearray(_BLOCK)
        block[:16] = seed.to_bytes(8, "big") + number.to_bytes(8, "big")
        yield memoryview(block)[:min(MIB, size - number)]


def checksum(size, seed):
    digest = hashlib.sha256()
    for block in stream(size, seed):
        digest.update(block)
    return digest.hexdigest()


def read_exactly(connection, size):
    digest, left = hashlib.sha256(), size
    buffer = memoryview(bytearray(256 * 1024))
    while left:
        got = connection.recv_into(buffer, min(left, len(buffer)))
        if got == 0:
            raise Failure(f"the connection ended {left} bytes before its {size}")
        digest.update(buffer[:got])
        left -= got
    return digest.hexdigest()


def read_line(connection, limit=256):
    line = b""
    while not line.endswith(b"\n") and len(line) < limit:
        got = connection.recv(1)
        if not got:
            raise Failure(f"the connection ended inside a line: {line!r}")
        line += got
    return line.decode().split()


class PumpServer:
    """The target behind outlets. A client's first line says what it wants:  echo | sink SIZE | duplex SIZE SEED

    echo: everything comes back. sink: SIZE bytes are read, their SHA-256 comes back as a line. duplex: SIZE bytes of stream(SEED)
    are sent while SIZE bytes are read, then the SHA-256 of what was read. Lengths, not ends of stream: real portals know no half-close.
    """

    def __init__(self):
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=512)
        self.port = self.listener.getsockname()[1]
        self.connections = 0
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self):
        self.listener.close()

    def _accept(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection):
        with connection:
            try:
                connection.settimeout(180)
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                words = read_line(connection)
                if words[0] == "echo":
                    while data := connection.recv(65536):
                        connection.sendall(data)
                elif words[0] == "sink":
                    connection.sendall(read_exactly(connection, int(words[1])).encode() + b"\n")
                elif words[0] == "duplex":
                    connection.sendall(exchange(connection, int(words[1]), int(words[2])).encode() + b"\n")
                    connection.recv(1)                              # the client closes first
            except (OSError, Failure, ValueError):
                pass


def exchange(connection, size, seed):
    """Sends `size` bytes of stream(seed) while it reads `size` bytes; returns the checksum of what it read."""
    errors = []

    def send():
        try:
            for block in stream(size, seed):
                connection.sendall(block)
        except OSError as error:
            errors.append(error)
    sender = threading.Thread(target=send, daemon=True)
    sender.start()
    digest = read_exactly(connection, size)
    sender.join(120)
    check(not errors and not sender.is_alive(), f"sending failed: {errors or 'stuck'}")
    return digest


def transfer(port, size, timeout_s=120):
    """`size` bytes each way at once through 127.0.0.1:port to a PumpServer; checks both checksums, returns seconds."""
    started = time.monotonic()
    ours, theirs = 1 + os.getpid() % 1000, 7 + port
    with socket.create_connection(("127.0.0.1", port), timeout=timeout_s) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection.sendall(f"duplex {size} {theirs}\n".encode())
        received = exchange(connection, size, ours)
        reported = read_line(connection)[0]
    check_equal(received, checksum(size, theirs), "checksum outlet -> inlet")
    check_equal(reported, checksum(size, ours), "checksum inlet -> outlet")
    return time.monotonic() - started


def echo_once(port, timeout_s=1.0):
    """Does a new connection through the portal reach the pump right now?"""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=timeout_s) as connection:
            connection.settimeout(timeout_s)
            connection.sendall(b"echo\nknock")
            return connection.recv(5) == b"knock"
    except OSError:
        return False


# ---------------------------------------------------------------------------------------------------- running

def side_by_side(items, function, workers):
    """{item: function(item)} with `workers` at a time; an exception becomes the item's value."""
    def guarded(item):
        try:
            return function(item)
        except Exception as error:                                  # noqa: every failure belongs into the report
            if not isinstance(error, (Failure, OSError)):
                traceback.print_exc()
            return error
    with concurrent.futures.ThreadPoolExecutor(workers) as pool:
        return dict(zip(items, pool.map(guarded, items)))


def main(scenarios):
    """Runs {name: function}, all or those named on the command line; prints one line each, exits 0, 1 or 77."""
    def stop(*_):
        signal.signal(signal.SIGTERM, signal.SIG_IGN)               # leaving a scene is not interrupted
        sys.exit(128 + signal.SIGTERM)
    signal.signal(signal.SIGTERM, stop)
    names = [word for word in sys.argv[1:] if not word.startswith("--")] or list(scenarios)
    failed = 0
    for name in names:
        started = time.monotonic()
        try:
            words = scenarios[name]()
            print(f"ok     {name} ({time.monotonic() - started:.1f}s){': ' + words if words else ''}", flush=True)
        except Failure as error:
            failed += 1
            print(f"FAILED {name} ({time.monotonic() - started:.1f}s): {error}", flush=True)
        except Exception:                                           # noqa: a broken scenario must not hide the others
            failed += 1
            print(f"FAILED {name} ({time.monotonic() - started:.1f}s):\n{traceback.format_exc()}", flush=True)
    sys.exit(1 if failed else 0)
