"""One night of a project full of secrets and of names made to break out of SQL, YAML, HTML and paths.

Every secret is planted where people would put it, then looked for, byte by byte, in all that a night leaves behind.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import pytest

from label_pipeline.cli import main
from label_pipeline.folders import DataFolder
from label_pipeline_tests.orchestration.runs import D1, mart, put, write

pytestmark = pytest.mark.slow

KEY = "planted-pseudonym-key-0001"
WEBHOOK = "planted-webhook-path-0002"
PASSWORD = "planted-smtp-password-0003"
TOKEN = "planted-label-studio-token-0004"
PEOPLE = ["planted.ann@example.com", "planted.bob@example.com", "planted.cid@example.com"]
UNREAD = "planted-field-that-is-not-declared-0005"
SECRETS = [KEY, WEBHOOK, PASSWORD, TOKEN, *PEOPLE, UNREAD]

CLASSES = ["cat'; DROP TABLE kpis; --", 'do"g\n</script><script>alert(1)</script>']
SLICE = "we\"ight'); DROP TABLE gates; --"
ITEMS = [f"item '{k:02d}\"; DROP TABLE items; --\n../../../x" for k in range(16)]
PROJECT = f"""\
project: pets
description: "'); DROP TABLE kpis; -- <script>alert(1)</script>"
start: 2026-10-05
schedule: {{timezone: Europe/Berlin}}
labels: {{classes: {json.dumps(CLASSES)}}}
items: {{fields: [{json.dumps(SLICE)}], slices: [{json.dumps(SLICE)}]}}
sources: {{crowd: {{format: csv, annotated_at: at}}}}
people: {{roster: people.csv}}
gold: {{seeds: gold/*.csv}}
consensus: {{accept_at: 0.6}}
alerts: {{webhook_env: PLANTED_WEBHOOK, email: [lead@example.com]}}
"""


@dataclass(frozen=True)
class Night:
    """What a night left behind: its folder, what it said, and its exit code."""

    folder: DataFolder
    said: str
    code: int


def table(header: list[str], rows: list[list[str]]) -> str:
    text = io.StringIO()
    csv.writer(text).writerows([header, *rows])
    return text.getvalue()


@pytest.fixture(scope="module")
def night(tmp_path_factory: pytest.TempPathFactory) -> Night:
    folder = DataFolder(tmp_path_factory.mktemp('it\'s; a "folder" --') / "data")
    truth = {item: CLASSES[k % 2] for k, item in enumerate(ITEMS)}
    write(folder.project_file("pets"), PROJECT)
    write(
        folder.project("pets") / "gold" / "seeds.csv", table(["item_id", "label"], [[i, truth[i]] for i in ITEMS[:6]])
    )
    people = [["crowd", who, "crowd", "annotator"] for who in PEOPLE]
    write(folder.project("pets") / "people.csv", table(["source", "identity", "group", "role"], people))
    rows = [
        [item, who, truth[item], f"{D1}T10:{k:02d}:00", "'; DROP TABLE kpis; --" if k % 2 else 'x"y', UNREAD]
        for k, item in enumerate(ITEMS)
        for who in PEOPLE
    ]
    rows.append([ITEMS[0], PEOPLE[0], "no such class '); --", f"{D1}T11:00:00", "", UNREAD])
    put(folder, D1, 'it\'s; "a" file.csv', table(["item_id", "annotator_id", "label", "at", SLICE, "phone"], rows))
    with pytest.MonkeyPatch.context() as environment, pytest.MonkeyPatch.context() as streams:
        environment.setenv("DAGSTER_HOME", "")
        environment.setenv("LABEL_PIPELINE_KEY", KEY)
        environment.setenv("PLANTED_WEBHOOK", f"http://127.0.0.1:9/{WEBHOOK}")  # where nobody listens
        environment.setenv("LABEL_STUDIO_TOKEN", TOKEN)
        for name, value in {"HOST": "127.0.0.1", "PORT": "9", "SECURITY": "none", "PASSWORD": PASSWORD}.items():
            environment.setenv(f"LABEL_PIPELINE_SMTP_{name}", value)
        environment.setenv("LABEL_PIPELINE_SMTP_FROM", "pipeline@example.com")
        out, err = io.StringIO(), io.StringIO()
        streams.setattr("sys.stdout", out)
        streams.setattr("sys.stderr", err)
        code = main(["nightly", "--project", "pets", "--data", str(folder.root), "--day", str(D1)])
    return Night(folder, out.getvalue() + err.getvalue(), code)


def left_behind(folder: DataFolder) -> Iterator[Path]:
    """All files but people's own: landing and project files."""
    for path in folder.root.rglob("*"):
        if path.is_file() and path.relative_to(folder.root).parts[0] not in ("landing", "projects"):
            yield path


def test_no_secret_is_left_anywhere(night: Night) -> None:
    """Loss: a key in a log, or an address in a report, is a key and an address of everybody who reads logs and reports.

    Lake, mart, versions, reports, audit log, Dagster's storage with all metadata and captured logs, and the screen.
    """
    assert night.code == 0, night.said
    seen = 0
    for path in left_behind(night.folder):
        content, seen = path.read_bytes(), seen + 1
        for secret in SECRETS:
            assert secret.encode() not in content, (secret, path)
    assert seen > 50
    assert [secret for secret in SECRETS if secret in night.said] == []
    # Parquet and DuckDB compress what they hold: their rows are read as people would read them.
    import duckdb

    for path in night.folder.lake.rglob("*.parquet"):
        rows = repr(duckdb.execute("SELECT * FROM read_parquet(?)", [str(path)]).fetchall())
        assert [secret for secret in SECRETS if secret in rows] == [], path
    held = repr(mart(night.folder.mart("pets")))
    assert [secret for secret in SECRETS if secret in held] == []


def test_names_are_names_and_nothing_else(night: Night) -> None:
    """Loss: a class, an item or a folder called like SQL that runs as SQL, or breaks the night of everybody else."""
    assert night.code == 0, night.said
    tables = mart(night.folder.mart("pets"))
    assert {"kpis", "gates", "consensus_labels"} <= set(tables)
    consensus = {row[1]: row[2] for row in tables["consensus_labels"]}
    assert consensus == {item: CLASSES[k % 2] for k, item in enumerate(ITEMS)}
    [quarantined] = tables["quarantine"]
    assert "label_unknown" in quarantined
    members = {row[3] for row in tables["kpis"]}
    assert set(CLASSES) <= members


def test_the_report_runs_nobody_elses_script(night: Night) -> None:
    """Loss: a class name that is a script in the browser of everybody who opens the report."""
    report = night.folder.report("pets", date(2026, 10, 5)).read_text()
    assert "<script>alert(1)" not in report
    assert re.search(r"&lt;script&gt;alert\(1\)", report)
    assert "default-src 'none'" in report
