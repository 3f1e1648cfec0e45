#!/usr/bin/env python3
"""The results as one SVG, written by hand: a panel of bars per load, whiskers from the lowest to the highest round.

    plot.py results.json > results.svg
"""

import json
import statistics
import sys
from xml.sax.saxutils import escape

from peers import label

WIDTH, LEFT, RIGHT, ROW, HEAD = 900, 270, 150, 20, 44
OURS, THEIRS, FLOOR = "#1f6fb2", "#9aa5b1", "#d9a441"
PARTS = {"inlet": "#1f6fb2", "relay": "#c2523c", "proxy": "#c2523c", "outlet": "#5a9e5f"}
PANELS = (("bulk", "bulk, one connection: Gbit/s", "gbit_per_s", 2), ("bulk", "bulk: CPU seconds per GB", "cpu_s_per_gb", 2),
          ("redis-1", "redis, 1 connection: p50, ms", "p50_ms", 3),
          ("redis-50", "redis, 50 connections: requests/s", "requests_per_s", 0),
          ("redis-50", "redis, 50 connections: p99, ms", "p99_ms", 2),
          ("redis-50x16", "redis, 50 connections x 16 in flight: requests/s", "requests_per_s", 0),
          ("connect", "a new connection per request: connections/s", "requests_per_s", 0))


class Drawing:
    def __init__(self):
        self.parts, self.height = [], 10

    def text(self, x, y, words, anchor="start", style=""):
        self.parts.append(f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" {style}>{escape(words)}</text>')

    def bar(self, x, y, width, colour):
        self.parts.append(f'<rect x="{x:.1f}" y="{y:.1f}" width="{max(width, 0):.1f}" height="{ROW - 7}" fill="{colour}"/>')

    def whisker(self, low, high, y):
        middle = y + (ROW - 7) / 2
        self.parts.append(f'<path d="M{low:.1f} {middle} H{high:.1f} M{low:.1f} {middle - 3} v6 M{high:.1f} {middle - 3} v6" '
                          'stroke="#222" fill="none"/>')

    def finish(self, foot):
        for line in foot:
            self.text(10, self.height + 14, line, style='fill="#555"')
            self.height += 15
        return (f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{self.height + 12}" '
                f'viewBox="0 0 {WIDTH} {self.height + 12}" font-family="sans-serif" font-size="12">\n'
                '<rect width="100%" height="100%" fill="white"/>\n' + "\n".join(self.parts) + "\n</svg>\n")


def good(cell, key):
    return [s[key] for s in cell["samples"] if key in s]


def colour(peer):
    return OURS if peer.startswith("weir") else FLOOR if peer.startswith(("bare", "echo", "direct")) else THEIRS


def totals(values):
    return [sum(v.values()) if isinstance(v, dict) else v for v in values]


def panel(drawing, title, cells, key, digits):
    rows = [(cell, good(cell, key)) for cell in cells]
    rows = [(cell, values) for cell, values in rows if values and any(totals(values))]
    if not rows:
        return
    top = max(max(totals(values)) for _, values in rows)
    scale = (WIDTH - LEFT - RIGHT) / top
    drawing.text(10, drawing.height + 22, title, style='font-weight="bold" font-size="14"')
    if key == "cpu_s_per_gb":
        for number, role in enumerate(("inlet", "relay", "outlet")):
            drawing.bar(LEFT + 110 * number, drawing.height + 12, 12, PARTS[role])
            drawing.text(LEFT + 110 * number + 17, drawing.height + 22, role if role != "relay" else "relay, proxy")
    y = drawing.height + HEAD - 8
    for cell, values in rows:
        words = label(cell).replace("*", "")
        drawing.text(LEFT - 8, y + 11, words, "end", 'font-weight="bold"' if cell["peer"].startswith("weir") else "")
        if isinstance(values[0], dict):
            x = LEFT
            for role in values[0]:
                width = statistics.median(v[role] for v in values) * scale
                drawing.bar(x, y, width, PARTS[role])
                x += width
        else:
            drawing.bar(LEFT, y, statistics.median(values) * scale, colour(cell["peer"]))
        sums = totals(values)
        drawing.whisker(LEFT + min(sums) * scale, LEFT + max(sums) * scale, y)
        drawing.text(LEFT + max(sums) * scale + 8, y + 11, f"{statistics.median(sums):,.{digits}f}")
        y += ROW
    drawing.height = y + 12


def svg(result):
    drawing = Drawing()
    for load, title, key, digits in PANELS:
        panel(drawing, title, [cell for cell in result["cells"] if cell["load"] == load], key, digits)
    machine = result["machine"]
    return drawing.finish([f"Bars: median of {result['rounds_done']} rounds, peers in turn; whiskers: lowest and highest round.",
                           f"{machine['cpu']}, {machine['cores']} cores, Linux {machine['kernel']}",
                           f"commit {machine['commit']}, {machine['date']}"])


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    with open(sys.argv[1], encoding="utf-8") as raw:
        sys.stdout.write(svg(json.load(raw)))
