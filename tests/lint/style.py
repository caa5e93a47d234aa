#!/usr/bin/env python3
"""Holds what neither compiler nor clang-tidy can: file sizes, locks, time, language rules.

    style.py ROOT          checks the tree, prints file:line: what is wrong
    style.py --self-test   proves that every rule can fail
"""
import os
import re
import sys

MAX_LINES = 400
SOURCES = ("common", "archive", "controller", "agent", "bridge", "cli", "bench", "tests")

# (what, where it is allowed, what to do instead)
RULES = [
    (re.compile(r"\bstd::(mutex|shared_mutex|recursive_mutex|lock_guard|unique_lock|scoped_lock"
                r"|condition_variable)\b|\babsl::Mutex\b"),
     {"common/mutex.h"}, "locks only through common/mutex.h"),
    (re.compile(r"\babsl::Now\(|\b(system|steady|high_resolution)_clock::now\(|\btime\(nullptr\)"),
     {"common/clock.h"}, "time only through common/clock.h"),
    (re.compile(r"\bthrow\s+[A-Za-z(]"), set(), "no exceptions of ours: return absl::Status"),
    (re.compile(r"\bGTEST_SKIP\b|\bDISABLED_"), set(), "no skipped tests"),
]
# A benchmark measures real time, and so does the waiting of a test against a real server.
MEASURES_TIME = ("bench/", "tests/integration/", "tests/controller/adapters/",
                 "tests/agent/adapters/", "tests/fuzz/")


def line_problems(path, line):
    code = line.split("//", 1)[0]
    for pattern, allowed, why in RULES:
        if why.startswith("time") and path.startswith(MEASURES_TIME):
            continue
        if path not in allowed and pattern.search(code):
            yield why


def check(root):
    found = []
    for top in SOURCES:
        for folder, _, names in sorted(os.walk(os.path.join(root, top))):
            for name in sorted(names):
                if not name.endswith((".h", ".cc")):
                    continue
                full = os.path.join(folder, name)
                path = os.path.relpath(full, root)
                with open(full, encoding="utf-8") as source:
                    lines = source.read().split("\n")
                if len(lines) - 1 > MAX_LINES:
                    found.append(f"{path}:{len(lines) - 1}: longer than {MAX_LINES} lines: split it")
                for number, line in enumerate(lines, 1):
                    found += [f"{path}:{number}: {why}" for why in line_problems(path, line)]
    return found


SEEDED = [
    ("agent/a.cc", "  std::lock_guard<std::mutex> l(m);", 1),
    ("agent/a.cc", "  absl::Mutex mu_;", 1),
    ("common/mutex.h", "  std::mutex mu_;", 0),
    ("cli/a.cc", "  auto t = absl::Now();", 1),
    ("common/clock.h", "  return absl::Now();", 0),
    ("bench/a.cc", "  auto t = std::chrono::steady_clock::now();", 0),
    ("cli/a.cc", "  throw std::runtime_error(x);", 1),
    ("cli/a.cc", "  // libraries throw, we do not", 0),
    ("tests/cli/a_test.cc", "  GTEST_SKIP();", 1),
]


def self_test():
    return [f"{path}: '{line}' gives {got}, expected {want}" for path, line, want in SEEDED
            if (got := len(list(line_problems(path, line)))) != want]


def main(args):
    if len(args) != 1:
        print(__doc__, file=sys.stderr)
        return 2
    found = self_test() if args == ["--self-test"] else check(args[0])
    print("\n".join(found) if found else "ok")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
