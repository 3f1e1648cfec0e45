"""The machine card: what a reader needs to judge the figures."""

import datetime
import hashlib
import os
import platform
import re
import subprocess

from chains import ROOT
VERSION = {"haproxy": "-v", "stunnel": "-version"}      # others: --version


def first_line(words):
    try:
        done = subprocess.run(words, capture_output=True, text=True, timeout=20, stdin=subprocess.DEVNULL)
    except (OSError, subprocess.TimeoutExpired):
        return None
    text = re.sub(r"\x1b\[[0-9;]*m", "", done.stdout + done.stderr)
    return next((line.strip() for line in text.splitlines() if line.strip() and "Initializing" not in line), None)


def git(*words):
    try:
        return subprocess.run(["git", "-C", ROOT, *words], capture_output=True, text=True, timeout=20).stdout.strip()
    except (OSError, subprocess.TimeoutExpired):
        return ""


def cpu_model():
    with open("/proc/cpuinfo", encoding="utf-8", errors="replace") as file:
        text = file.read()
    model = re.search(r"^(?:model name|Model)\s*:\s*(.*)$", text, re.M)
    flags = re.search(r"^(?:flags|Features)\s*:\s*(.*)$", text, re.M)
    known = [f for f in ("avx2", "avx512f", "vaes", "vpclmulqdq", "aes") if flags and f in flags.group(1).split()]
    return f"{model.group(1).strip() if model else platform.machine()} ({', '.join(known)})"


def machine_card(binaries):
    """`binaries`: {peer: path}."""
    with open("/proc/meminfo", encoding="ascii") as file:
        memory_gb = int(re.search(r"MemTotal:\s+(\d+)", file.read()).group(1)) * 1024 / 1e9
    changed = bool(git("status", "--porcelain", "--untracked-files=no"))
    card = {"date": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="minutes"),
            "cpu": cpu_model(), "cores": os.cpu_count(), "memory": f"{memory_gb:.1f} GB",
            "kernel": platform.release(),
            "commit": (git("rev-parse", "--short", "HEAD") or "unknown") + (", tree changed" if changed else ""),
            "load average before": " ".join(f"{load:.2f}" for load in os.getloadavg()),
            "WEIR_IO": os.environ.get("WEIR_IO", "default")}
    for path in sorted({path for path in binaries.values() if path}):
        name = os.path.basename(path)
        with open(path, "rb") as file:
            digest = hashlib.sha256(file.read()).hexdigest()[:12]
        built = datetime.datetime.fromtimestamp(os.stat(path).st_mtime, datetime.timezone.utc)
        version = first_line([path, VERSION.get(name, "--version")]) if name != "bare_loop" else "this tree's"
        card[name] = f"{version}, sha256 {digest}, of {built.isoformat(timespec='minutes')}"
    for name, words in (("iperf3", ["iperf3", "--version"]), ("redis", ["redis-server", "--version"])):
        card[name] = first_line(words) or "not installed"
    return card
