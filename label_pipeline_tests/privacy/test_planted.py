"""Planted people: files of every format full of names, addresses and machines, whole and broken, and one night of them.

Then every byte that is left outside landing, the project's own files and the map is looked through, decoded: lake,
marts, versions, reports, logs, Dagster's storage, and what commands print.
"""

from __future__ import annotations

import contextlib
import csv
import io
import json
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, get_args

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from label_pipeline.cli import main
from label_pipeline.contracts.tables import ANNOTATION_EVENTS, LANDINGS, QUARANTINE
from label_pipeline.folders import DataFolder
from label_pipeline.lake import Lake
from label_pipeline.privacy.identity_map import Known, known
from label_pipeline.project_sources import SourceFormat
from label_pipeline.publish.manifest import latest
from label_pipeline_tests.orchestration.runs import D1, D2, put, write
from label_pipeline_tests.privacy.planted import ANA, BEN, CYD, FORMATS, Someone
from label_pipeline_tests.privacy.scan import traces

PEOPLE = (ANA, BEN, CYD)
MORE = {
    "full_name": "Quenya Plantedson",
    "Email": "quenya.plantedson@example.net",
    "ip_address": "203.0.113.77",
    "city": "Plantedville",
    "user_agent": "Mozilla/5.0 (Plantedbrowser 77.1)",
}
"""What tools tell of whoever answered, beside the identity."""
WORDS = sorted({*MORE.values(), *(w for who in PEOPLE for w in (who.identity, *who.more)), "Plantedson", "plantedson"})
XML = """<annotations><version>1.1</version><meta><job><id>{3}</id><assignee><username>{0}</username>
<email>{1}</email></assignee><labels><label><name>a</name></label></labels></job></meta>
{2}</annotations>"""


