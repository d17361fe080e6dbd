"""One sample of every registered format, as the tests of its adapter write it, and seeded damage to it.

Here stands what lands; what must hold whatever lands is in `test_mutations`.
"""

from __future__ import annotations

import io
import json
import random
import stat
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from label_pipeline_tests.sources import (
    test_appen,
    test_argilla,
    test_cvat,
    test_doccano,
    test_ground_truth,
    test_label_studio,
    test_label_studio_csv,
    test_label_studio_min,
    test_labelbox,
    test_mturk,
    test_prodigy,
    test_toloka,
)

ROWS = [
    {"item_id": f"i{k}", "annotator_id": f"w{k % 2}", "label": "ab"[k % 2], "t": "2026-10-05T09:00:00+02:00", "d": k}
    for k in range(4)
]
MAPPED = "annotated_at: t, duration_s: d"
HOSTILE = [
    '=HYPERLINK("http://127.0.0.1","x")',
    "=cmd|' /C touch canary'!A0",
    "+1+cmd|' /C calc'!A0",
    "{{ cycler.__init__.__globals__.os.system('touch canary') }}",
    "{% include '/etc/passwd' %}",
    "${jndi:ldap://127.0.0.1/x}",
    "$(touch canary)",
    "__import__('os').system('touch canary')",
    "!!python/object/apply:os.system ['touch canary']",
    "<script>open('canary','w')</script>",
    "'; COPY (SELECT 1) TO 'canary'; --",
    "../../canary",
    "/canary",
    "\x00",
    "\ufeff",
    "\u202e\u2028",
    "\r\n",
    '"',
    "nan",
    "-0",
    "1e999",
    str(2**64),
    str(-(10**40)),
    "2016-12-31T23:59:60Z",
    "0001-01-01",
    "9999-12-31T23:59:59-18:00",
    "x" * 70_000,
]
VALUES: list[Any] = [
    None,
    True,
    0,
    -1,
    2**63,
    10**40,
    1.5,
    float("nan"),
    float("-inf"),
    "",
    [],
    {},
    [None],
    {"": {}},
    [[]],
]


@dataclass(frozen=True)
class Sample:
    """A file as it lands: its format, the other settings of its source (YAML), its name and content."""

    format: str
    settings: str
    name: str
    content: bytes


def samples() -> list[Sample]:
    """At least one of every format, in all of its shapes."""
    made = [
        Sample("csv", f"{{format: csv, {MAPPED}}}", "a.csv", as_csv(ROWS)),
        Sample("csv", f"{{format: csv, encoding: utf-16, {MAPPED}}}", "b.csv", as_csv(ROWS).decode().encode("utf-16")),
        Sample("jsonl", f"{{format: jsonl, {MAPPED}}}", "a.jsonl", as_lines(ROWS)),
        Sample("parquet", f"{{format: parquet, {MAPPED}}}", "a.parquet", as_parquet(ROWS)),
        Sample("predictions", "{format: predictions}", "a.csv", b"item_id,a,b\ni1,0.25,0.75\ni2,1,0\n"),
        Sample("predictions", "{format: predictions}", "a.jsonl", b'{"item_id":"i1","a":0.25,"b":0.75}\n'),
        Sample("items", "{format: items}", "a.csv", b"item_id,text\ni1,one\n,two\n"),
        Sample("items", "{format: items}", "a.jsonl", b'{"item_id":"i1","text":"one"}\n{"text":"two"}\n'),
    ]

    def add(settings: str, name: str, content: str | bytes | list[Any]) -> None:
        if isinstance(content, list):
            content = json.dumps(content)
        written = content if isinstance(content, bytes) else content.encode()
        made.append(Sample(settings.split(",")[0].removeprefix("format: "), f"{{{settings}}}", name, written))

    mturk = test_mturk.batch("Input.id1,Input.id2,Answer.tone1,Answer.tone2", "1905,1906.0,a,b", "7,,b,")
    add(test_mturk.MANY, "a.csv", mturk)
    studio, tiny, table = test_label_studio, test_label_studio_min, test_label_studio_csv
    tasks = [studio.task(k, studio.annotation(k), studio.annotation(k + 10, studio.chosen("b"))) for k in (1, 2)]
    add(studio.SOURCE, "a.json", tasks)
    add(studio.SOURCE + ", mode: snapshot", "b.json", tasks)
    add(tiny.SOURCE, "a.json", [tiny.row(1), tiny.row(2, tone={"choices": ["a", "b"]})])
    add(table.SOURCE, "a.csv", table.table(table.row(1), table.row(2)))
    argilla = test_argilla
    add(argilla.SOURCE, "a.json", [argilla.flat(1, ("a", "u1", "submitted"), ("b", "u2", "discarded"))])
    add(argilla.SOURCE, "b.json", [argilla.nested(1, ("a", "u1")), argilla.nested(2)])
    add(argilla.SOURCE, "c.json", json.dumps({"items": [argilla.rest(1, argilla.response("a", "u1"))], "total": 1}))
    add(test_prodigy.SOURCE, "a.jsonl", test_prodigy.lines(test_prodigy.choice(1, "a"), test_prodigy.task(2)))
    examples = test_doccano.lines(test_doccano.example(1, "a"), test_doccano.example(2, [0, 3, "b"]))
    add(test_doccano.SOURCE, "all.jsonl", examples)
    add(test_doccano.SOURCE, "a.zip", test_doccano.packed({"jane.jsonl": examples, "bob.jsonl": examples}))
    add(test_doccano.SOURCE, "b.zip", hostile_zip(examples))
    add(test_cvat.SOURCE, "a.xml", test_cvat.job(test_cvat.TAG, test_cvat.BOX))
    add(test_ground_truth.MANIFEST, "a.manifest", test_ground_truth.lines(*map(test_ground_truth.line, (1, 2))))
    add(test_ground_truth.RESPONSES, "a.json", json.dumps({"answers": [test_ground_truth.answer("w1")]}))
    labels = [test_labelbox.label(k) for k in (1, 2)]
    add(test_labelbox.SOURCE, "a.ndjson", test_labelbox.ndjson(test_labelbox.row(1, *labels), test_labelbox.row(2)))
    tasks_of = [test_toloka.line("i1", "a"), test_toloka.line("i2", "b", golden="b")]
    add(test_toloka.SOURCE, "a.tsv", test_toloka.tsv(*tasks_of))
    add(test_appen.SOURCE, "a.csv", test_appen.report({}, {"_golden": "true"}))
    return made


