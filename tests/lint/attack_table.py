#!/usr/bin/env python3
"""Holds the tables of attacks and of bypasses against the tests.

    attack_table.py ROOT          every test that a table names is in the sources, and every case
                                  of the folder that belongs to the table is in it
    attack_table.py --self-test   proves that both can fail

A table is known by its first line, and has a column `test`; a test is `Suite.Name`, or `Suite/case` for a line of a table
of attacks (MUSTER_ATTACKS and other TEST_P), of which a row may name several.
"""
import os
import re
import sys

# Page, first line of its tables, and the sources whose every test they name.
TABLES = [
    ("docs/security-model.md", ["case", "defence", "test"], "tests/attacks/"),
    ("docs/bypasses.md", ["way", "what stops it", "test", "result here"],
     "tests/agent/adapters/linux/bypass_"),
    ("docs/bypasses.md", ["not covered", "why", "test", "result here"], None),
]
PLAIN = re.compile(r"^TEST(?:_F)?\(\s*(\w+),\s*(\w+)\s*\)", re.M)
LISTED = re.compile(r"^constexpr \w+ (k\w+)\[\] = \{$(.*?)^\};$", re.M | re.S)
ENTRY = re.compile(r'^    \{"(\w+)",', re.M)
SUITE = re.compile(r"^MUSTER_ATTACKS\((\w+), (k\w+)\)|"
                   r"^INSTANTIATE_TEST_SUITE_P\(\s*\w*, (\w+),\s*::testing::ValuesIn\((k\w+)\)", re.M)
NAMED = re.compile(r"`([A-Z]\w+[./]\w+)`")


def tests_of(text):
    found = {f"{suite}.{name}" for suite, name in PLAIN.findall(text)}
    tables = {name: ENTRY.findall(body) for name, body in LISTED.findall(text)}
    for a, table_a, b, table_b in SUITE.findall(text):
        found |= {f"{a or b}/{case}" for case in tables.get(table_a or table_b, [])}
    return found


def rows_of(page, head):
    """(line number, tests named in the column `test`) of each row of the tables with this head."""
    out, inside = [], False
    for number, line in enumerate(page.split("\n"), 1):
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
        if cells == head:
            inside = True
        elif not line.startswith("|"):
            inside = False
        elif inside and not set(cells[0]) <= set("-: "):
            out.append((number, NAMED.findall(cells[head.index("test")])))
    return out


def problems(name, page, head, cases, others, sources):
    """`sources`: text by path; `others`: tests that other tables of the page name."""
    by_path = {path: tests_of(text) for path, text in sources.items()}
    known = set().union(*by_path.values())
    rows = rows_of(page, head)
    found = [] if rows else [f"{name}: there is no table `{' | '.join(head)}`"]
    named = set(others)
    for number, tests in rows:
        if not tests:
            found.append(f"{name}:{number}: the row names no test")
        for test in tests:
            named.add(test)
            if test not in known:
                found.append(f"{name}:{number}: there is no test {test}")
    for path, tests in sorted(by_path.items()):
        if cases and path.startswith(cases):
            found += [f"{path}: {test} is not in {name}" for test in sorted(tests - named)]
    return found


def check(root):
    sources = {}
    for folder, _, names in os.walk(os.path.join(root, "tests")):
        for name in names:
            if name.endswith(".cc"):
                full = os.path.join(folder, name)
                with open(full, encoding="utf-8") as source:
                    sources[os.path.relpath(full, root)] = source.read()
    found = []
    for name, head, cases in TABLES:
        with open(os.path.join(root, name), encoding="utf-8") as file:
            page = file.read()
        others = {test for other, its_head, _ in TABLES if other == name and its_head != head
                  for _, tests in rows_of(page, its_head) for test in tests}
        found += problems(name, page, head, cases, others, sources)
    return found


HEAD = "| case | defence | test |\n|---|---|---|\n"
SOURCE = {"tests/attacks/a_test.cc": """
constexpr Case kTable[] = {
    {"one", "OK", nullptr},
    {"two",
     "OK", nullptr},
};
MUSTER_ATTACKS(Suite, kTable);
TEST(Other, Third) {
"""}
SEEDED = [
    (HEAD + "| a | b | `Suite/one` `Suite/two` |\n| c | d | `Other.Third` |\n", 0),
    (HEAD + "| a | b | `Suite/one`, `Other.Third` |\n", 1),                # two is missing
    (HEAD + "| a | b | `Suite/one` `Suite/two` `Suite/three` `Other.Third` |\n", 1),
    (HEAD + "| a | b | `Suite/one` `Suite/two` `Other.Third` |\n| c | d | none |\n", 1),
    ("no table", 4),
]


def self_test():
    return [f"{page!r} gives {got}, expected {want}" for page, want in SEEDED
            if (got := len(problems("page", page, *TABLES[0][1:], set(), SOURCE))) != want]


def main(args):
    if len(args) != 1:
        print(__doc__, file=sys.stderr)
        return 2
    found = self_test() if args == ["--self-test"] else check(args[0])
    print("\n".join(found) if found else "ok")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