def told_more(content: bytes, name: str) -> bytes:
    """The file with more about people: further columns of a table, further keys of every object that names one."""
    if name.endswith(".parquet"):
        table = pq.read_table(io.BytesIO(content))
        for key, value in MORE.items():
            column = pa.array([value] * len(table))
            table = (
                table.set_column(table.column_names.index(key), key, column)
                if key in table.column_names
                else (table.append_column(key, column))
            )
        out = io.BytesIO()
        pq.write_table(table, out)
        return out.getvalue()
    if name.endswith(".zip"):
        return content
    encoding = "utf-16" if content[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8"
    text = content.decode(encoding)
    if name.endswith((".csv", ".tsv")):
        delimiter = "\t" if name.endswith(".tsv") else ","
        (header, *rows), out = list(csv.reader(io.StringIO(text), delimiter=delimiter)), io.StringIO()
        extra = [f"Worker {key}" for key in MORE]
        csv.writer(out, delimiter=delimiter).writerows([[*header, *extra], *([*row, *MORE.values()] for row in rows)])
        return out.getvalue().encode(encoding)

    def told(value: Any) -> Any:
        if isinstance(value, list):
            return [told(each) for each in value]
        if isinstance(value, dict):
            more = {k: v for k, v in MORE.items() if k not in value}
            named = any(
                who.identity in str(v) for who in PEOPLE for v in value.values() if not isinstance(v, list | dict)
            )
            return {k: told(v) for k, v in value.items()} | (more if named else {})
        return value

    with contextlib.suppress(ValueError):
        return json.dumps(told(json.loads(text))).encode()
    return "".join(json.dumps(told(json.loads(line))) + "\n" for line in text.splitlines()).encode()


def broken(content: bytes, name: str) -> list[bytes]:
    """The same damaged: cut off, with a sign that is no text, and with a quote that never ends."""
    cut = content[: len(content) * 3 // 5]
    if name.endswith((".parquet", ".zip")):
        return [cut, content[:40] + b"\0\0\0\0" + content[44:]]
    return [cut, cut + b"\xff\xfe\xfa" + content[-20:], content.replace(b'"', b"", 1) + b'\n"' + content[-200:]]


def xml(people: Sequence[Someone], items: Sequence[str]) -> list[bytes]:
    images = "".join(
        f'<image id="{k}" name="{item}"><tag label="a" source="manual"></tag></image>' for k, item in enumerate(items)
    )
    return [XML.format(who.identity, who.more[0], images, k).encode() for k, who in enumerate(people)]


@dataclass(frozen=True)
class Nights:
    """What two nights left: the folder, and all that was printed."""

    folder: DataFolder
    said: str
    codes: dict[str, int]
    met: list[Known]


def project() -> str:
    sources = "".join(f"  {source}: {{{form.settings}}}\n" for source, form in named().items())
    return (
        "project: p\nstart: 2026-10-05\nlabels: {classes: [a, b]}\nitems: {fields: [text]}\n"
        "people: {roster: people.csv}\ngold: {seeds: seeds.csv}\nquarantine: {limit: 1.0}\n"
        "publish: {missing_class: warn, max_quarantined: 1.0}\n"
        f"sources:\n{sources}  cvat-xml: {{format: cvat}}\n  plain: {{format: csv}}\n"
        "  listed: {format: items}\n  model: {format: predictions}\n"
    )


def named() -> dict[str, Any]:
    return {name.replace(" ", "-"): form for name, form in FORMATS.items()}


@pytest.fixture(scope="module")
def nights(tmp_path_factory: pytest.TempPathFactory) -> Nights:
    """Two nights: one with a whole file of every format, one with each of them broken in every way."""
    place = tmp_path_factory.mktemp("planted")
    folder = DataFolder(place / "data")
    write(folder.project_file("p"), project())
    roster = "source,identity,group,role,person\n"
    roster += "".join(f"csv,{who.identity},house,annotator,{who.more[0]}\n" for who in PEOPLE)
    for source, form in named().items():
        content = told_more(form.content(PEOPLE, [f"{source}-item-00{n}" for n in (1, 2, 3)]), form.name)
        landed = folder.landing("p", D1) / source / form.name
        landed.parent.mkdir(parents=True)
        landed.write_bytes(content)
        for n, bytes_ in enumerate(broken(content, form.name)):
            (folder.landing("p", D2) / source).mkdir(parents=True, exist_ok=True)
            (folder.landing("p", D2) / source / f"broken-{n}-{form.name}").write_bytes(bytes_)
    for k, content in enumerate(xml(PEOPLE, ["xml-item-001", "xml-item-002"])):
        put(folder, D1, f"job{k}.xml", content.decode(), project="p", source="cvat-xml")
        put(folder, D2, f"broken{k}.xml", content.decode()[:-40], project="p", source="cvat-xml")
    rows = [f"plain-{k},{who.identity},{'ab'[k % 2]},{MORE['ip_address']}" for k in range(8) for who in PEOPLE]
    rows += [f"plain-9,{ANA.identity},no such class,x", f"plain-9,{MORE['Email']},,x", f",{BEN.identity},a,x"]
    put(folder, D1, "x.csv", "item_id,annotator_id,label,ip\n" + "\n".join(rows) + "\n", project="p", source="plain")
    listed = [{"item_id": "plain-1", "text": "a text", "author": MORE["full_name"]}]
    put(folder, D1, "x.jsonl", "".join(json.dumps(r) + "\n" for r in listed), project="p", source="listed")
    predicted = "item_id,a,b,user\n" + "".join(f"plain-{k},0.6,0.4,{MORE['Email']}\n" for k in range(8))
    put(folder, D1, "x.csv", predicted, project="p", source="model")
    put(folder, D2, "x.csv", predicted.replace("0.6", MORE["Email"]), project="p", source="model")
    seeds = "item_id,label,role\n" + "".join(
        f"plain-{k},{'ab'[k % 2]},{('evaluation', 'check')[k // 4]}\n" for k in range(8)
    )
    write(folder.project("p") / "seeds.csv", seeds)
    out = io.StringIO()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DAGSTER_HOME", "")
        patch.setenv("LABEL_PIPELINE_MAP", str(place / "map"))
        patch.setenv("LABEL_PIPELINE_DATA", str(folder.root))
        patch.setattr("sys.stdout", out)
        patch.setattr("sys.stderr", out)
        codes = {}
        for k, row in enumerate((f"{MORE['Email']},csv,x,annotator", f"csv,annotator,x,{MORE['full_name']}")):
            # Columns that are mixed up: the mistake is told in Dagster's storage too.
            write(folder.project("p") / "people.csv", f"source,identity,group,role\n{row}\n")
            codes[f"mixed up {k}"] = main(["nightly", "--project", "p", "--day", "2026-10-05"])
        write(folder.project("p") / "people.csv", roster)
        for command in (
            "nightly --project p --day 2026-10-05",
            "nightly --project p --day 2026-10-06",
            "status",
            "kpis p",
            "quarantine p --limit 1000",
            "quarantine p --by file",
            "batch p",
            "doctor",
            "audit p",
            "prune p --dry-run",
            "check p",
            "guidelines p",
        ):
            codes[command] = main(command.split())
        met = known("p")
    return Nights(folder, out.getvalue(), codes, met)


pytestmark = pytest.mark.slow(seconds=60)


def test_everybody_was_there(nights: Nights) -> None:
    """Loss: a scan that finds nobody because nobody came in."""
    lake = Lake(nights.folder, "p")
    formats = {form.format for form in named().values()} | {"items", "predictions"}
    assert formats == set(get_args(SourceFormat))
    assert nights.codes["nightly --project p --day 2026-10-05"] == 0, nights.said
    events = lake.read(ANNOTATION_EVENTS, D1)
    assert [nights.codes[f"mixed up {k}"] for k in (0, 1)] == [2, 2]
    assert {*named(), "cvat-xml", "plain"} == {*events["source"].to_pylist(), "cvat"}  # reports hold no classes
    assert len(events) > 150
    assert {who.identity for who in PEOPLE} <= {k.met.identity for k in nights.met}
    assert Counter(lake.read(QUARANTINE, D1)["landed_file"].to_pylist()) == {"plain/x.csv": 3, "cvat/reports.json": 9}
    assert len([p for p in lake.read(LANDINGS, D2)["problem"].to_pylist() if p]) > 20
    assert latest(nights.folder.published("p")) is not None


def test_nobody_is_left_anywhere(nights: Nights) -> None:
    """Loss: a name in a table, a log, a report or an error message is a name for whoever reads that."""
    root = nights.folder.root
    assert len(WORDS) > 15
    assert traces(root, WORDS, but=[root / "landing", root / "projects"]) == []
    assert [word for word in WORDS if word in nights.said] == []
    assert {word for _, word in traces(root / "landing" / "p" / str(D1), WORDS)} == set(WORDS)


def test_nobodys_name_is_in_a_column_that_only_looks_harmless(nights: Nights) -> None:
    """Loss: parts of an address, such as its host, stay where the whole is gone."""
    problems = " ".join(filter(None, Lake(nights.folder, "p").read(LANDINGS, D2)["problem"].to_pylist()))
    assert not re.search(r"worker4|example\.(org|net)|10\.20\.30", problems)
