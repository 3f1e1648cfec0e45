#!/usr/bin/env python3
"""House style as a test: tidy.py ROOT [compile_commands.json] fails with one line per finding.
tidy.py --self-test shows that every rule bites.

A finding that is right as it stands is excused where it stands, with its reason:
    auto* block = new Block;  // tidy: allow heap: made once, when the shard starts
on the same line or the line above.  For rules about a whole file the comment may stand anywhere in it.
"""

import json
import os
import re
import sys
import tempfile

LINE_COLUMNS_MAX = 100
FILE_LINES_MAX = 800
SOURCE_FOLDERS = ("base", "crypto", "dataplane", "control", "tools", "bench", "tests")
SKIPPED_FOLDERS = ("tests/vectors", "tests/fuzz/corpus", "build", ".git", ".cache")
# Every source here must be in the build's compile commands: one that no CMake glob picks up would silently not be built.
BUILT_FOLDERS = ("base/", "crypto/", "dataplane/", "control/", "tools/", "tests/")

# rule: (pattern in code without comments and strings, folders where it holds, folders or files where it does not, advice)
BANNED = {
    "unsafe-c": (r"\b(strcpy|strcat|sprintf|vsprintf|gets|strtok|alloca)\s*\(", ("",), (), "use spans and fmt"),
    "rand": (r"(?<![\w.>])s?rand\s*\(|\bstd::(mt19937|random_device)\b", ("",), ("tests/", "bench/"),
             "randomness comes from Rng"),
    "shell": (r"\b(system|popen)\s*\(", ("",), ("tests/", "bench/"), "start programs without a shell"),
    "thread": (r"\bstd::j?thread\b(?!::)|\bpthread_create\b", ("base", "crypto", "dataplane", "control"),
               ("dataplane/shard/", "control/node/"), "threads belong to shards and to the node's executor"),
    "lock": (r"\bstd::(mutex|shared_mutex|recursive_mutex|condition_variable|lock_guard|unique_lock|scoped_lock)\b"
             r"|\bpthread_mutex", ("dataplane",), (), "planes and shards cross in rings only"),
    "shared-ptr": (r"\bstd::(shared_ptr|make_shared)\b", ("dataplane",), (), "nothing is shared in the data plane"),
    "stdout": (r"(?<![\w:])(?:std::)?(printf|puts|putchar)\s*\(|\bstd::(cout|cerr)\b|\bfmt::print\s*\(",
               ("base", "crypto", "dataplane", "control"), (), "libraries do not write to the terminal"),
    "exception": (r"\bthrow\b|\btry\s*\{|\bcatch\s*\(", ("base", "crypto", "dataplane"), (), "errors are values: Result<T>"),
    "heap": (r"\bnew\b(?!\s*\()|\b(malloc|calloc|realloc)\s*\(",
             ("dataplane/channel", "dataplane/route", "dataplane/wire", "dataplane/link"), (),
             "no allocation per frame: pools and preallocated tables"),
    "c-sleep": (r"\b(usleep|nanosleep)\s*\(|(?<!\w)::sleep\s*\(|\bsleep_(for|until)\b", ("dataplane", "control", "crypto"), (),
                "time comes from Clock and timers"),
    "std-missing": (r"#\s*include\s*<(format|print|generator)>", ("",), (), "GCC 12 does not have it"),
}
MACHINE_PATHS = re.compile(r"(?<![\w.])/(work|root)/|/tmp/b-\w")
TEXT_SUFFIXES = (".cc", ".h", ".py", ".md", ".txt", ".cmake", ".sh", ".def", ".build", ".json", ".yml")
ALLOW = re.compile(r"tidy: allow ([a-z-]+): \S")


def strip_code(text):
    """The same text with comments, strings and characters blanked, line by line."""
    token = re.compile(r'//[^\n]*|/\*.*?\*/|R"\w*\(.*?\)\w*"|"(?:\\.|[^"\\\n])*"|(?<![0-9a-fA-F])\'(?:\\.|[^\'\\\n])+\'', re.S)

    def blank(match):
        return re.sub(r"[^\n]", " ", match.group(0))

    def keep_include(match):
        start = text.rfind("\n", 0, match.start()) + 1
        if match.group(0).startswith('"') and text[start:match.start()].lstrip().startswith("#"):
            return match.group(0)
        return blank(match)

    return token.sub(keep_include, text)


def walk(root):
    for folder, folders, files in os.walk(root):
        relative = os.path.relpath(folder, root).replace(os.sep, "/")
        relative = "" if relative == "." else relative + "/"
        folders[:] = sorted(f for f in folders if not (relative + f).startswith(SKIPPED_FOLDERS) and f != "__pycache__")
        for name in sorted(files):
            yield relative + name


def allowed(rule, lines, number):
    """Is `rule` excused on line `number` (from 1), or anywhere in the file when number is 0?"""
    near = lines if number == 0 else lines[max(0, number - 2):number]
    return any(match.group(1) == rule for line in near for match in ALLOW.finditer(line))


def check_source(path, text, findings, built):
    lines = text.split("\n")
    code = strip_code(text).split("\n")

    def report(rule, number, words):
        if not allowed(rule, lines, number):
            findings.append(f"{path}:{number or 1}: {rule}: {words}")

    for number, line in enumerate(lines, 1):
        if len(line) > LINE_COLUMNS_MAX:
            report("long-line", number, f"{len(line)} columns, the limit is {LINE_COLUMNS_MAX}")
        if "\t" in line or line != line.rstrip():
            report("blanks", number, "tab or trailing blank")
    for rule, (pattern, where, except_where, advice) in BANNED.items():
        if not path.startswith(where) or path.startswith(except_where or ("\0",)):
            continue
        for number, line in enumerate(code, 1):
            match = re.search(pattern, line)
            if match:
                report(rule, number, f"'{match.group(0).strip()}': {advice}")
    if path.endswith(".h") and "#pragma once" not in text:
        report("pragma-once", 0, "missing '#pragma once'")
    if len(lines) > FILE_LINES_MAX:
        report("long-file", 0, f"{len(lines)} lines, the limit is {FILE_LINES_MAX}: split it by noun")
    if built is not None and path.endswith(".cc") and path.startswith(BUILT_FOLDERS) and path not in built:
        report("not-built", 0, "no CMake target builds this file")


