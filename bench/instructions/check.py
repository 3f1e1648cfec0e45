#!/usr/bin/env python3
"""Instructions per frame of the hottest paths under callgrind, beside the recorded ones: the only performance figure that can
fail a build.

    check.py FRAME_PATHS --build "COMPILER AND FLAGS" [--turns 40] [--update] [PATH...]

A path fails when its count is further from the recorded one than the tolerance in ../instructions.json, in either direction: a
gain is recorded, so that it cannot be lost again. --update writes what was counted. Another compiler or other flags count
otherwise: without a recorded count for the build, and without valgrind, exit 77 (skipped). Needs no quiet machine.
"""

import argparse
import concurrent.futures
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile

RECORD = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "instructions.json")
SKIPPED = 77
LIMIT_S = 240


def skip(words):
    print(f"skipped: {words}")
    sys.exit(SKIPPED)


def count(program, path, turns):
    """Instructions per frame that leaves the shard."""
    with tempfile.TemporaryDirectory(prefix="weir-callgrind-") as folder:
        out = os.path.join(folder, "out")
        done = subprocess.run(["valgrind", "--tool=callgrind", "--collect-atstart=no", f"--callgrind-out-file={out}",
                               program, path, str(turns)], capture_output=True, text=True, timeout=LIMIT_S, check=False)
        if done.returncode:
            raise RuntimeError(f"{path}: exit {done.returncode}: {done.stderr[-600:]}")
        with open(out, encoding="utf-8", errors="replace") as file:
            total = next(int(m.group(1)) for m in (re.match(r"(?:totals|summary): (\d+)", line) for line in file) if m)
    return total / int(done.stdout)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program")
    parser.add_argument("paths", nargs="*", metavar="PATH", help="default: all")
    parser.add_argument("--build", required=True)
    parser.add_argument("--turns", type=int, default=40)
    parser.add_argument("--update", action="store_true")
    chosen = parser.parse_args()
    if not shutil.which("valgrind"):
        skip("valgrind is not installed")
    with open(RECORD, encoding="utf-8") as file:
        record = json.load(file)
    recorded, tolerance = record["builds"].get(chosen.build), record["tolerance"]
    if recorded is None and not chosen.update:
        skip(f"no counts are recorded for the build {chosen.build!r}, only for {', '.join(map(repr, record['builds']))}; "
             "--update records them")
    paths = chosen.paths or subprocess.run([chosen.program, "--list"], capture_output=True, text=True, check=True).stdout.split()
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        try:
            counts = dict(zip(paths, pool.map(lambda path: count(chosen.program, path, chosen.turns), paths)))
        except RuntimeError as error:
            sys.exit(str(error))
    failed = []
    for path, here in counts.items():
        before = (recorded or {}).get(path)
        change = (here / before - 1) if before else None
        said = "not recorded" if before is None else f"recorded {before:,.0f}, {change:+.1%}"
        print(f"{path:30} {here:9,.0f} instructions per frame ({said})")
        if change is None or abs(change) > tolerance:
            failed.append(path)
    if chosen.update:
        record["builds"][chosen.build] = {**(recorded or {}), **{path: round(here, 1) for path, here in counts.items()}}
        with open(RECORD, "w", encoding="utf-8") as file:
            json.dump(record, file, indent=1)
            file.write("\n")
        print(f"written to {RECORD}")
    elif failed:
        print(f"\nmore than {tolerance:.0%} from what is recorded: {', '.join(failed)}.\nMore instructions: find out why "
              "(callgrind_annotate), or say in the commit what they buy. Fewer: good.\n"
              "To record the new counts, with the same build:"
              f"\n  python3 {os.path.abspath(__file__)} {chosen.program} --build {chosen.build!r} --update")
        sys.exit(1)


if __name__ == "__main__":
    main()
