#!/usr/bin/env python3
"""Holds a JSON file against a JSON Schema, both strictly read.

    json_schema.py SCHEMA FILE     OK, or a line for each thing that is wrong
"""
import json
import sys

import jsonschema


def without_repetition(pairs):
    if len({name for name, _ in pairs}) != len(pairs):
        raise ValueError("a key stands twice in one object")
    return dict(pairs)


# The library's own words change with its version; these do not.
def words(error):
    named = error.validator in ("required", "additionalProperties")
    return error.message if named else error.validator


def main(args):
    if len(args) != 2:
        print(__doc__, file=sys.stderr)
        return 2
    with open(args[0], encoding="utf-8") as text:
        schema = json.load(text)
    jsonschema.Draft7Validator.check_schema(schema)
    try:
        with open(args[1], encoding="utf-8") as text:
            value = json.load(text, object_pairs_hook=without_repetition)
        found = sorted(f"{error.json_path}: {words(error)}"
                       for error in jsonschema.Draft7Validator(schema).iter_errors(value))
    except ValueError as error:
        found = [f"not read: {error}"]
    print("\n".join(found) if found else "OK")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
