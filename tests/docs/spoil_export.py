#!/usr/bin/env python3
"""Spoils a small export in every way, one at a time, and asks the verifier each time.

    spoil_export.py VERIFIER FOLDER KEY    the folder is whole, and is so again afterwards

In one process: a run of its own for each of a thousand bytes would take minutes."""
import importlib.util
import itertools
import os
import sys

verifier, folder, key = sys.argv[1:]
sys.dont_write_bytecode = True
spec = importlib.util.spec_from_file_location("verify_audit", verifier)
verify = importlib.util.module_from_spec(spec)
spec.loader.exec_module(verify)
REFUSALS = (ArithmeticError, LookupError, OSError, RecursionError, TypeError, ValueError)
known = {}


# Most notes are as they were: their signatures are worked out once.
def fits(signature, text, public, real=verify.fits):
    if (signature, text, public) not in known:
        known[signature, text, public] = real(signature, text, public)
    return known[signature, text, public]


verify.fits = fits


def missed(path, data, what):
    full = os.path.join(folder, path)
    with open(full, "rb") as file:
        good = file.read()
    if data is None:
        os.remove(full)
    else:
        with open(full, "wb") as file:
            file.write(data)
    try:
        verify.main(folder, key)
        sys.exit("%s, %s: nobody noticed" % (path, what))
    except REFUSALS:
        pass
    with open(full, "wb") as file:
        file.write(good)


def joined(entries):
    return b"".join(len(e).to_bytes(2, "big") + e for e in entries)


paths = sorted(os.path.relpath(os.path.join(d, f), folder)
               for d, _, files in os.walk(folder) for f in files)
verify.main(folder, key)
flipped = spoilt = moved = 0
for path in paths:
    with open(os.path.join(folder, path), "rb") as file:
        good = file.read()
    for at in range(len(good)):
        bad = bytearray(good)
        bad[at] ^= 1 << at % 8
        missed(path, bytes(bad), "byte %d" % at)
        flipped += 1
    spoilings = {"cut": good[:-1], "longer": good + good[-1:]}
    if not path.startswith(("witness/", "proofs/")):
        spoilings["gone"] = None
    for what, bad in spoilings.items():
        missed(path, bad, what)
        spoilt += 1
    if path.startswith("tile/entries/"):
        entries = list(verify.entries_of(good))
        for i, entry in enumerate(entries):
            missed(path, joined(entries[:i] + entries[i + 1:]), "entry %d dropped" % i)
            missed(path, joined(entries[:i] + [entry] + entries[i:]), "entry %d doubled" % i)
            moved += 2
        for i, j in itertools.combinations(range(len(entries)), 2):
            if abs(i - j) <= 5:
                swapped = entries[:]
                swapped[i], swapped[j] = entries[j], entries[i]
                missed(path, joined(swapped), "entries %d and %d swapped" % (i, j))
                moved += 1
verify.main(folder, key)
print("%d bytes flipped, %d files spoilt, %d entries moved: each was found"
      % (flipped, spoilt, moved))
