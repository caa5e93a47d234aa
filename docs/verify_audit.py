#!/usr/bin/env python3
"""Checks an export of Muster's audit log, or the proof of one entry, with the log's key alone.

    verify_audit.py FOLDER|FILE.tlog-proof KEY [--print]

KEY is NAME+HASH+KEY, or a file of such lines; have it confirmed by somebody else than
those whom you audit. Heads that you took from devices yourself go into FOLDER/witness/ as
NAME.checkpoint. It uses nothing of Muster's: RFC 8032 (Ed25519), RFC 6962 (the tree), and of
c2sp.org signed-note, tlog-checkpoint, tlog-tiles and tlog-proof."""
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

def unbase64(text):
    raw = base64.b64decode(text, validate=True)
    need(base64.b64encode(raw).decode() == text, "base64 that is not in its one form")
    return raw

# --- Ed25519. A point is (x, y). ---
def add(a, b):
    k = D * a[0] * b[0] * a[1] * b[1] % P
    return ((a[0] * b[1] + a[1] * b[0]) * pow(1 + k, -1, P) % P,
            (a[1] * b[1] + a[0] * b[0]) * pow(1 - k, -1, P) % P)

def times(n, point):
    out = (0, 1)
    for bit in bin(n)[2:]:
        out = add(out, out)
        out = add(out, point) if bit == "1" else out
    return out

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

# --- Signed notes: what KEY says, and (size, root) of a head that it signed. ---
def read_keys(text):
    keys = {}
    for line in (open(text, encoding="utf-8").read() if os.path.isfile(text) else text).split():
        need(line.count("+") > 1, "KEY is not NAME+HASH+KEY")
        name, digest, key = line.split("+", 2)
        key = unbase64(key)
        need(len(key) == 33 and key[0] == 1, "KEY is not an Ed25519 key")
        need(sha256(name.encode() + b"\n" + key)[:4].hex() == digest, "KEY and its hash do not fit")
        keys[name, bytes.fromhex(digest)] = key[1:]
    return keys

def open_head(note, keys):
    text, gap, lines = note.decode().rpartition("\n\n")
    need(gap and lines[-1:] == "\n" and not re.search("[\0-\x09\x0b-\x1f]", text + lines),
         "a head that is no signed note")
    text, names = text + "\n", set()
    for line in lines[:-1].split("\n"):
        found = re.fullmatch(r"— ([^\s+]+) (\S+)", line)
        need(found, "a head with a line that is no signature")
        signature = unbase64(found[2])
        key = keys.get((found[1], signature[:4]))
        if key:
            need(fits(signature[4:], text.encode(), key), "a signature that does not fit its head")
            names.add(found[1])
    origin, size, root = (text.split("\n") + ["", ""])[:3]
    need(origin in names, "a head that KEY did not sign as its own log's")
    need(re.fullmatch("0|[1-9][0-9]*", size) and len(unbase64(root)) == 32, "a head without a tree")
    return int(size), unbase64(root)

# --- The tree. ---
def node(left, right):
    return sha256(b"\1" + left + right)

def root_of(hashes):
    while len(hashes) > 1:
        last = hashes[-1:] if len(hashes) % 2 else []
        hashes = [node(*pair) for pair in zip(hashes[::2], hashes[1::2])] + last
    return hashes[0] if hashes else sha256(b"")

def check_proof(data, keys):
    lines, _, note = data.partition(b"\n\n")
    form = r"c2sp\.org/tlog-proof@v1\nextra (\S+)\nindex (0|[1-9][0-9]*)((?:\n\S+)*)"
    found = re.fullmatch(form, lines.decode())
    need(found, "not a proof of an entry")
    entry, index = unbase64(found[1]), int(found[2])

    def climb(index, size, path):
        if size == 1:
            need(not path, "a proof with a hash too many")
            return sha256(b"\0" + entry)
        half = 1 << (size - 1).bit_length() - 1
        need(path and len(path[-1]) == 32, "a proof that lacks a hash")
        if index < half:
            return node(climb(index, half, path[:-1]), path[-1])
        return node(path[-1], climb(index - half, size - half, path[:-1]))

    size, root = open_head(note, keys)
    need(index < size and number_of(entry) == index, "an entry that is not at its place")
    path = [unbase64(line) for line in found[3].split()]
    need(climb(index, size, path) == root, "an entry that the signed head does not lead to")
    return entry, note

