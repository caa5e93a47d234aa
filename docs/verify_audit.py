#!/usr/bin/env python3
"""Checks an export of Muster's audit log, or the proof of one entry, with the log's key alone.

    verify_audit.py FOLDER|FILE.tlog-proof KEY [--print]

KEY is NAME+HASH+KEY, or a file of such lines: have it confirmed by somebody else than those whom
you audit. Heads that you took from devices go into FOLDER/witness/ as NAME.checkpoint. Written from
RFC 8032 (Ed25519), RFC 6962 (the tree), and c2sp.org's signed-note, tlog-tiles and tlog-proof."""
import base64, hashlib, json, os, re, sys

P, ORDER = 2**255 - 19, 2**252 + 27742317777372353535851937790883648493
D, ROOT = -121665 * pow(121666, -1, P) % P, pow(2, (P - 1) // 4, P)
NAMES = ("sequence at actor_id actor_upn signed_in_by from verb object before after reason "
         "reason_code ticket transaction_id outcome roles time_source subjects query").split()

def need(holds, why):
    if not holds:
        raise ValueError(why)

def sha256(data):
    return hashlib.sha256(data).digest()

def read_file(path):
    with open(path, "rb") as file:
        return file.read()

def unbase64(text):
    raw = base64.b64decode(text, validate=True)
    need(base64.b64encode(raw).decode() == text, "base64 that is not in its one form")
    return raw

# Ed25519. A point is (x, y).
def add(a, b):
    k = D * a[0] * b[0] * a[1] * b[1] % P
    return ((a[0] * b[1] + a[1] * b[0]) * pow(1 + k, -1, P) % P,
            (a[1] * b[1] + a[0] * b[0]) * pow(1 - k, -1, P) % P)

def times(n, point):
    rest = times(n // 2, add(point, point)) if n else (0, 1)
    return add(rest, point) if n % 2 else rest

def point(raw):
    sign, y = divmod(int.from_bytes(raw, "little"), 2**255)
    square = (y * y - 1) * pow(D * y * y + 1, -1, P) % P
    x = pow(square, (P + 3) // 8, P)
    x = x if x * x % P == square else x * ROOT % P
    need(y < P and x * x % P == square and (x or not sign), "a signature or key that is no point")
    return (x if x % 2 == sign else P - x, y)

def fits(signature, text, key):
    s = int.from_bytes(signature[32:], "little")
    h = int.from_bytes(hashlib.sha512(signature[:32] + key + text).digest(), "little")
    base = point((4 * pow(5, -1, P) % P).to_bytes(32, "little"))
    return len(signature) == 64 and s < ORDER and \
        times(s, base) == add(point(signature[:32]), times(h % ORDER, point(key)))

# Signed notes: what KEY says, and (size, root) of a head that it signed.
def read_keys(text):
    keys = {}
    for line in (read_file(text).decode() if os.path.isfile(text) else text).split():
        need(line.count("+") > 1, "KEY is not NAME+HASH+KEY")
        name, digest, key = line.split("+", 2)
        key, full = unbase64(key), sha256(name.encode() + b"\n" + unbase64(key))
        need(len(key) == 33 and key[0] == 1, "KEY is not an Ed25519 key")
        need(full[:4].hex() == digest, "KEY and its hash do not fit")
        keys[name, full[:4]] = key[1:]
    return keys

def open_head(note, keys):
    text, _, lines = note.decode().rpartition("\n\n")
    whole = re.fullmatch("(— [^\\s+]+ \\S+\n)+", lines)
    need(whole and not re.search("[\0-\x09\x0b-\x1f]", text), "a head that is no signed note")
    origin, size, root = (text.split("\n") + ["", ""])[:3]
    signed = False
    for name, signature in re.findall("— (.*) (.*)\n", lines):
        raw = unbase64(signature)
        if (name, raw[:4]) in keys:
            need(fits(raw[4:], text.encode() + b"\n", keys[name, raw[:4]]),
                 "a signature that does not fit its head")
            signed = signed or name == origin
    need(signed, "a head that KEY did not sign as its own log's")
    need(re.fullmatch("0|[1-9][0-9]*", size) and len(unbase64(root)) == 32, "a head without a tree")
    return int(size), unbase64(root)

# Entries: protobuf messages of numbers and bytes.
def varint(data, at):
    value = shift = 0
    while True:
        value, shift, at = value | (data[at] & 127) << shift, shift + 7, at + 1
        if data[at - 1] < 128:
            return value, at

def fields(data):
    out, at = {}, 0
    while at < len(data):
        tag, at = varint(data, at)
        value, at = varint(data, at)
        need(tag % 8 in (0, 2), "an entry that cannot be read")
        if tag % 8 == 2:
            value, at = data[at:at + value], at + value
            need(at <= len(data), "an entry that is cut off")
        out.setdefault(tag // 8, []).append(value)
    return out

def number_of(entry):
    return varint(entry, 1)[0] if entry[:1] == b"\x08" else 0  # its first field, left out if 0

def as_json(entry):
    out = {"sequence": 0}
    for field, values in sorted(fields(entry).items()):
        if field == 2:  # its seconds since 1970
            values = fields(values[-1]).get(1, [0])
        values = [v.decode(errors="replace") if isinstance(v, bytes) else v for v in values]
        name = NAMES[field - 1] if field <= len(NAMES) else "field_%d" % field
        out[name] = values if name in ("roles", "subjects") else values[-1]
    return json.dumps(out, ensure_ascii=False)

def entries_of(bundle):
    at = 0
    while at < len(bundle):
        begin, at = at + 2, at + 2 + int.from_bytes(bundle[at:at + 2], "big")
        need(at <= len(bundle), "a bundle of entries that is cut off")
        yield bundle[begin:at]

# The tree. Hashes stand one after another, 32 bytes each.
def root_of(hashes):
    row, sha = [hashes[i:i + 32] for i in range(0, len(hashes), 32)], hashlib.sha256
    while len(row) > 1:
        last = row[-1:] if len(row) % 2 else []
        row = [sha(b"\1" + a + b).digest() for a, b in zip(row[::2], row[1::2])] + last
    return row[0] if row else sha256(b"")

def climb(leaf, index, size, path):
    need((size > 1) == bool(path), "a proof with a hash too many or too few")
    if size == 1:
        return leaf
    half, side = 1 << (size - 1).bit_length() - 1, path[-1]
    if index < half:
        return sha256(b"\1" + climb(leaf, index, half, path[:-1]) + side)
    return sha256(b"\1" + side + climb(leaf, index - half, size - half, path[:-1]))

def check_proof(data, keys):
    lines, _, note = data.partition(b"\n\n")
    form = r"c2sp\.org/tlog-proof@v1\nextra (\S+)\nindex (0|[1-9][0-9]*)((?:\n\S{43}=)*)"
    found = re.fullmatch(form, lines.decode())
    need(found, "not a proof of an entry")
    entry, index, path = unbase64(found[1]), int(found[2]), list(map(unbase64, found[3].split()))
    size, root = open_head(note, keys)
    need(index < size and number_of(entry) == index, "an entry that is not at its place")
    need(climb(sha256(b"\0" + entry), index, size, path) == root,
         "an entry that the signed head does not lead to")
    return entry, note

# The folder, as tlog-tiles has it: path, first and end of each file.
def pieces(kind, count):
    for begin in range(0, count, 256):
        end, number = min(begin + 256, count), begin // 256
        name = "%03d" % (number % 1000)
        while number := number // 1000:
            name = "x%03d/%s" % (number % 1000, name)
        part = ".p/%d" % (end - begin) if end - begin < 256 else ""
        yield "tile/%s/%s%s" % (kind, name, part), begin, end

def check_folder(folder, keys, show):
    found = {os.path.relpath(os.path.join(d, f), folder)
             for d, _, files in os.walk(folder) for f in files}
    expected, rows, gone, pruned = {"README.txt"}, [], {}, 0

    def read(path):
        need(path in found, path + " is missing")
        expected.add(path)
        return read_file(os.path.join(folder, path))

    size, root = open_head(read("checkpoint"), keys)
    for (path, begin, end), (tile, _, _) in zip(pieces("entries", size), pieces(0, size)):
        if path not in found:  # its hashes stay where they are
            gone[path] = end
            rows.append(read(tile))
            continue
        entries = list(entries_of(read(path)))
        need(len(entries) == end - begin, path + " has not as many entries as it should")
        rows.append(b"".join([hashlib.sha256(b"\0" + entry).digest() for entry in entries]))
        for place, entry in enumerate(entries, begin):
            need(number_of(entry) == place, "entry %d says that it is another" % place)
            said = fields(entry) if b"audit.prune" in entry else {}
            if said.get(7) == [b"audit.prune"] and said.get(15) == [b"ok"]:
                pruned = max(pruned, int(json.loads(said[10][0])["pruned_below"]))
    for path, end in gone.items():
        need(end <= pruned, path + " is missing, and no entry says that it was pruned")
    tree = [b"".join(rows)]  # by level
    need(len(tree[0]) == 32 * size, "the hashes of pruned entries are not as many as those")
    while tree[-1]:
        above = []
        for path, begin, end in pieces(len(tree) - 1, len(tree[-1]) // 32):
            need(read(path) == tree[-1][32 * begin:32 * end], path + " does not fit the entries")
            above += [root_of(tree[-1][32 * begin:32 * end])] * (end - begin == 256)
        tree.append(b"".join(above))

    def root_at(count):
        rest = b""
        for row in tree:
            part = row[32 * (count - count % 256):32 * count] + rest
            count, rest = count // 256, root_of(part) if part else b""
        return rest or sha256(b"")

    need(root_at(size) == root, "the entries do not lead to the signed head")
    heads = {}  # many devices saw the same one
    for path in sorted(found - expected):
        if re.fullmatch(r"witness/[^/]+\.(checkpoint|refused)", path):
            heads.setdefault(read(path), path)
        elif re.fullmatch(r"proofs/[^/]+\.tlog-proof", path):
            heads.setdefault(check_proof(read(path), keys)[1], path)
    for head, path in heads.items():
        count, seen = open_head(head, keys)
        need(count <= size, "older than what %s has seen: %d entries, not %d" % (path, size, count))
        need(root_at(count) == seen, path + " has seen another log")
    need(found <= expected, "".join(sorted(found - expected)[:1]) + " is not part of an export")
    for path, _, _ in pieces("entries", size) if show else ():
        for entry in entries_of(read(path)) if path in found else ():
            print(as_json(entry))
    return "%d entries, and %d other heads of the same log" % (size, len(heads))

def main(path, key, show=None):
    keys = read_keys(key)
    if os.path.isdir(path):
        return check_folder(path, keys, show)
    entry, note = check_proof(read_file(path), keys)
    print(as_json(entry))
    return "the entry is in the log of %d entries that KEY signed" % open_head(note, keys)[0]

if __name__ == "__main__":
    if len(sys.argv) not in (3, 4) or sys.argv[3:] not in ([], ["--print"]):
        sys.exit(__doc__)
    sys.stdout.reconfigure(encoding="utf-8")
    try:
        print("OK: " + main(*sys.argv[1:]), file=sys.stderr if sys.argv[3:] else sys.stdout)
    except (ArithmeticError, LookupError, OSError, RecursionError, TypeError, ValueError) as error:
        sys.exit("NOT PROVEN: %s" % error)
