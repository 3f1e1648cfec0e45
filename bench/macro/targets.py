"""The targets of docs/design/PERFORMANCE.md that these loads can show, each computed round by round: a slow minute weighs on
both sides of a ratio. Figures and bounds; nothing here makes a run fail."""

import statistics

BARE = ("bare-64k", "bare-256k", "bare-1m")
BETWEEN = ("between-bare-256k", "between-bare-1m")


class Rounds:
    """Samples by cell and round."""

    def __init__(self, cells, good):
        self.samples = {(c["load"], c["peer"], c["topology"]): {s["round"]: s for s in good(c)} for c in cells}

    def values(self, load, peer, topology, of):
        return {number: of(s) for number, s in self.samples.get((load, peer, topology), {}).items()}

    def weir(self, load, topology, of):
        return self.values(load, "weir", topology, of)


def joined(ours, theirs, how):
    return {number: how(value, theirs[number]) for number, value in ours.items() if number in theirs}


def ratio(ours, theirs):
    """Where theirs was too short for the kernel's ticks there is none."""
    return joined(ours, {number: value for number, value in theirs.items() if value}, lambda a, b: a / b)


def cost(role):
    return lambda sample: sample["cpu_s_per_gb"][role]


def field(name):
    return lambda sample: sample[name]


def best_bare(rounds, bare, role):
    """The cheapest call size of each round."""
    best = {}
    for peer in bare:
        for number, value in rounds.values("bulk", peer, None, cost(role)).items():
            best[number] = min(value, best.get(number, value))
    return best


def figures(rounds):
    """(words, bound, at_most, {round: value}, digits)"""
    weir, haproxy = rounds.weir, rounds.values("bulk", "haproxy", None, cost("proxy"))
    between = rounds.values("bulk", "between-haproxy", None, cost("relay"))
    rate, p99 = field("requests_per_s"), field("p99_ms")

    def direct(load, of):
        return rounds.values(load, "direct", None, of)

    secure = weir("bulk", "secure", cost("relay"))
    opaque = weir("bulk", "opaque", cost("relay"))
    yield "SC relay, bulk: relay's cpu-s/GB / the bare loop's between the same ends, at its best call size", 1.15, True, \
        ratio(secure, best_bare(rounds, BETWEEN, "relay")), 2
    yield "the same / HAProxy's between the same ends", 1.0, True, ratio(secure, between), 2
    yield "opaque relay, bulk: relay's cpu-s/GB / HAProxy's between the same ends", 1.0, True, ratio(opaque, between), 2
    yield "SC relay / the bare loop alone", 1.15, True, ratio(secure, best_bare(rounds, BARE, "proxy")), 2
    yield "SC relay / HAProxy alone", 1.0, True, ratio(secure, haproxy), 2
    yield "opaque relay / HAProxy alone", 1.0, True, ratio(opaque, haproxy), 2
    for role in ("inlet", "outlet"):
        yield f"E2E, bulk: {role}'s cpu-s/GB", 0.5, True, weir("bulk", "none", cost(role)), 2
    yield "E2E, bulk, Gbit/s", 12, False, weir("bulk", "none", field("gbit_per_s")), 2
    yield "SC relay, bulk, Gbit/s", 8, False, weir("bulk", "secure", field("gbit_per_s")), 2
    added = joined(weir("redis-1", "secure", field("p50_ms")), direct("redis-1", field("p50_ms")), lambda a, b: a - b)
    yield "redis, 1 connection, SC relay: p50 added to direct, ms", 0.08, True, added, 3
    yield "redis, 50 connections, SC relay / direct", 0.38, False, \
        ratio(weir("redis-50", "secure", rate), direct("redis-50", rate)), 2
    yield "the same, p99 ms", 2.5, True, weir("redis-50", "secure", p99), 2
    yield "redis, 50 connections, E2E / direct", 0.5, False, \
        ratio(weir("redis-50", "none", rate), direct("redis-50", rate)), 2
    yield "the same, p99 ms", 1.5, True, weir("redis-50", "none", p99), 2
    yield "redis, 50 x 16 in flight, SC relay / direct", 0.37, False, \
        ratio(weir("redis-50x16", "secure", rate), direct("redis-50x16", rate)), 2
    yield "new connections/s, SC relay", 15000, False, weir("connect", "secure", rate), 0
    for load, words, bound in (("messages", "64 B messages, opened and sealed, per core", 1_500_000),
                               ("known", "handshakes per core, known identity", 5000), ("new", "the same, new identities", 2000)):
        yield words, bound, False, weir(load, None, lambda s: 1e6 / s["cpu_us_each"]), 0
    for role in ("inlet", "outlet"):
        yield f"silent connection, E2E: {role}'s KiB", 4, True, weir("tunnels", "none", lambda s, r=role: s["kib_per_tunnel"][r]), 1
    yield "idle node, resident MB", 12, True, weir("idle", None, field("resident_mb")), 1
    yield "idle node, anonymous MB", 3, True, weir("idle", None, field("anonymous_mb")), 1


def rows(cells, good, middle, judge):
    for words, bound, at_most, values, digits in figures(Rounds(cells, good)):
        if values:
            value = statistics.median(values.values())
            met = value <= bound if at_most else value >= bound
            yield [words, f"{'≤' if at_most else '≥'} {bound:,}", middle(values.values(), digits),
                   ("met" if met else "missed") if judge else "not judged"]
