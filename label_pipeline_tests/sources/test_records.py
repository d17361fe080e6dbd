"""Files of JSON records: whatever wraps them, the rows are numbered as they stand there."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from label_pipeline_tests.sources.reader import column, outcome, read

SOURCE = "format: prodigy, item: n"


def records(count: int) -> list[dict[str, object]]:
    return [{"n": k, "answer": "accept", "pad": "x" * (k % 97)} for k in range(1, count + 1)]


@pytest.mark.parametrize("wrapping", ["list", "pages", "lines"])
def test_rows_are_numbered_as_they_stand(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, wrapping: str) -> None:
    """Loss: a quarantined row that is not the one its number says cannot be mended."""
    monkeypatch.setattr("label_pipeline.sources.records.LARGEST_RECORD", 1 << 10)  # many reads of the file
    pages = [{"items": records(5_000)[k : k + 500], "total": 5_000} for k in range(0, 5_000, 500)]
    content = {
        "list": json.dumps(records(5_000)),
        "pages": "\n".join(map(json.dumps, pages)),
        "lines": "\n".join(map(json.dumps, records(5_000))),
    }[wrapping]
    found = read(tmp_path, content, SOURCE).answers
    assert column(found, "landed_row", "item_id") == [(k, str(k)) for k in range(1, 5_001)]


def test_a_record_that_is_far_too_long(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Loss: one runaway field must cost its record, not the list."""
    monkeypatch.setattr("label_pipeline.sources.landed.LONGEST_LINE", 4096)
    content = records(3)
    content[1]["pad"] = "x" * 5000
    found = read(tmp_path, content, SOURCE)
    assert column(found.answers, "landed_row") == [1, 3]
    assert column(found.broken, "landed_row") == [2]


@pytest.mark.parametrize("value", ["NaN", "1e999", "1" * 40, '"\\u0000"', '"' + "é🙂" * 9 + '"', "[[[[[[1]]]]]]"])
def test_values_that_few_programs_write(tmp_path: Path, value: str) -> None:
    """Loss: a list must take what lines take."""
    record = f'{{"n": 1, "answer": "accept", "pad": {value}}}'
    listed, lined = (outcome(tmp_path, text, SOURCE, fields="[pad]") for text in (f"[{record}]", record))
    assert not isinstance(listed, Exception)
    assert not isinstance(lined, Exception)
    assert (listed.answers, listed.items) == (lined.answers, lined.items)
