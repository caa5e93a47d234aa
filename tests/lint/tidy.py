#!/usr/bin/env python3
"""Runs clang-tidy, and with it clang's own warnings and -Wthread-safety, as errors.

    tidy.py ROOT BUILD_DIR CACHE_DIR [FILE...]

Takes each file's flags from BUILD_DIR/compile_commands.json (generated headers must exist).
Nine tenths of a file's cost are the headers it includes, so files of one folder are looked at
together, in a unit that includes them; where a unit has a finding, or its files cannot live
together, each is looked at alone, and that is what counts. A unit that was clean is not looked
at again while its preprocessed text, its flags, .clang-tidy and clang-tidy itself stay the
same; a stamp in CACHE_DIR remembers it.
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
UNIT = 8  # files looked at together
# Sources too: in a unit they are included files.
FILES = r"/(agent|archive|bench|bridge|cli|common|controller|tests)/[^/]+.*\.(h|cc)$"
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


def tidy(path, flags, checks, cache, common):
    """Exit code, output, and whether a stamp said it all."""
    stamp = stamp_of(path, flags, common)
    mark = stamp and os.path.join(cache, stamp)
    if mark and os.path.exists(mark):
        return 0, "", True
    run = subprocess.run(["clang-tidy", "--quiet", *checks, path, "--", *flags], capture_output=True,
                         text=True, check=False)
    if run.returncode == 0 and mark:
        open(mark, "w", encoding="utf-8").close()
    noise = "warnings generated."
    output = "\n".join(x for x in (run.stdout + run.stderr).split("\n") if noise not in x)
    return run.returncode, output, False


def checks_of(path):
    return ["--checks=" + TEST_CHECKS] if "/tests/" in path else []


def tidy_together(files, flags, cache, common):
    """Files of one folder: (file, output) for each with findings, and whether all was stamped."""
    if len(files) > 1:
        name = hashlib.sha256("".join(files).encode()).hexdigest()[:16]
        unit = os.path.join(cache, f"unit_{name}.cc")
        with open(unit, "w", encoding="utf-8") as out:
            out.writelines(f'#include "{f}"  // NOLINT(bugprone-suspicious-include)\n' for f in files)
        code, _, hit = tidy(unit, flags, [*checks_of(files[0]), f"--header-filter={FILES}"], cache,
                            common)
        if code == 0:
            return [], hit
    found, all_hit = [], True
    for path in files:
        code, output, hit = tidy(path, flags, checks_of(path), cache, common)
        all_hit = all_hit and hit
        if code != 0:
            found.append((path, output))
    return found, all_hit


def units_of(jobs):
    """jobs: {file: flags}. Lists of at most UNIT files of one folder and the same flags."""
    folders = {}
    for path, flags in sorted(jobs.items()):
        folders.setdefault((os.path.dirname(path), tuple(flags)), []).append(path)
    for (_, flags), files in folders.items():
        for start in range(0, len(files), UNIT):
            yield files[start:start + UNIT], list(flags)


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
    units = sorted(units_of(jobs), key=lambda unit: -len(unit[0]))  # the long ones first
    start, bad, cached = time.time(), 0, 0
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        futures = {pool.submit(tidy_together, files, flags, cache, common): files
                   for files, flags in units}
        for future in concurrent.futures.as_completed(futures):
            found, hit = future.result()
            cached += len(futures[future]) if hit else 0
            bad += len(found)
            for path, output in found:
                print(f"{os.path.relpath(path, root)}:\n{output}", flush=True)
    print(f"{len(jobs)} files, {cached} unchanged, {bad} with findings, {time.time() - start:.0f} s")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
