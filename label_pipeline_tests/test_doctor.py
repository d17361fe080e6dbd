"""The doctor: each finding from the real cause, and that looking changes nothing."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from datetime import date
from pathlib import Path

import dagster as dg
import pytest

from label_pipeline import doctor_privacy
from label_pipeline import lake as lakes
from label_pipeline.cli import BAD_INPUT, OK, main
from label_pipeline.commands.home import DAGSTER_YAML
from label_pipeline.contracts.tables import KPIS, LOGINS
from label_pipeline.doctor import examine
from label_pipeline.doctor_finding import Finding
from label_pipeline.folders import DataFolder
from label_pipeline.lake import Lake
from label_pipeline.locks import alone
from label_pipeline.privacy.identity_map import remember
from label_pipeline.privacy.persons import Persons
from label_pipeline_tests.orchestration.test_running import begin

PROJECT = """\
project: p
start: 2026-10-01
labels: {classes: [a, b]}
sources: {s: {format: csv, item: i, annotator: a, label: l}}
people: {roster: people.csv}
"""


@pytest.fixture
def sound(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> DataFolder:
    """A data folder in which a night could run."""
    monkeypatch.setenv("LABEL_PIPELINE_KEY_FILE", str(tmp_path / "pseudonym.key"))
    monkeypatch.delenv("LABEL_PIPELINE_KEY", raising=False)
    (tmp_path / "pseudonym.key").write_text("0123456789abcdef0123")
    (tmp_path / "pseudonym.key").chmod(0o600)
    monkeypatch.delenv("DAGSTER_HOME", raising=False)
    folder = DataFolder(tmp_path / "data")
    for path, text in {
        folder.project_file("p"): PROJECT,
        folder.project("p") / "people.csv": "source,identity,group,role\ns,ann,crowd,annotator\n",
        folder.dagster / "dagster.yaml": DAGSTER_YAML,
    }.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder


def worse(folder: DataFolder) -> list[Finding]:
    """What is not ok, whatever this machine's Python is told of bytecode."""
    found = examine(folder, folder.dagster)
    return [f for f in found if f.level != "ok" and "bytecode" not in f.words]


def test_a_sound_folder_has_no_finding(sound: DataFolder) -> None:
    """Guards against a doctor that cries wolf."""
    assert worse(sound) == []
    abouts = [f.about for f in examine(sound, sound.dagster)]
    assert {"python", "packages", "pseudonym key", "data folder", "disk", "dagster", "project p"} <= set(abouts)


def test_the_command(sound: DataFolder, capsys: pytest.CaptureFixture[str]) -> None:
    """Guards against an exit code that lets a deployment go on that no night can run in."""
    call = ["doctor", "--json", "--data", str(sound.root)]
    assert main(call) == OK
    sound.project_file("p").write_text("project: p\nstart: soon\n")
    capsys.readouterr()
    assert main(call) == BAD_INPUT
    bad = [f for line in capsys.readouterr().out.splitlines() if (f := json.loads(line))["level"] == "bad"]
    assert [f["about"] for f in bad] == ["project p"]
    assert "project.yaml:2" in bad[0]["words"]


@pytest.mark.parametrize(
    ("file", "text", "about", "words"),
    [
        ("projects/p/people.csv", "source,identity,group,role\nt,ann,crowd,annotator\n", "project p", "unknown source"),
        ("dagster/dagster.yaml", "telemetry: {enabled: false}\n", "dagster", "default_limit"),
        ("dagster/dagster.yaml", "no: such setting\n", "dagster", "cannot be opened"),
        ("audit/p.jsonl", "{}\n", "project p", "p.jsonl:1"),
        ("../pseudonym.key", "short", "pseudonym key", "shorter"),
        ("lake/t/project=p/day=2026-10-01/.tmp-x.parquet", "", "leftovers", "1 files"),
    ],
)
def test_what_is_wrong_is_told(sound: DataFolder, file: str, text: str, about: str, words: str) -> None:
    """Guards against faults that only the next night would show."""
    path = sound.root / file
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    found = worse(sound)
    assert {f.about for f in found} == {about}
    assert any(words in f.words for f in found)
    assert all(f.do or "Restore" in f.words or about in ("project p", "pseudonym key") for f in found)


def test_a_key_that_others_read(sound: DataFolder) -> None:
    """Guards against pseudonyms that anybody on the machine can undo."""
    (sound.root.parent / "pseudonym.key").chmod(0o644)
    assert [f.about for f in worse(sound)] == ["pseudonym key"]


@pytest.mark.skipif(os.getuid() == 0, reason="nothing is closed to the administrator")
def test_a_folder_that_may_not_be_written(sound: DataFolder) -> None:
    """Guards against a night that fails at its first write."""
    sound.project("p").parent.chmod(0o500)
    assert [f.about for f in worse(sound)] == ["data folder"]
    sound.project("p").parent.chmod(0o700)


