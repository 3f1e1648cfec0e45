"""Medians and spreads of the samples as Markdown; the machine card; the raw results as JSON."""

import datetime
import hashlib
import os
import platform
import re
import statistics
import subprocess

from chains import ROOT, TOPOLOGIES

LIMITED_SHARE = 0.9         # of a core: from here on the application itself was the limit
ROLES = ("inlet", "relay or proxy", "outlet")


def first_line(words):
    try:
        done = subprocess.run(words, capture_output=True, text=True, timeout=20, stdin=subprocess.DEVNULL)
    except (OSError, subprocess.TimeoutExpired):
        return None
    text = re.sub(r"\x1b\[[0-9;]*m", "", done.stdout + done.stderr)
    return next((line.strip() for line in text.splitlines() if line.strip()), None)


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
    """Facts that a reader needs to judge the figures. `binaries`: {kind: path}."""
    with open("/proc/meminfo", encoding="ascii") as file:
        memory_gb = int(re.search(r"MemTotal:\s+(\d+)", file.read()).group(1)) * 1024 / 1e9
    changed = bool(git("status", "--porcelain", "--untracked-files=no"))
    card = {"date": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="minutes"),
            "cpu": cpu_model(), "cores": os.cpu_count(), "memory": f"{memory_gb:.1f} GB",
            "kernel": platform.release(),
            "commit": (git("rev-parse", "--short", "HEAD") or "unknown") + (", tree changed" if changed else ""),
            "load average before": " ".join(f"{load:.2f}" for load in os.getloadavg()),
            "WEIR_IO": os.environ.get("WEIR_IO", "default")}
    for kind, path in binaries.items():
        with open(path, "rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()[:12] if hasattr(hashlib, "file_digest") \
                else hashlib.sha256(file.read()).hexdigest()[:12]
        built = datetime.datetime.fromtimestamp(os.stat(path).st_mtime, datetime.timezone.utc)
        card[kind] = f"{first_line([path, '--version'])}, sha256 {digest}, built {built.isoformat(timespec='minutes')}"
    for name, words in (("haproxy", ["haproxy", "-v"]), ("iperf3", ["iperf3", "--version"]),
                        ("redis", ["redis-server", "--version"])):
        card[name] = first_line(words) or "not installed"
    return card


def middle(values, digits):
    """`median (min-max)`."""
    values = list(values)
    if not values:
        return "-"
    text = f"{statistics.median(values):,.{digits}f}"
    if len(values) > 1:
        text += f" ({min(values):,.{digits}f}-{max(values):,.{digits}f})"
    return text


def good(cell):
    return [sample for sample in cell["samples"] if "error" not in sample]


def label(cell):
    names = {"direct": "direct", "haproxy": "HAProxy, one plain hop"}
    if cell["peer"] in names:
        return names[cell["peer"]]
    return f"**{cell['peer']}** {TOPOLOGIES[cell['topology']]}"


def table(head, rows):
    return "\n".join(["| " + " | ".join(head) + " |", "|" + " --- |" * len(head)]
                     + ["| " + " | ".join(row) + " |" for row in rows]) + "\n" if rows else ""


def of_role(samples, key, role):
    """Values of a role; a relay and a proxy share their column, for each is the one in the middle."""
    return [value for s in samples for name, value in s[key].items() if name in role.split(" or ")]


def limited(samples):
    return " ≥" if samples and statistics.median(s["generator_share"] for s in samples) >= LIMITED_SHARE else ""


def bulk_rows(cells):
    for cell in cells:
        samples = good(cell)
        yield [label(cell), middle((s["gbit_per_s"] for s in samples), 2) + limited(samples),
               *(middle(of_role(samples, "cpu_s_per_gb", role), 2) for role in ROLES),
               middle((s["application_cpu_s_per_gb"] for s in samples), 2)]


def redis_rows(cells):
    for cell in cells:
        samples = good(cell)
        yield [label(cell), middle((s["requests_per_s"] for s in samples), 0) + limited(samples),
               middle((s["p50_ms"] for s in samples), 2), middle((s["p99_ms"] for s in samples), 2),
               *(middle(of_role(samples, "cpu_us_per_request", role), 1) for role in ROLES)]


def idle_rows(cells):
    for cell in cells:
        samples = good(cell)
        yield [f"**{cell['peer']}**", middle((s["resident_mb"] for s in samples), 1),
               middle((s["anonymous_mb"] for s in samples), 1), middle((s["threads"] for s in samples), 0)]


def ratio_rows(cells):
    """weir / ockam round by round, so that a slow minute weighs on both sides of a ratio."""
    rounds = {(c["load"], c["topology"], c["peer"]): {s["round"]: s for s in good(c)} for c in cells}
    for (load, topology, peer), ours in rounds.items():
        theirs = rounds.get((load, topology, "ockam"), {})
        pairs = [(s, theirs[number]) for number, s in ours.items() if number in theirs]
        if peer != "weir" or load == "idle" or not pairs:
            continue
        speed, cost = {"bulk": ("gbit_per_s", "cpu_s_per_gb"), "redis": ("requests_per_s", "cpu_us_per_request")}[load]
        yield [f"{load}, {TOPOLOGIES[topology]}", middle((a[speed] / b[speed] for a, b in pairs), 2),
               *(middle((a[cost][role] / b[cost][role] for a, b in pairs if b[cost].get(role)), 2)
                 for role in ("inlet", "relay", "outlet"))]


def markdown(result):
    cells = [cell for cell in result["cells"] if cell["samples"]]
    by_load = {load: [c for c in cells if c["load"] == load] for load in ("bulk", "redis", "idle")}
    parts = [
        table(["bulk, iperf3", "Gbit/s", *(f"{role} cpu-s/GB" for role in ROLES), "application"],
              list(bulk_rows(by_load["bulk"]))),
        table([f"redis SET 64 B, {result['connections']} connections", "requests/s", "p50 ms", "p99 ms",
               *(f"{role} us/request" for role in ROLES)], list(redis_rows(by_load["redis"]))),
        table(["idle node", "resident MB", "anonymous MB", "threads"], list(idle_rows(by_load["idle"]))),
        table(["weir / ockam, same round", "speed", *(f"{role} CPU" for role in ("inlet", "relay", "outlet"))],
              list(ratio_rows(cells)))]
    notes = [f"Median (min-max) of {result['rounds_done']} round(s) of about {result['seconds']:g} s, peers in turn."]
    if any(limited(good(c)) for c in by_load["bulk"] + by_load["redis"]):
        notes.append("≥: the application used a whole core, the figure is a lower bound.")
    shares = [s["other_share"] for c in cells for s in good(c) if "other_share" in s]
    if shares:
        notes.append(f"Other processes took {statistics.median(shares):.1%} of the machine (median; worst {max(shares):.1%}).")
    failed = [f"{label(c)}, {c['load']}: {s['error']}" for c in cells for s in c["samples"] if "error" in s]
    notes += [f"FAILED {words}" for words in failed] + [f"Skipped {words}." for words in result["skipped"]]
    card = "\n".join(f"- {name}: {value}" for name, value in result["machine"].items())
    return "\n".join([part for part in parts if part]) + "\n" + "  \n".join(notes) + "\n\n" + card + "\n"
