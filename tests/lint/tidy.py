#!/usr/bin/env python3
"""Runs clang-tidy, and with it clang's own warnings and -Wthread-safety, as errors.

    tidy.py ROOT BUILD_DIR CACHE_DIR [FILE...]

Takes each file's flags from BUILD_DIR/compile_commands.json (generated headers must exist). A
file that was clean is not looked at again while its preprocessed text, its flags, .clang-tidy
and clang-tidy itself stay the same; a stamp in CACHE_DIR remembers it.
"""
import concurrent.futures
import hashlib
import json
import os
import shlex
import subprocess
import sys
import time

KEEP = ("-I", "-D", "-std=", "-W", "-isystem", "-f")
# g++ only, or of no use to an analysis.
DROP = ("-fsanitize", "-fno-sanitize", "-fuse-ld", "-flto", "-fno-fat-lto", "-Wl,",
        "-Wno-restrict")
# Tests are bound by the same compiler and the same size, not by the analysis: GoogleTest's
# macros cost most of it and give most of what it reports.
TEST_CHECKS = "-*,clang-diagnostic-*,bugprone-use-after-move,readability-function-size"


def flags_of(command):
    words = shlex.split(command)
    flags, i = ["-Wthread-safety"], 0
    while i < len(words):
        if words[i] == "-isystem":
            flags += words[i:i + 2]
            i += 1
        elif words[i].startswith(KEEP) and not words[i].startswith(DROP):
            flags.append(words[i])
        i += 1
    return flags


def stamp_of(path, flags, common):
    """Hash of everything the result depends on. Comments count: NOLINT is one."""
    text = subprocess.run(["clang++", "-E", "-C", *flags, path], capture_output=True, check=False)
    if text.returncode != 0:
        return None
    digest = hashlib.sha256(common)
    digest.update(" ".join(flags).encode())
    digest.update(text.stdout)
    return digest.hexdigest()


def tidy(path, flags, cache, common):
    stamp = stamp_of(path, flags, common)
    mark = stamp and os.path.join(cache, stamp)
    if mark and os.path.exists(mark):
        return path, 0, "", True
    checks = ["--checks=" + TEST_CHECKS] if "/tests/" in path else []
    run = subprocess.run(["clang-tidy", "--quiet", *checks, path, "--", *flags], capture_output=True,
                         text=True, check=False)
    if run.returncode == 0 and mark:
        open(mark, "w", encoding="utf-8").close()
    noise = "warnings generated."
    output = "\n".join(x for x in (run.stdout + run.stderr).split("\n") if noise not in x)
    return path, run.returncode, output, False


def main(args):
    if len(args) < 3:
        print(__doc__, file=sys.stderr)
        return 2
    root, build, cache = (os.path.abspath(a) for a in args[:3])
    only = {os.path.abspath(a) for a in args[3:]}
    os.makedirs(cache, exist_ok=True)
    with open(os.path.join(root, ".clang-tidy"), "rb") as config:
        common = config.read()
    common += subprocess.run(["clang-tidy", "--version"], capture_output=True, check=True).stdout
    with open(os.path.join(build, "compile_commands.json"), encoding="utf-8") as commands:
        jobs = {c["file"]: flags_of(c["command"]) for c in json.load(commands)
                if c["file"].startswith(root + "/") and not c["file"].startswith(build + "/")
                and (not only or c["file"] in only)}
    if not jobs:
        print("no files to look at: build first", file=sys.stderr)
        return 1
    start, bad, cached = time.time(), 0, 0
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        futures = [pool.submit(tidy, f, flags, cache, common) for f, flags in sorted(jobs.items())]
        for future in concurrent.futures.as_completed(futures):
            path, code, output, hit = future.result()
            cached += hit
            if code != 0:
                bad += 1
                print(f"{os.path.relpath(path, root)}:\n{output}", flush=True)
    print(f"{len(jobs)} files, {cached} unchanged, {bad} with findings, {time.time() - start:.0f} s")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