def test_little_room_to_sort_in(sound: DataFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    """Loss: a night of an hour ends at the first table too large for memory, on a disk nobody thought of."""
    real, place = shutil.disk_usage, tempfile.gettempdir()
    full = real(place)._replace(free=1_000_000)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: full if str(path) == place else real(path))
    (found,) = worse(sound)
    assert (found.level, found.about) == ("warn", "disk")
    assert f"0.0 GB free in {place}" in found.words
    assert "TMPDIR" in found.do


def test_a_run_whose_process_is_gone(sound: DataFolder) -> None:
    """Guards against a killed run that nobody knows of, and against a doctor that ends runs itself."""
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    with dg.DagsterInstance.from_config(str(sound.dagster)) as instance:
        run_id = begin(instance, ended.pid)
        (found,) = worse(sound)
        assert "1 runs whose process is gone" in found.words
        run = instance.get_run_by_id(run_id)
        assert run is not None
        assert not run.is_finished


def test_who_writes_and_who_was_killed(sound: DataFolder) -> None:
    """Guards against a lock that somebody deletes by hand while its holder lives, or looks for in vain when it died."""
    with alone(sound, "p", "a night"):
        words = [f.words for f in examine(sound, sound.dagster) if f.about == "project p"]
        assert any(w.startswith(f"is being written by a night, process {os.getpid()} on ") for w in words)
        assert worse(sound) == []
        left = sound.lock("p").read_text()
    assert worse(sound) == []
    sound.lock("p").write_text(left)
    [found] = worse(sound)
    assert "ended before its end" in found.words


def test_a_lake_of_other_code(sound: DataFolder) -> None:
    """Guards against an upgrade that recomputes everything, or a downgrade that stops, and nobody was told before."""
    lake = Lake(sound, "p")
    lake.write(KPIS, date(2026, 10, 1), KPIS.empty())
    assert worse(sound) == []
    place = lake.path(KPIS, date(2026, 10, 1)).parents[1] / lakes.COLUMNS
    place.write_text(json.dumps({"columns": "0" * 16, "format": lakes.FORMAT}))
    assert [(f.level, "kpis in the lake have other columns" in f.words) for f in worse(sound)] == [("warn", True)]
    place.write_text(json.dumps({"columns": "0" * 16, "format": lakes.FORMAT + 1}))
    assert [(f.level, "newer label-pipeline" in f.words) for f in worse(sound)] == [("bad", True)]


def test_a_lake_without_its_key(sound: DataFolder) -> None:
    """Guards against a doctor that takes a lost key for a first night, and a night that makes another."""
    Lake(sound, "p").write(LOGINS, date(2026, 10, 1), {"login": ["a"], "annotator_id": ["a"], "key": ["0" * 8]})
    (key_at := sound.root.parent / "pseudonym.key").unlink()
    assert {f.about for f in worse(sound) if f.level == "bad"} == {"pseudonym key", "project p"}
    assert not key_at.exists()


def test_a_lake_of_another_key(sound: DataFolder) -> None:
    """Guards against a wrong key that only the night finds."""
    Lake(sound, "p").write(LOGINS, date(2026, 10, 1), {"login": ["a"], "annotator_id": ["a"], "key": ["0" * 8]})
    (found,) = worse(sound)
    assert (found.level, found.about) == ("bad", "project p")
    assert "has pseudonyms of key 00000000" in found.words


def test_what_every_account_may_read(sound: DataFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    """Guards against roles that are only on paper: everybody on the machine reads landing, or another role's mart."""
    for path in (sound.landing("p"), sound.published("p"), sound.roles / "training"):
        path.mkdir(parents=True)
    (sound.roles / "training").chmod(0o755)
    for path in (sound.root, sound.projects, sound.landing("p").parent, sound.dagster):
        path.chmod(0o750)
    monkeypatch.setattr(doctor_privacy, "_open_to_all", lambda p: bool(p.stat().st_mode & 0o005))  # of pytest's folder
    (found,) = worse(sound)
    assert (found.level, found.about) == ("warn", "permissions")
    assert found.do.startswith("Run there: chmod o-rwx roles/training. ")


def test_a_closed_folder_above_is_enough(tmp_path: Path) -> None:
    """Guards against warnings about what nobody can reach."""
    (tmp_path / "above" / "below").mkdir(parents=True)
    assert not doctor_privacy._open_to_all(tmp_path / "above" / "below")  # pytest's own folders are closed
    assert doctor_privacy._open_to_all(Path("/tmp").resolve())


@pytest.mark.parametrize("mode", [0o600, 0o644])
def test_the_map(sound: DataFolder, monkeypatch: pytest.MonkeyPatch, mode: int) -> None:
    """Guards against a map that others read, or that is copied with the data it undoes."""
    monkeypatch.setenv("LABEL_PIPELINE_MAP", str(sound.root / "map"))
    remember("p", date(2026, 10, 1), "0" * 8, [Persons(b"s" * 32).met("s", "ann")])
    (sound.root / "map" / "people.sqlite").chmod(mode)
    found = {(f.level, f.about) for f in worse(sound)}
    assert found == {("warn", "re-identification map")} | (
        {("bad", "re-identification map")} if mode == 0o644 else set()
    )
