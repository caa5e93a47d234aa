#!/usr/bin/env python3
"""Holds the include rules of the layout: adapters -> flow -> domain + common, one way.

All of Debian's headers share /usr/include, so link lists cannot police layers.
    layering.py ROOT          checks the tree, prints file:line: what is wrong
    layering.py --self-test   proves that every rule can fail
"""
import os
import re
import sys
import tempfile

INCLUDE = re.compile(r'^\s*#\s*include\s*[<"]([^>"]+)[>"]')
SOURCES = ("common", "archive", "controller", "agent", "bridge", "cli")

# Headers with an effect on the world. Pure code may not see one.
EFFECTS = re.compile(
    r"^(grpc|grpc\+\+|grpcpp|grpc_gen)/|\.grpc\.pb\.h$|^rocksdb/|^(ldap|lber|ldap_schema)\.h$"
    r"|^yaml-cpp/|^spdlog/|^CLI/|^curl/|^boost/|^sqlite3\.h$"
    r"|^(fstream|filesystem|iostream)$"
    r"|^(fcntl|unistd|dirent|poll|pthread|signal|netdb|pwd|grp|syslog|dlfcn|sched|spawn)\.h$"
    r"|^(sys(?!/sysmacros\.h)|net|netinet|arpa|linux)/")
THREADS = re.compile(r"^(thread|future)$")
CLOCKS = re.compile(r"^(absl/time/clock\.h|chrono|ctime|time\.h)$")
# mutex.h wraps std::mutex and needs its clock type; clock.h is where time comes from.
MAY_SEE_CLOCK = {"common/clock.h", "common/mutex.h"}


NATIVE = "controller/domain/native/"
# What `musterctl policy export -f` needs without a controller: pure code and the reader of files.
OFFLINE = ("controller/domain/", "controller/adapters/yaml/")


def layer_of(path):
    """(program, layer) of a path in the repository, e.g. ("agent", "domain")."""
    parts = path.split("/")
    if parts[0] in ("archive", "controller", "agent", "bridge") and len(parts) > 2:
        return parts[0], parts[1]
    return parts[0], ""


def problem(path, header):
    """Why the file at `path` may not include `header`; None when it may."""
    program, layer = layer_of(path)
    other, other_layer = layer_of(header)
    pure = program == "common" or layer == "domain" or path.startswith("archive/") and layer == ""
    if program in ("controller", "agent") and other in ("controller", "agent") and program != other:
        return f"{program} and {other} meet only through common/ and proto/"
    if other == "bridge" and program != "bridge":
        return "nobody knows the bridge"
    # A bridge is an agent for many devices: what is verified on a laptop is verified here by the
    # same code. It installs profiles from the generators that musterctl exports from.
    if program == "bridge" and other == "agent" and layer in ("domain", "flow"):
        if other_layer not in ("domain", "flow"):
            return f"{layer} may not include {other_layer or 'the program'}"
        if layer == "domain" and other_layer != "domain":
            return "domain may not include flow"
    if program == "bridge" and other == "controller" and not header.startswith(NATIVE):
        return "of the controller a bridge knows the generators of native policy alone"
    if program == "bridge" and other == "cli":
        return "the bridge knows no client"
    if program == "cli" and other in ("controller", "agent") and not (
            path.startswith("cli/native_") and header.startswith(OFFLINE)):
        return "cli talks to the controller over the wire only"
    if program == "common" and other in ("archive", "controller", "agent", "cli"):
        return "common knows no program"
    if program == "archive" and other in ("controller", "agent", "cli"):
        return "archive knows no program"
    if pure and other == "archive" and other_layer == "files":
        return "pure code may not see archive/files"
    if program == "controller" and other == "archive":
        return "the controller never reads an export"
    if layer == "domain" and other == program and other_layer not in ("domain",):
        return f"domain may not include {other_layer or 'the program'}"
    if layer == "flow" and other == program and other_layer not in ("domain", "flow"):
        return f"flow may not include {other_layer or 'the program'}"
    if (pure or layer == "flow") and EFFECTS.search(header):
        return f"{'flow' if layer == 'flow' else 'pure code'} may not see an effect: {header}"
    if pure and THREADS.search(header):
        return "pure code starts no thread"
    if (pure or layer == "flow") and CLOCKS.search(header) and path not in MAY_SEE_CLOCK:
        return "time comes from common/clock.h"
    if pure and layer == "domain" and header == "common/clock.h":
        return "domain is told the time, it does not ask"
    return None


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
                    for number, line in enumerate(source, 1):
                        match = INCLUDE.match(line)
                        why = match and problem(path, match.group(1))
                        if why:
                            found.append(f"{path}:{number}: {why}")
    return found


