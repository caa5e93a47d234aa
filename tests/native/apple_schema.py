#!/usr/bin/env python3
"""Holds a profile or a declaration against Apple's own description of its keys.

    apple_schema.py profile|declaration SCHEMAS FILE     OK, or a line for each thing that is wrong
    apple_schema.py since SCHEMAS FILE                   each key of a profile and where it acts on iOS
    apple_schema.py same FILE FILE                       OK: two property lists say the same

SCHEMAS is the folder with the YAML files of github.com/apple/device-management. plistlib takes what
plistutil takes and more, so plistutil and xmllint come first (apple_test.cc).
"""
import json
import os
import plistlib
import re
import sys
import xml.etree.ElementTree as ElementTree

import yaml

TYPES = {"<string>": str, "<integer>": int, "<boolean>": bool, "<array>": list,
         "<dictionary>": dict, "<real>": float, "<data>": bytes}
LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
UUID = re.compile(r"^[0-9A-F]{8}(-[0-9A-F]{4}){3}-[0-9A-F]{12}$")


def load(schemas, name):
    path = os.path.join(schemas, name + ".yaml")
    if not os.path.exists(path):
        return None
    with open(path, encoding="utf-8") as text:
        return yaml.load(text, Loader=LOADER)


def on_ios(entry, above):
    """What is said of iOS there; a key adds to what its payload says."""
    return {**above, **((entry.get("supportedOS") or {}).get("iOS") or {})}


def is_a(value, kind):
    if kind == "<any>":
        return True
    # A bool is an int to Python, and to nobody else.
    return isinstance(value, TYPES[kind]) and (kind == "<boolean>") == isinstance(value, bool)


def check_value(value, entry, where, ios, found):
    if not is_a(value, entry["type"]):
        found.append(f"{where}: {type(value).__name__}, expected {entry['type']}")
        return
    if "rangelist" in entry and value not in entry["rangelist"]:
        found.append(f"{where}: {value!r} is none of {entry['rangelist']}")
    if "range" in entry and not (entry["range"].get("min", value) <= value
                                 <= entry["range"].get("max", value)):
        found.append(f"{where}: {value!r} is outside {entry['range']}")
    if "format" in entry and not re.search(entry["format"], value):
        found.append(f"{where}: {value!r} is not {entry['format']}")
    subkeys = entry.get("subkeys")
    if subkeys and entry["type"] == "<dictionary>":
        check_dict(value, subkeys, where, ios, found)
    elif subkeys and entry["type"] == "<array>":
        for number, item in enumerate(value):
            check_value(item, subkeys[0], f"{where}[{number}]", ios, found)


def check_dict(value, keys, where, ios, found):
    known = {entry["key"]: entry for entry in keys}
    if "ANY" in known:
        return
    for name, item in value.items():
        at = f"{where}.{name}"
        if name not in known:
            found.append(f"{at}: no such key")
            continue
        support = on_ios(known[name], ios)
        if support.get("introduced") == "n/a" or "removed" in support:
            found.append(f"{at}: not on iOS")
        check_value(item, known[name], at, support, found)
    for name, entry in known.items():
        if entry.get("presence") == "required" and name not in value:
            found.append(f"{where}: no {name}")


def repeated_keys(node, found):
    for element in node.iter("dict"):
        names = [key.text for key in element.findall("key")]
        for name in sorted({name for name in names if names.count(name) > 1}):
            found.append(f"profile: {name} stands twice in one dictionary")


def payload_keys(schemas, payload, where, found):
    """The keys that this payload may have, and what is said of iOS; None: no such payload."""
    kind = payload.get("PayloadType")
    schema = load(schemas, str(kind).replace("/", "")) if kind != "TopLevel" else None
    if schema is None or schema["payload"].get("payloadtype") != kind:
        found.append(f"{where}: no payload of type {kind!r}")
        return None
    common = load(schemas, "CommonPayloadKeys")
    return common["payloadkeys"] + schema["payloadkeys"], on_ios(schema["payload"], {})


def read_profile(path):
    with open(path, "rb") as file:
        data = file.read()
    return plistlib.loads(data, fmt=plistlib.FMT_XML), ElementTree.fromstring(data)


def check_profile(schemas, path):
    found = []
    profile, tree = read_profile(path)
    repeated_keys(tree, found)
    top = load(schemas, "TopLevel")
    check_dict(profile, top["payloadkeys"], "profile", on_ios(top["payload"], {}), found)
    payloads = profile.get("PayloadContent") or []
    for number, payload in enumerate(payloads):
        where = f"payload {number}"
        described = payload_keys(schemas, payload, where, found)
        if described is not None:
            check_dict(payload, described[0], where, described[1], found)
    for key in ("PayloadIdentifier", "PayloadUUID"):
        values = [part.get(key) for part in [profile] + payloads]
        if len(set(values)) != len(values):
            found.append(f"profile: one {key} stands for two")
        if key == "PayloadUUID":
            found += [f"profile: {value!r} is no UUID" for value in values
                      if not UUID.match(str(value))]
    return found


def without_repetition(pairs):
    if len({name for name, _ in pairs}) != len(pairs):
        raise ValueError("a key stands twice in one object")
    return dict(pairs)


def check_declaration(schemas, path):
    with open(path, encoding="utf-8") as text:
        declaration = json.load(text, object_pairs_hook=without_repetition)
    found = []
    base = load(schemas, "declarationbase")
    check_dict(declaration, base["payloadkeys"], "declaration", on_ios(base["payload"], {}), found)
    schema = load(schemas, "app.settings.27.0.excerpt")
    if declaration.get("Type") != schema["payload"]["declarationtype"]:
        found.append(f"declaration: no declaration of type {declaration.get('Type')!r}")
    check_dict(declaration.get("Payload", {}), schema["payloadkeys"], "payload",
               on_ios(schema["payload"], {}), found)
    return found


def since(schemas, path):
    """Where each key of the payloads acts; the marks of iOS 27 come from the newer excerpt."""
    newer = load(schemas, "app.settings.27.0.excerpt")["deprecated_in_applicationaccess"]
    lines = []
    for payload in read_profile(path)[0]["PayloadContent"]:
        keys, ios = payload_keys(schemas, payload, "", [])
        for entry in keys:
            if entry["key"] not in payload or entry["key"].startswith("Payload"):
                continue
            support = {**on_ios(entry, ios), **newer.get(entry["key"], {}).get("iOS", {})}
            line = f"{payload['PayloadType']} {entry['key']} iOS {support['introduced']}"
            if "deprecated" in support:
                line += f", deprecated {support['deprecated']}"
            if support.get("supervised"):
                line += ", supervised"
            if support.get("userenrollment", {}).get("mode") == "forbidden":
                line += ", not in user enrolment"
            lines.append(line)
    return sorted(lines)


def main(args):
    if len(args) != 3 or args[0] not in ("profile", "declaration", "since", "same"):
        print(__doc__, file=sys.stderr)
        return 2
    if args[0] == "since":
        print("\n".join(since(args[1], args[2])))
        return 0
    if args[0] == "same":
        same = read_profile(args[1])[0] == read_profile(args[2])[0]
        print("OK" if same else "they differ")
        return 0 if same else 1
    check = check_profile if args[0] == "profile" else check_declaration
    try:
        found = check(args[1], args[2])
    except (ValueError, plistlib.InvalidFileException, ElementTree.ParseError) as error:
        found = [f"not read: {error}"]
    print("\n".join(found) if found else "OK")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
