#!/usr/bin/env python3
"""Runs a test whose programs are built with a sanitizer:  sanitized.py [--scale N] COMMAND...

Nodes in the background have no stderr and nobody asks for their exit code, so that what a sanitizer finds in them would be lost.
Every process below this one writes its findings into a folder; they are printed at the end, and one is enough to fail the test.
WEIR_TEST_SCALE=N tells the test by how much to do less and to allow more.
"""

import os
import signal
import subprocess
import sys
import tempfile

# Freed memory is kept back for a while: little of it, because tests measure what a node holds.
OPTIONS = {"ASAN_OPTIONS": "quarantine_size_mb=8", "UBSAN_OPTIONS": "print_stacktrace=1",
           "TSAN_OPTIONS": "second_deadlock_stack=1"}

words, scale = sys.argv[1:], "4"
if words[:1] == ["--scale"]:
    scale, words = words[1], words[2:]
with tempfile.TemporaryDirectory(prefix="ws-") as reports:
    os.chmod(reports, 0o1777)                               # some tests run the program as another user
    environment = {**os.environ, "WEIR_TEST_SCALE": scale}
    for name, options in OPTIONS.items():
        parts = [environment.get(name, ""), options, f"log_path={reports}/report"]
        environment[name] = ":".join(part for part in parts if part)
    process = subprocess.Popen(words, env=environment)
    signal.signal(signal.SIGTERM, lambda *_: process.terminate())      # the test itself stops what it has started
    status = process.wait()
    for name in sorted(os.listdir(reports)):
        with open(os.path.join(reports, name), encoding="utf-8", errors="replace") as file:
            print(f"\n[sanitized] {name}\n{file.read()[:20000]}")
        status = status if status not in (0, 77) else 1
sys.exit(status)
