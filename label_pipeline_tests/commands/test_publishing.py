"""`check`, `diff`, `rollback`, `override`, `training-set`, `prune`: three published nights, by command line."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from label_pipeline import audit
from label_pipeline.cli import main
from label_pipeline.commands import training_set
from label_pipeline.contracts.tables import CONSENSUS_LABELS, TABLES
from label_pipeline.folders import DataFolder
from label_pipeline.lake import Lake
from label_pipeline.locks import alone
from label_pipeline.publish import load_training_set
from label_pipeline.publish.manifest import accepted_versions, latest, read, versions
from label_pipeline_tests.orchestration.runs import D1, D2, D3, D4, ITEMS, answers, pets, put, run


@pytest.fixture(scope="module")
def nights(tmp_path_factory: pytest.TempPathFactory) -> DataFolder:
    """Three nights of `pets`, all published; only to be read."""
    folder = pets(tmp_path_factory.mktemp("nights"))
    assert run(folder, D1, D3).success
    return folder


@pytest.fixture
def published(nights: DataFolder, folder: DataFolder) -> Path:
    """A copy of them in the folder that LABEL_PIPELINE_DATA names; the published folder of `pets`."""
    shutil.copytree(nights.root, folder.root)
    return folder.published("pets")


@pytest.fixture
def say(capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    def run_command(*arguments: str) -> tuple[int, str, str]:
        capsys.readouterr()
        code = main(list(arguments))
        said = capsys.readouterr()
        return code, said.out, said.err

    return run_command


def test_check_answers_with_an_exit_code(published: Path, say: Any) -> None:
    """Loss: a training pipeline that goes on where the labels are not good enough, or takes a typo for a verdict."""
    code, out, _ = say("check", "pets", "--require", "label_accuracy>=0.9, coverage>=0.5")
    assert code == 0
    assert out.startswith(f"yes: {latest(published)}; ")
    assert "warnings of kpi_annotations_per_day_certain" in out
    code, out, _ = say("check", "pets", "--require", "label_accuracy.ci_low>=0.9", "--require", "coverage>=0.5")
    assert code == 1
    assert "label_accuracy.ci_low is 0.510" in out
    assert "asked: >= 0.9" in out
    code, _, err = say("check", "pets", "--require", "label_acuracy>=0.9")
    assert code == 2
    assert "Did you mean 'label_accuracy'?" in err
    assert say("check", "pest")[0] == 2
    assert say("check", "pets", "--version", "2026-10-05")[0] == 0
    code, out, _ = say("check", "pets", "--version", "2026-10-04")
    assert (code, "no version of 2026-10-04 was accepted. Accepted days: 2026-10-05" in out) == (1, True)
    train = next(published.glob(f"{latest(published)}/train.parquet"))
    train.write_bytes(train.read_bytes()[:-1])
    code, out, _ = say("check", "pets")
    assert (code, "train.parquet: the file is not the one that was published" in out) == (1, True)


def test_check_as_json_says_the_same(published: Path, say: Any) -> None:
    """Loss: a pipeline that has to read prose; or gets no JSON in just the case it should act on."""
    code, out, _ = say("check", "pets", "--json")
    told = json.loads(out)
    assert (code, told["ok"], told["code"], told["version"]) == (0, True, 0, latest(published))
    assert told["figures"]["rows.train"] == read(published / told["version"])["counts"]["by_split"]["train"]
    code, out, _ = say("check", "pets", "--json", "--require", "label_accuracy.ci_low>=0.9")
    told = json.loads(out)
    assert (code, told["ok"], told["code"], len(told["unmet"])) == (1, False, 1, 1)
    code, out, _ = say("check", "pets", "--json", "--require", "accuracy")
    told = json.loads(out)
    assert (code, told["code"]) == (2, 2)
    assert "cannot be read" in told["why"]


def test_diff_by_item_and_in_sum(published: Path, say: Any) -> None:
    """Loss: a model that got worse, and nobody can say which labels changed."""
    code, out, _ = say("diff", "pets", "2026-10-05", "latest", "--limit", "2")
    assert code == 0
    first, last = accepted_versions(published)[D1], latest(published)
    assert out.splitlines()[0] == f"{first} -> {last}"
    assert "  added              16" in out
    assert "... and 14 more" in out
    code, out, _ = say("diff", "pets", first, str(last), "--json")
    told = json.loads(out)
    before, after = (load_training_set("pets", v) for v in (first, str(last)))
    known = {i for split in before.splits for i in before.arrow(split)["item_id"].to_pylist()}
    now = {i for split in after.splits for i in after.arrow(split)["item_id"].to_pylist()}
    assert {r["item_id"] for r in told["items"] if r["change"] == "added"} == now - known
    assert told["counts"]["same"] + sum(r["change"] != "added" for r in told["items"]) == len(known)
    code, _, err = say("diff", "pets", "latest", "2026-10-05-00000000")
    assert (code, "is not there" in err) == (2, True)


@pytest.mark.slow
def test_rollback_holds_until_it_is_released(published: Path, folder: DataFolder, say: Any) -> None:
    """Loss: bad labels taken back by a person at noon are published again by the next night."""
    first, second, third = accepted_versions(published).values()
    assert say("rollback", "pets", "--reason", "spam", "--by", "ann")[0] == 0
    assert latest(published) == second
    code, out, _ = say("rollback", "pets", "--to", first, "--reason", "older spam", "--by", "ann")
    assert (code, latest(published)) == (0, first)
    assert "it stays here until" in out
    put(folder, D4, "answers.csv", answers(ITEMS[24:32], D4))
    assert main(["nightly", "--project", "pets", "--day", str(D4)]) == 0
    assert D4 in accepted_versions(published)
    assert latest(published) == first
    assert load_training_set("pets").version == first
    code, out, _ = say("rollback", "pets", "--release", "--reason", "cleaned", "--by", "ann")
    assert (code, latest(published)) == (0, accepted_versions(published)[D4])
    acts = [entry.act for entry in audit.entries(folder, "pets") if entry.act.action in ("rollback", "release")]
    assert [(a.actor, a.action, a.reason, a.before, a.after) for a in acts] == [
        ("ann", "rollback", "spam", third, second),
        ("ann", "rollback", "older spam", second, first),
        ("ann", "release", "cleaned", first, accepted_versions(published)[D4]),
    ]
    assert say("rollback", "pets", "--to", "2026-10-05-12345678", "--reason", "x")[0] == 2
    assert say("rollback", "pets", "--to", str(latest(published)), "--reason", "x")[0] == 2
    assert say("rollback", "pets", "--release", "--reason", "x")[0] == 2


def test_a_version_is_taken_back_while_a_night_runs(published: Path, folder: DataFolder, say: Any) -> None:
    """Loss: a bad version is trained on until a night of hours is over."""
    before = latest(published)
    with alone(folder, "pets", "a night"):
        assert say("rollback", "pets", "--reason", "wrong labels")[0] == 0
    assert before != latest(published)
    assert say("rollback", "pets", "--release", "--reason", "mended")[0] == 0


def test_a_proof_of_a_lake_that_changes_is_none(
    published: Path, folder: DataFolder, say: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Loss: half a day as it was and half as a night made it anew, told as another set than was published."""
    partition = Lake(folder, "pets").path(CONSENSUS_LABELS, D1)
    real = training_set._run

    def beside_a_night(*arguments: Any, **options: Any) -> None:
        real(*arguments, **options)
        again = partition.with_name("again.parquet")
        shutil.copy(partition, again)
        again.replace(partition)

    monkeypatch.setattr(training_set, "_run", beside_a_night)
    before = sorted(published.iterdir())
    code, _, err = say("training-set", "pets", "--as-of", str(D2))
    assert code == 2
    assert "the lake changed while it was read" in err
    assert sorted(published.iterdir()) == before


