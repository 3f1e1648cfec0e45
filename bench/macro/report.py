"""Medians and deviations of the samples as Markdown, and the raw results as JSON."""

import json
import statistics

import targets
from peers import ALONE, label

LIMITED_SHARE = 0.9         # of a core: from here on the application itself was the limit
ROLES = ("inlet", "relay or proxy", "outlet")


def deviation(values):
    """Median absolute deviation: one bad round does not move it."""
    middle_value = statistics.median(values)
    return statistics.median(abs(value - middle_value) for value in values)


def middle(values, digits):
    """`median ±deviation`."""
    values = list(values)
    if not values:
        return "-"
    text = f"{statistics.median(values):,.{digits}f}"
    return f"{text} ±{deviation(values):,.{digits}f}" if len(values) > 1 else text


def good(cell):
    return [sample for sample in cell["samples"] if "error" not in sample]


def table(head, rows):
    return "\n".join(["| " + " | ".join(head) + " |", "|" + " --- |" * len(head)]
                     + ["| " + " | ".join(row) + " |" for row in rows]) + "\n" if rows else ""


def of_role(samples, key, role):
    """Values of a role; a relay and a proxy share their column, for each is the one in the middle."""
    return [value for s in samples for name, value in s[key].items() if name in role.split(" or ")]


def by_roles(samples, key, digits):
    cells = (middle(of_role(samples, key, role), digits) for role in ROLES)
    return ["" if cell == "-" else cell for cell in cells]


def limited(samples):
    return " ≥" if samples and statistics.median(s["generator_share"] for s in samples) >= LIMITED_SHARE else ""


def bulk_row(cell, samples, _direct):
    return [label(cell), middle((s["gbit_per_s"] for s in samples), 2) + limited(samples), *by_roles(samples, "cpu_s_per_gb", 2),
            middle((s["application_cpu_s_per_gb"] for s in samples), 2)]


def single_row(cell, samples, direct):
    added = [s["p50_ms"] - direct[s["round"]]["p50_ms"] for s in samples if s["round"] in direct]
    return [label(cell), middle((s["p50_ms"] for s in samples), 3), middle(added, 3) if cell["peer"] != "direct" else "",
            middle((s["p99_ms"] for s in samples), 3), *by_roles(samples, "cpu_us_per_request", 1)]


def many_row(cell, samples, direct):
    share = [s["requests_per_s"] / direct[s["round"]]["requests_per_s"] for s in samples if s["round"] in direct]
    return [label(cell), middle((s["requests_per_s"] for s in samples), 0) + limited(samples),
            middle(share, 2) if cell["peer"] != "direct" else "", middle((s["p50_ms"] for s in samples), 2),
            middle((s["p99_ms"] for s in samples), 2), *by_roles(samples, "cpu_us_per_request", 1)]


def tunnels_row(cell, samples, _direct):
    return [label(cell), *by_roles(samples, "kib_per_tunnel", 1), *by_roles(samples, "cpu_ms_per_s", 1)]


def idle_row(cell, samples, _direct):
    return [label(cell), middle((s["resident_mb"] for s in samples), 1), middle((s["anonymous_mb"] for s in samples), 1),
            middle((s["threads"] for s in samples), 0)]


def alone_row(cell, samples, _direct):
    return [label(cell), middle((s["per_s"] for s in samples), 0), middle((s["cpu_us_each"] for s in samples), 2),
            middle((1e6 / s["cpu_us_each"] for s in samples), 0), middle((s["own_cores"] for s in samples), 2)]


def alone_head(what):
    return [what, "per second", "node's CPU us each", "per core of the node", "generator's cores"]


def many_head(what, unit):
    return [what, f"{unit}s/s", "x direct", "p50 ms", "p99 ms", *(f"{role} us/{unit}" for role in ROLES)]


TABLES = {
    "bulk": (["bulk, iperf3, 1 connection", "Gbit/s", *(f"{role} cpu-s/GB" for role in ROLES), "application"], bulk_row),
    "redis-1": (["redis SET 64 B, 1 connection", "p50 ms", "added to direct", "p99 ms", *(f"{r} us/request" for r in ROLES)],
                single_row),
    "redis-50": (many_head("redis SET 64 B, 50 connections", "request"), many_row),
    "redis-50x16": (many_head("redis SET 64 B, 50 connections, 16 in flight each", "request"), many_row),
    "connect": (many_head("a new connection for each request, 50 at a time", "connection"), many_row),
    "tunnels": (["silent connections", *(f"{role} KiB each" for role in ROLES), *(f"{role} CPU ms/s" for role in ROLES)],
                tunnels_row),
    "messages": (alone_head("64 B through a relay that opens and seals"), alone_row),
    "known": (alone_head("handshakes of a known identity"), alone_row),
    "new": (alone_head("handshakes of new identities"), alone_row),
    "idle": (["idle node", "resident MB", "anonymous MB", "threads"], idle_row)}


