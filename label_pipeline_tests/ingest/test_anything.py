"""Whatever lands: the account holds, and no exception comes out but a problem of the file."""

from __future__ import annotations

import csv
import io
import json
import tempfile
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from label_pipeline.errors import UserError
from label_pipeline.ingest.read import Read, read_file
from label_pipeline.landing import LandedFile
from label_pipeline.sources import ADAPTERS
from label_pipeline.sql import connect
from label_pipeline_tests.ingest.house import House, keeps_contracts, rows

SOURCES = "".join(
    f"  {name}: {{format: {kind}, item: i, annotator: w, label: l, annotated_at: t, started_at: s, duration_s: d, "
    f"status: st, annotation_id: k, mode: {mode}}}\n"
    for name, kind, mode in (("c", "csv", "increment"), ("j", "jsonl", "snapshot"))
)
COLUMNS = ("i", "w", "l", "t", "s", "d", "st", "k")
TEXTS = st.one_of(
    st.text(st.characters(max_codepoint=0x17F), max_size=6),
    st.sampled_from(
        ["", " ", "a", "B", "nan", "None", "1905.0", "-1", "1e999", "\n", '"', ",", "'", "\u00a0", "\0", "\ufeff", "🙂"]
    ),
    st.sampled_from(
        ["2026-10-05", "2026-10-05T25:00", "Mon Mar 27 06:51:23 PDT 2017", "1791154800", "0001-01-01", "inf"]
    ),
    st.sampled_from(["submitted", "Rejected", "skipped", "deleted"]),
)
VALUES = st.one_of(TEXTS, st.none(), st.integers(), st.floats(), st.booleans(), st.lists(TEXTS, max_size=2))
TABLES = st.lists(st.fixed_dictionaries({}, optional=dict.fromkeys(COLUMNS, VALUES)), max_size=12)


def as_csv(table: list[dict[str, Any]]) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\n", quoting=csv.QUOTE_ALL)
    writer.writeheader()
    for row in table:
        writer.writerow({k: v if isinstance(v, str) else json.dumps(v) for k, v in row.items() if v is not None})
    return text.getvalue()


@settings(deadline=None, max_examples=10, suppress_health_check=[HealthCheck.too_slow])
@given(TABLES, TABLES)
@example([{"i": "1", "w": "x", "l": "a"}], [{"i": "1", "w": "x", "l": "a", "k": None, "t": float("nan")}])
def test_any_table_is_accounted_for(first: list[dict[str, Any]], second: list[dict[str, Any]]) -> None:
    """Loss: a row that is neither accepted nor quarantined nor a duplicate is gone, and nobody knows."""
    with tempfile.TemporaryDirectory() as folder:
        house = House(Path(folder), SOURCES, more="items: {fields: [i, t, d], arrived_at: t, ids: integer}")
        house.put("c/a.csv", as_csv(first))
        house.put("j/a.jsonl", [{"i": 0, "w": 0, "l": 0, "t": "", "s": 0, "d": 0, "st": 0, "k": ""}, *second])
        night = house.ingest()
        keeps_contracts(night, house.project)
        landed = dict(rows(night.landings, "landed_file", "landed"))
        assert landed["c/a.csv"] in (len(first), 1)  # one, where the file holds what no text holds
        assert landed["j/a.jsonl"] == len(second) + 1


@settings(deadline=None, max_examples=40)
@given(
    st.binary(max_size=200),
    st.sampled_from(
        [b"", b"i,w,l\n", b'{"i":1,"w":2,"l":"a"}\n', b"[{", b"<?xml", b"PK\x03\x04", b"PAR1", b"\xff\xfe"]
    ),
)
def test_any_bytes_are_a_reading_or_a_problem(content: bytes, start: bytes) -> None:
    """Loss: an exception that is no problem of its file stops the whole night of the project."""
    kinds = sorted(ADAPTERS)
    with tempfile.TemporaryDirectory() as folder:
        house = House(
            Path(folder), "".join(f"  s{k}: {{format: {f}, item: i, label: l}}\n" for k, f in enumerate(kinds))
        )
        path = Path(folder) / "x"
        path.write_bytes(start + content)
        for k in range(len(kinds)):
            with connect() as con:
                assert isinstance(read_file(con, house.project, LandedFile(f"s{k}", path, "x")), Read | UserError)