@pytest.mark.slow
def test_an_override_publishes_with_its_reason(published: Path, folder: DataFolder, say: Any) -> None:
    """Loss: a set that passed on somebody's word, and whose it was is nowhere; or one word lets everything pass."""
    before = latest(published)
    put(folder, D4, "answers.csv", answers(ITEMS[:4], D4, wrong=ITEMS[:4]))
    night = ["nightly", "--project", "pets", "--day", str(D4)]
    assert main(night) == 1
    code, _, err = say("override", "pets", "--day", str(D4), "--gate", "coverage", "--reason", "x")
    assert (code, "stops nothing: it holds. Failed: kpi_label_accuracy." in err) == (2, True)
    assert say("override", "pets", "--day", str(D4), "--gate", "coverag", "--reason", "x")[0] == 2
    order = (
        "override",
        "pets",
        "--day",
        str(D4),
        "--gate",
        "kpi_label_accuracy",
        "--reason",
        "known: old rule",
        "--by",
        "ann",
    )
    code, out, _ = say(*order)
    assert code == 0
    assert f"label-pipeline nightly --project pets --day {D4}" in out
    assert latest(published) == before
    assert main(night) == 0
    version = latest(published)
    assert version is not None
    assert version.startswith(str(D4))
    gate = next(g for g in read(published / version)["gates"] if g["name"] == "kpi_label_accuracy")
    assert (gate["passed"], gate["overridden"]) == (False, "ann: known: old rule")
    assert "overridden by ann: known: old rule" in (published / version / "README.md").read_text()
    act = next(e.act for e in audit.entries(folder, "pets") if e.act.action == "override")
    assert (act.actor, act.subject, act.reason) == ("ann", f"{D4} kpi_label_accuracy", "known: old rule")
    assert "overridden kpi_label_accuracy" in say("check", "pets")[1]
    assert say("check", "pets", "--require", "gates_overridden==0")[0] == 1
    # What was overridden was what was seen: with other labels the gate stops again.
    put(folder, D4, "more.csv", answers(ITEMS[8:12], D4, who="d"))
    put(folder, D4, "answers.csv", answers(ITEMS[:3], D4, wrong=ITEMS[:3]))
    assert main(night) == 1