# --- Entries: protobuf messages of numbers and bytes. ---
def fields(data):
    out, at = {}, 0

    def varint():
        nonlocal at
        value = shift = 0
        while True:
            need(at < len(data), "an entry that is cut off")
            value, shift, at = value | (data[at] & 127) << shift, shift + 7, at + 1
            if data[at - 1] < 128:
                return value

    while at < len(data):
        tag, value = varint(), varint()
        need(tag % 8 in (0, 2), "an entry that cannot be read")
        if tag % 8 == 2:
            need(at + value <= len(data), "an entry that is cut off")
            at, value = at + value, data[at:at + value]
        out.setdefault(tag // 8, []).append(value)
    return out

def number_of(entry):
    return fields(entry).get(1, [0])[-1]

def as_json(entry):
    out = {"sequence": 0}
    for field, values in sorted(fields(entry).items()):
        if field == 2:  # its seconds since 1970
            values = fields(values[-1]).get(1, [0])
        values = [v.decode(errors="replace") if isinstance(v, bytes) else v for v in values]
        name = NAMES[field - 1] if field <= len(NAMES) else "field_%d" % field
        out[name] = values if name in ("roles", "subjects") else values[-1]
    return json.dumps(out, ensure_ascii=False)

# --- The folder, as tlog-tiles has it. ---
def pieces(kind, hashes):
    for begin in range(0, len(hashes), 256):
        piece, name = hashes[begin:begin + 256], "%03d" % (begin // 256 % 1000)
        left = begin // 256000
        while left:
            left, name = left // 1000, "x%03d/%s" % (left % 1000, name)
        yield "tile/%s/%s%s" % (kind, name, ".p/%d" % len(piece) if len(piece) < 256 else ""), piece

def entries_of(bundle):
    while bundle:
        end = 2 + int.from_bytes(bundle[:2], "big")
        need(end <= len(bundle), "a bundle of entries that is cut off")
        yield bundle[2:end]
        bundle = bundle[end:]

def check_folder(folder, keys, show):
    found = {os.path.relpath(os.path.join(d, f), folder)
             for d, _, files in os.walk(folder) for f in files}
    leaves, gone, pruned, expected = [], [], 0, {"README.txt"}

    def read(path):
        need(path in found, path + " is missing")
        expected.add(path)
        with open(os.path.join(folder, path), "rb") as file:
            return file.read()

    size, root = open_head(read("checkpoint"), keys)
    for (path, places), (tile, _) in zip(pieces("entries", range(size)), pieces(0, range(size))):
        if path not in found:  # its hashes stay where they are
            gone.append((path, places[-1]))
            data = read(tile)
            leaves += [data[i:i + 32] for i in range(0, len(data), 32)]
            continue
        bundle = list(entries_of(read(path)))
        need(len(bundle) == len(places), path + " has not as many entries as it should")
        for place, entry in zip(places, bundle):
            need(number_of(entry) == place, "entry %d says that it is another" % place)
            leaves.append(sha256(b"\0" + entry))
            said = fields(entry)
            if said.get(7) == [b"audit.prune"] and said.get(15) == [b"ok"]:
                pruned = max(pruned, int(json.loads(said[10][0])["pruned_below"]))
    for path, last in gone:
        need(last < pruned, path + " is missing, and no entry says that it was pruned")
    tree = [leaves]  # by level
    while tree[-1]:
        above = []
        for path, hashes in pieces(len(tree) - 1, tree[-1]):
            need(read(path) == b"".join(hashes), path + " does not fit the entries")
            above += [root_of(hashes)] if len(hashes) == 256 else []
        tree.append(above)

    def root_at(count):
        rest = []
        for hashes in tree:
            part = hashes[count - count % 256:count] + rest
            count, rest = count // 256, [root_of(part)] if part else []
        return root_of(rest)

    need(len(leaves) == size, "the hashes of pruned entries are not as many as those")
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
    for path, _ in pieces("entries", range(size)) if show else ():
        for entry in entries_of(read(path)) if path in found else ():
            print(as_json(entry))
    return "%d entries, and %d other heads of the same log" % (size, len(heads))

def main(path, key, show=None):
    keys = read_keys(key)
    if os.path.isdir(path):
        return check_folder(path, keys, show)
    with open(path, "rb") as file:
        entry, note = check_proof(file.read(), keys)
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