def load_table(load, cells):
    head, row = TABLES[load]
    direct = next(({s["round"]: s for s in good(c)} for c in cells if c["peer"] == "direct"), {})
    return table(head, [row(cell, good(cell), direct) for cell in cells])


def ratio_rows(cells):
    """weir / ockam round by round, so that a slow minute weighs on both sides of a ratio."""
    rounds = {(c["load"], c["topology"], c["peer"]): {s["round"]: s for s in good(c)} for c in cells}
    for (load, topology, peer), ours in rounds.items():
        theirs = rounds.get((load, topology, "ockam"), {})
        pairs = [(s, theirs[number]) for number, s in ours.items() if number in theirs]
        if peer != "weir" or load in ("idle", "tunnels") or not pairs:
            continue
        if load in ALONE:
            yield [f"{load}, CPU per piece", "", middle((a["cpu_us_each"] / b["cpu_us_each"] for a, b in pairs), 2), "", ""]
            continue
        speed, cost = ("gbit_per_s", "cpu_s_per_gb") if load == "bulk" else ("requests_per_s", "cpu_us_per_request")
        yield [f"{load}, {topology}", middle((a[speed] / b[speed] for a, b in pairs), 2),
               *(middle((a[cost][role] / b[cost][role] for a, b in pairs if b[cost].get(role)), 2)
                 for role in ("inlet", "relay", "outlet"))]


def markdown(result):
    cells = [cell for cell in result["cells"] if cell["samples"]]
    parts = [load_table(load, [c for c in cells if c["load"] == load]) for load in TABLES
             if any(c["load"] == load for c in cells)]
    parts += [table(["weir / Ockam, same round", "speed", *(f"{role} CPU" for role in ("inlet", "relay", "outlet"))],
                    list(ratio_rows(cells))),
              table(["target (docs/design/PERFORMANCE.md)", "wanted", "here", ""],
                    list(targets.rows(cells, good, middle, result["seconds"] is not None)))]
    length = f"{result['seconds']:g} s" if result["seconds"] else "a moment (--quick: no figure of it means anything)"
    notes = [f"Median ± median absolute deviation of {result['rounds_done']} round(s) of about {length}, peers in turn; silent "
             "connections: once, first of all. E2E: secure channel between the ends; SC relay: opens one and seals another."]
    if any(limited(good(c)) for c in cells if c["load"] not in (*ALONE, "tunnels")):
        notes.append("≥: the application used a whole core, the figure is a lower bound.")
    shares = [s["other_share"] for c in cells for s in good(c) if "other_share" in s]
    if shares:
        notes.append(f"Other processes took {statistics.median(shares):.1%} of the machine (median; worst {max(shares):.1%}).")
    failed = [f"{label(c)}, {c['load']}: {s['error']}" for c in cells for s in c["samples"] if "error" in s]
    notes += [f"FAILED {words}" for words in failed] + [f"Skipped {words}." for words in result["skipped"]]
    card = "\n".join(f"- {name}: {value}" for name, value in result["machine"].items())
    return "\n".join([part for part in parts if part]) + "\n" + "  \n".join(notes) + "\n\n" + card + "\n"


def rounded(value):
    if isinstance(value, float):
        return float(f"{value:.5g}")
    return {k: rounded(v) for k, v in value.items()} if isinstance(value, dict) else value


def raw(result):
    """JSON with one sample a line, so that it can be read and compared."""
    lines = [f" {json.dumps(name)}: {json.dumps(value)}," for name, value in result.items() if name != "cells"]
    lines.append(' "cells": [')
    for number, cell in enumerate(result["cells"]):
        head = ", ".join(f"{json.dumps(k)}: {json.dumps(v)}" for k, v in cell.items() if k != "samples")
        samples = ",\n".join(f"   {json.dumps(rounded(s), ensure_ascii=False)}" for s in cell["samples"])
        lines.append(f'  {{{head}, "samples": [\n{samples}\n  ]}}' + ("," if number + 1 < len(result["cells"]) else ""))
    return "{\n" + "\n".join(lines) + "\n ]\n}\n"