def check_tree(root, built=None):
    findings, sources, includes, readmes, folders = [], {}, set(), set(), set()
    for path in walk(root):
        if path.endswith("README.md"):
            readmes.add(os.path.dirname(path))
        if path.endswith(TEXT_SUFFIXES):
            with open(os.path.join(root, path), encoding="utf-8", errors="replace") as file:
                text = file.read()
            if not path.startswith(("docs/spec/", "tests/tidy/")):
                for number, line in enumerate(text.split("\n"), 1):
                    if MACHINE_PATHS.search(line):
                        findings.append(f"{path}:{number}: machine-path: a path of one particular machine")
        if not path.startswith(tuple(f + "/" for f in SOURCE_FOLDERS)):
            continue
        if path.endswith((".cc", ".h")):
            sources[path] = text
            includes.update(re.findall(r'^\s*#\s*include\s*"([^"]+)"', text, re.M))
            includes.update(os.path.normpath(os.path.join(os.path.dirname(path), name))
                            for name in re.findall(r'^\s*#\s*include\s*"([^"]+)"', text, re.M))
        if path.endswith((".cc", ".h", ".py")):
            folders.add(os.path.dirname(path))
    for path, text in sources.items():
        check_source(path, text, findings, built)
        if path.endswith(".h") and path not in includes and not allowed("unused-header", text.split("\n"), 0):
            findings.append(f"{path}:1: unused-header: nobody includes this file")
    for folder in sorted(folders):
        if not folder.startswith("tests/unit/") and "/internal" not in folder and folder not in readmes:
            findings.append(f"{folder}/README.md:1: readme: the folder has no README.md")
    return findings, len(sources)


SELF_TEST = {
    "long-line": ("base/a.cc", "int a;  // " + "x" * 100 + "\n"),
    "blanks": ("base/a.cc", "int a; \n"),
    "unsafe-c": ("control/a.cc", "void f() { strcpy(a, b); }\n"),
    "rand": ("dataplane/a.cc", "int r = rand();\n"),
    "shell": ("control/a.cc", "int r = system(\"ls\");\n"),
    "thread": ("crypto/a.cc", "std::thread t(f);\n"),
    "lock": ("dataplane/route/a.cc", "std::mutex m;\n"),
    "shared-ptr": ("dataplane/route/a.cc", "std::shared_ptr<int> p;\n"),
    "stdout": ("base/a.cc", "void f() { printf(\"x\"); }\n"),
    "exception": ("dataplane/a.cc", "void f() { throw 1; }\n"),
    "heap": ("dataplane/channel/a.cc", "int* p = new int;\n"),
    "c-sleep": ("control/a.cc", "void f() { usleep(3); }\n"),
    "std-missing": ("control/a.cc", "#include <format>\n"),
    "pragma-once": ("base/a.h", "int a;\n"),
    "long-file": ("base/a.cc", "\n" * 1000),
    "not-built": ("control/node/deep/a.cc", "int a;\n"),
    "unused-header": ("base/lonely.h", "#pragma once\n"),
    "readme": ("base/a.cc", "int a;\n"),
    "machine-path": ("base/a.cc", "// see /ro" + "ot/notes\n"),
}
CLEAN = '#include "base/b.h"\n// throw, printf( and new are only words here\nconst char* s = "rand() system(";\n' \
        "char c = '\"'; int n = 1'000;\n// tidy: allow rand: the self-test wants one\nint r = rand();\n"


def self_test():
    missed = []
    for rule, (path, text) in SELF_TEST.items():
        with tempfile.TemporaryDirectory() as root:
            os.makedirs(os.path.join(root, os.path.dirname(path)))
            with open(os.path.join(root, path), "w", encoding="utf-8") as file:
                file.write(text)
            if not any(f" {rule}: " in finding for finding in check_tree(root, set())[0]):
                missed.append(rule)
    with tempfile.TemporaryDirectory() as root:
        os.makedirs(os.path.join(root, "base"))
        for name, text in (("a.cc", CLEAN), ("b.h", "#pragma once\n"), ("README.md", "x\n")):
            with open(os.path.join(root, "base", name), "w", encoding="utf-8") as file:
                file.write(text)
        findings = check_tree(root, {"base/a.cc"})[0]
    untested = sorted(set(BANNED) - set(SELF_TEST))
    print(f"{len(SELF_TEST)} rules tried, missed: {missed or 'none'}; clean file: {findings or 'no finding'}")
    return 1 if missed or findings or untested else 0


def main():
    if sys.argv[1:] == ["--self-test"]:
        return self_test()
    root, built = os.path.abspath(sys.argv[1] if len(sys.argv) > 1 else "."), None
    if len(sys.argv) > 2:
        with open(sys.argv[2], encoding="utf-8") as file:
            built = {os.path.relpath(os.path.join(c["directory"], c["file"]), root) for c in json.load(file)}
    findings, count = check_tree(root, built)
    print("\n".join(findings))
    print(f"{count} source files read, {len(findings)} findings")
    return 1 if findings or count == 0 else 0


if __name__ == "__main__":
    sys.exit(main())