@pytest.mark.slow
def test_a_day_is_made_again_to_the_same_bytes(published: Path, folder: DataFolder, tmp_path: Path, say: Any) -> None:
    """Loss: 'as of' a day that nobody can get again is a word; or one that differs is passed off as the same."""
    noted = accepted_versions(published)[D2]
    shutil.rmtree(published / noted)
    code, out, _ = say("training-set", "pets", "--as-of", str(D2))
    assert (code, out.splitlines()[1]) == (0, f"{D2}: the same as was published, byte for byte.")
    assert load_training_set("pets", noted).version == noted
    # From landing alone, elsewhere, and where policy has taken the day's state away.
    lake = Lake(folder, "pets")
    for name in ("consensus_labels", "splits", "gold_set"):
        lake.forget(TABLES[name], D2)
    for asked in ((), ("--from-landing",)):
        place = tmp_path / f"out{len(asked)}"
        code, out, err = say("training-set", "pets", "--as-of", str(D2), "--into", str(place), *asked)
        assert (code, out.splitlines()[0]) == (0, str(place / noted)), err
    assert say("training-set", "pets", "--as-of", "2026-10-04")[0] == 2
    # A setting that changes no row is told, and is the same set; a file that changes rows is told, and is not.
    project = folder.project_file("pets")
    project.write_text(project.read_text() + "description: pets of the street\n")
    code, out, _ = say("training-set", "pets", "--as-of", str(D1))
    assert (code, "the same rows as in" in out, "description, project_file_sha256" in out) == (0, True, True)
    assert len(versions(published)) == 3
    put(folder, D1, "late.csv", answers(ITEMS[4:8], D1, who="d", wrong=ITEMS[4:8]))
    code, out, _ = say("training-set", "pets", "--as-of", str(D1), "--from-landing")
    assert (code, "other rows than in" in out, "lineage" in out) == (1, True, True)
    assert latest(published) == accepted_versions(published)[D3]


def test_prune_keeps_what_is_in_use(published: Path, folder: DataFolder, say: Any) -> None:
    """Loss: a training job whose version is deleted under it."""
    first, second, third = accepted_versions(published).values()
    project = folder.project_file("pets")
    policy = "publish: {splits: {train: 0.6, validation: 0.4}, keep: 1, jobs: {ranker: FIRST, nightly: latest}}"
    text = project.read_text().replace("publish: {splits: {train: 0.6, validation: 0.4}}", policy)
    project.write_text(text.replace("FIRST", "2026-10-05-00000000"))
    code, _, err = say("prune", "pets")
    assert (code, "job 'ranker' uses version 2026-10-05-00000000, which is not there" in err) == (2, True)
    project.write_text(text.replace("FIRST", first))
    code, out, _ = say("prune", "pets", "--dry-run")
    assert code == 0
    assert "stays: in use by ranker" in out
    assert versions(published) == [first, second, third]
    assert say("prune", "pets")[0] == 0
    assert versions(published) == [first, third]
    assert latest(published) == third
    assert say("check", "pets", "--version", str(D2))[0] == 1
    # What a rollback holds stays too.
    assert say("rollback", "pets", "--reason", "x")[0] == 0
    assert latest(published) == first