def as_csv(rows: list[dict[str, Any]]) -> bytes:
    lines = [",".join(rows[0]), *(",".join(map(str, row.values())) for row in rows)]
    return ("\n".join(lines) + "\n").encode()


def as_lines(rows: list[dict[str, Any]]) -> bytes:
    return "".join(json.dumps(row) + "\n" for row in rows).encode()


def as_parquet(rows: list[dict[str, Any]]) -> bytes:
    content = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(rows), content)
    return content.getvalue()


def hostile_zip(text: str) -> bytes:
    """Entries that would land elsewhere if anybody unpacked them."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for name in (
            "../canary",
            "/canary",
            "..\\canary.jsonl",
            "a/../../canary.jsonl",
            "jane.jsonl",
            "C:\\canary.jsonl",
        ):
            archive.writestr(name, text)
        link = zipfile.ZipInfo("link.jsonl")
        link.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(link, "/etc/passwd")
    return content.getvalue()


# -- damage ----------------------------------------------------------------------------------------------------------


def mutated(sample: Sample, rng: random.Random) -> bytes:
    """The content with one to three pieces of damage."""
    content = sample.content
    for _ in range(rng.randint(1, 3)):
        content = rng.choice(DAMAGE)(content, rng)
    return content


def _flip(content: bytes, rng: random.Random) -> bytes:
    changed = bytearray(content or b"x")
    for _ in range(rng.randint(1, 4)):
        changed[rng.randrange(len(changed))] = rng.choice([rng.randrange(256), 0, 0xFF, 0x22, 0x2C, 0x0A, 0x0D, 0x7B])
    return bytes(changed)


def _cut(content: bytes, rng: random.Random) -> bytes:
    start, end = sorted(rng.randrange(len(content) + 1) for _ in range(2))
    return content[:start] if rng.random() < 0.4 else content[:start] + content[end:]


def _repeat(content: bytes, rng: random.Random) -> bytes:
    start, end = sorted(rng.randrange(len(content) + 1) for _ in range(2))
    return content[:end] + content[start:end] + content[end:]


def _insert(content: bytes, rng: random.Random) -> bytes:
    start = rng.randrange(len(content) + 1)
    return content[:start] + rng.choice(HOSTILE).encode() + content[start:]


def _recode(content: bytes, rng: random.Random) -> bytes:
    text = content.decode("utf-8", "replace")
    ways: list[Callable[[str], bytes]] = [
        lambda t: t.encode("utf-16"),
        lambda t: t.encode("utf-8-sig"),
        lambda t: t.encode("latin-1", "replace"),
        lambda t: t.replace("\n", "\r\n").encode(),
        lambda t: t.replace("\n", "\r").encode(),
        lambda t: t.replace(",", rng.choice(";\t|")).encode(),
    ]
    return rng.choice(ways)(text)


def _cell(content: bytes, rng: random.Random) -> bytes:
    """Another value in one place of JSON, of each line of it, or of a table."""
    text = content.decode("utf-8", "replace")
    try:
        return json.dumps(_within(json.loads(text), rng)).encode()
    except (ValueError, RecursionError):
        pass
    lines = text.splitlines(keepends=True) or [""]
    k = rng.randrange(len(lines))
    try:
        lines[k] = json.dumps(_within(json.loads(lines[k]), rng)) + "\n"
    except (ValueError, RecursionError):
        sign = "\t" if "\t" in lines[k] else ","
        cells = lines[k].split(sign)
        cells[rng.randrange(len(cells))] = rng.choice(HOSTILE)
        lines[k] = sign.join(cells)
    return "".join(lines).encode("utf-8", "replace")


def _within(value: Any, rng: random.Random) -> Any:
    """The value with something in it replaced, left out, doubled or wrapped."""
    if isinstance(value, dict) and value and rng.random() < 0.85:
        key = rng.choice(sorted(value))
        changed = {k: v for k, v in value.items() if k != key or rng.random() < 0.85}
        return changed | ({key: _within(value[key], rng)} if key in changed else {rng.choice(HOSTILE): value[key]})
    if isinstance(value, list) and value and rng.random() < 0.85:
        k = rng.randrange(len(value))
        return [*value[:k], *([_within(value[k], rng)] * rng.randrange(3)), *value[k + 1 :]]
    deep: Any = value
    for _ in range(rng.choice([1, 1, 150])):
        deep = [deep]
    return rng.choice([rng.choice(VALUES), rng.choice(VALUES), rng.choice(HOSTILE), deep, {"id": value}, str(value)])


DAMAGE = (_flip, _flip, _cut, _repeat, _insert, _recode, _cell, _cell, _cell)