# One seeded violation per rule, and what is allowed beside it.
FORBIDDEN = [
    ("common/a.h", "grpcpp/grpcpp.h"), ("common/a.cc", "controller/domain/x.h"),
    ("common/a.cc", "fstream"), ("common/a.cc", "absl/time/clock.h"),
    ("controller/domain/a.cc", "rocksdb/db.h"), ("controller/domain/a.cc", "filesystem"),
    ("controller/domain/a.cc", "controller/flow/store.h"),
    ("controller/domain/a.cc", "controller/adapters/yaml/x.h"),
    ("controller/domain/a.cc", "common/clock.h"), ("controller/domain/a.cc", "spdlog/spdlog.h"),
    ("controller/flow/a.cc", "controller/adapters/grpc/x.h"),
    ("controller/flow/a.cc", "muster/v1/admin_service.grpc.pb.h"),
    ("controller/flow/a.cc", "ldap.h"), ("controller/adapters/grpc/a.cc", "agent/flow/x.h"),
    ("agent/domain/a.cc", "sys/fanotify.h"), ("agent/domain/a.cc", "agent/flow/x.h"),
    ("agent/domain/a.cc", "thread"), ("agent/flow/a.cc", "fcntl.h"), ("agent/flow/a.cc", "chrono"),
    ("agent/adapters/linux/a.cc", "controller/flow/store.h"), ("cli/a.cc", "controller/flow/x.h"),
    ("archive/a.cc", "fcntl.h"), ("archive/a.cc", "archive/files/x.h"),
    ("archive/files/a.cc", "agent/flow/x.h"), ("common/a.cc", "archive/x.h"),
    ("controller/adapters/grpc/a.cc", "archive/x.h"), ("agent/domain/a.cc", "archive/files/x.h"),
    ("common/a.cc", "curl/curl.h"), ("bridge/flow/a.cc", "boost/asio.hpp"),
    ("bridge/flow/a.cc", "sqlite3.h"), ("bridge/domain/a.cc", "agent/flow/x.h"),
    ("bridge/flow/a.cc", "agent/adapters/files/x.h"), ("agent/flow/a.cc", "bridge/domain/x.h"),
    ("controller/adapters/http/a.cc", "bridge/adapters/http/x.h"),
    ("bridge/adapters/http/a.cc", "controller/adapters/http/x.h"), ("bridge/a.cc", "cli/x.h"),
]
ALLOWED = [
    ("common/clock.h", "absl/time/clock.h"), ("common/a.cc", "openssl/evp.h"),
    ("controller/domain/a.cc", "common/decision.h"),
    ("controller/domain/a.cc", "muster/v1/app.pb.h"),
    ("controller/flow/a.cc", "controller/domain/x.h"), ("controller/flow/a.cc", "common/clock.h"),
    ("controller/adapters/rocksdb/a.cc", "rocksdb/db.h"),
    ("controller/adapters/grpc/a.cc", "controller/flow/x.h"),
    ("controller/main.cc", "controller/adapters/grpc/x.h"),
    ("agent/adapters/linux/a.cc", "sys/fanotify.h"), ("cli/a.cc", "grpcpp/grpcpp.h"),
    ("agent/flow/a.cc", "thread"), ("agent/domain/a.cc", "sys/sysmacros.h"),
    ("archive/files/a.cc", "fcntl.h"), ("archive/files/a.cc", "archive/x.h"),
    ("agent/domain/a.cc", "archive/x.h"), ("cli/a.cc", "archive/files/x.h"),
    ("bridge/flow/a.cc", "agent/flow/x.h"), ("bridge/adapters/http/a.cc", "curl/curl.h"),
    ("bridge/flow/a.cc", "controller/domain/native/x.h"),
]


def self_test():
    wrong = [f"not caught: {p} includes {h}" for p, h in FORBIDDEN if problem(p, h) is None]
    wrong += [f"refused: {p} includes {h}" for p, h in ALLOWED if problem(p, h) is not None]
    with tempfile.TemporaryDirectory() as root:
        os.makedirs(os.path.join(root, "common"))
        with open(os.path.join(root, "common", "bad.h"), "w", encoding="utf-8") as out:
            out.write("#pragma once\n  #  include <fstream>\n")
        if check(root) != ["common/bad.h:2: pure code may not see an effect: fstream"]:
            wrong.append(f"a seeded file gave {check(root)}")
    return wrong


def main(args):
    if args == ["--self-test"]:
        found = self_test()
    elif len(args) == 1:
        found = check(args[0])
    else:
        print(__doc__, file=sys.stderr)
        return 2
    print("\n".join(found) if found else "ok")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
