"""Nights of projects whose labels are sets, and numbers: from landed files to training set, mart and report."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from label_pipeline.folders import DataFolder
from label_pipeline.publish.load import load_training_set
from label_pipeline_tests.orchestration.runs import Run, mart, partition, run
from label_pipeline_tests.orchestration.test_definitions import ONLY_NUMBERS
from label_pipeline_tests.orchestration.typed import A_DAY, DAYS, DISPUTED, PEOPLE, lengths, tags, true_length, true_set

Nights = tuple[DataFolder, Run]
DAY = DAYS[1]
ITEMS = range(2 * A_DAY)


@pytest.fixture(scope="module")
def of_sets(tmp_path_factory: pytest.TempPathFactory) -> Nights:
    """Two nights of `tags`."""
    folder = tags(DataFolder(tmp_path_factory.mktemp("tags")))
    return folder, run(folder, DAYS[0], DAY, project="tags")


@pytest.fixture(scope="module")
def of_numbers(tmp_path_factory: pytest.TempPathFactory) -> Nights:
    """Two nights of `lengths`."""
    folder = lengths(DataFolder(tmp_path_factory.mktemp("lengths")))
    return folder, run(folder, DAYS[0], DAY, project="lengths")


def rows(nights: Nights, table: str, project: str, key: str = "item_id") -> dict[str, dict[str, Any]]:
    return {row[key]: row for row in partition(nights[0], table, DAY, project)}


def figures(nights: Nights, project: str) -> dict[str, dict[str, Any]]:
    """The overall KPIs by name, and those of a class by name and class."""
    found = partition(nights[0], "kpis", DAY, project)
    return {" ".join(filter(None, (r["kpi"], r["member"]))): r for r in found if r["dimension"] in ("all", "class")}


@pytest.mark.parametrize("name", ["of_sets", "of_numbers"])
def test_the_whole_night_runs(name: str, request: pytest.FixtureRequest) -> None:
    """Loss: a project of sets that ends at the lake publishes nothing, and nobody is told why."""
    _, night = request.getfixturevalue(name)
    assert night.success, night.failures
    assert not night.failed_checks
    assert {"consensus_labels", "relabel_queue", "gold_set", "training_set", "mart", "report"} <= set(
        night.materialized
    )
    assert (set(night.materialized) >= ONLY_NUMBERS) == (name == "of_numbers")
    assert night.metadata("training_set")["LATEST"].startswith(str(DAY))


def test_sets_and_their_status(of_sets: Nights) -> None:
    """Loss: sets settled as one class of many are all disputed; an adjudicator's set is outvoted."""
    found = rows(of_sets, "consensus_labels", "tags")
    truth = {f"i{k:02d}": "|".join(true_set(k)) for k in ITEMS}
    assert {i: r["label"] for i, r in found.items() if i != f"i{DISPUTED}"} == {
        i: label for i, label in truth.items() if i != f"i{DISPUTED}"
    }
    # By the files: twelve seeds, one decision of the judge on the second day, one item nobody agrees on.
    statuses = [row["status"] for row in found.values()]
    assert {s: statuses.count(s) for s in statuses} == {"gold": 12, "adjudicated": 1, "disputed": 1, "accepted": 10}
    assert found["i12"]["status"] == "adjudicated"
    assert found[f"i{DISPUTED}"]["n_annotations"] == 2  # the model's answer is no person's
    assert {row["n_annotations"] for item, row in found.items() if item != f"i{DISPUTED}"} == {4}
    assert all(len(row["probabilities"]) == 3 for row in found.values())


def test_annotators_of_sets(of_sets: Nights) -> None:
    """Loss: who overlooks a class looks no worse than the others."""
    people = list(rows(of_sets, "annotator_quality", "tags", "annotator_id").values())
    assert len(people) == len(PEOPLE)
    worst = min(people, key=lambda row: row["quality"])
    assert worst["worst_class"] == "bird"
    assert sorted(row["n"] for row in people) == [23, 23, 24, 24]
    assert {row["gold_n"] for row in people} == {7}  # every second seed is a check, and so is what the judge decided
    # dia: of the checks 1, 3, 5, 7, 9, 11 and 12, those that have a bird are 5, 7 and 12.
    assert worst["gold_accuracy"] == pytest.approx(4 / 7)
    assert worst["confusion"] is None


def test_what_is_queued(of_sets: Nights, of_numbers: Nights) -> None:
    """Loss: what nobody agrees on is never asked again, since nothing knows what a set or a number is worth."""
    for nights, name in ((of_sets, "tags"), (of_numbers, "lengths")):
        queue = rows(nights, "relabel_queue", name)
        assert list(queue) == [f"i{DISPUTED}"]
        assert len(queue[f"i{DISPUTED}"]["exclude_annotators"]) == {"tags": 2, "lengths": 4}[name]
    assert " ± 1.5" in rows(of_numbers, "relabel_queue", "lengths")[f"i{DISPUTED}"]["reason"]


def test_figures_of_sets(of_sets: Nights) -> None:
    """Loss: a set that is nearly right counts as wrong as an empty one, and no class has a figure of its own."""
    found = figures(of_sets, "tags")
    assert (found["label_accuracy"]["value"], found["label_accuracy"]["n"]) == (1.0, 6)
    assert found["recall bird"]["value"] == 1.0
    # Items 4 to 7 of each eight have a bird; all but the disputed one are labelled as they are.
    birds = sum("bird" in row["label"].split("|") for row in rows(of_sets, "consensus_labels", "tags").values())
    assert found["class_share bird"]["value"] == pytest.approx(birds / 24)
    assert found["alpha bird"]["value"] < found["alpha cat"]["value"]
    assert not [name for name in found if name.startswith(("mean_absolute_error", "noise", "model_"))]
    assert found["dispute_rate"]["value"] == pytest.approx(1 / 24)


def test_numbers_and_their_intervals(of_numbers: Nights) -> None:
    """Loss: a slip of a digit or a person who measures four too long is in the published number."""
    found, ends = (rows(of_numbers, table, "lengths") for table in ("consensus_labels", "consensus_numbers"))
    for k in ITEMS:
        row = found[f"i{k:02d}"]
        if k == DISPUTED:
            assert row["status"] == "disputed"
            continue
        assert float(row["label"]) == pytest.approx(true_length(k), abs=1.5)
        assert float(row["voted_label"]) == pytest.approx(true_length(k), abs=2.5)
        assert ends[f"i{k:02d}"]["ci_low"] <= float(row["label"]) <= ends[f"i{k:02d}"]["ci_high"]
        assert row["probabilities"] is None
    wide = ends[f"i{DISPUTED}"]["ci_high"] - ends[f"i{DISPUTED}"]["ci_low"]
    assert wide > 3 * np.median([row["ci_high"] - row["ci_low"] for row in ends.values() if row["weight"] < 1])


def test_annotators_of_numbers(of_numbers: Nights) -> None:
    """Loss: who measures four too long every time looks merely noisy, and is never told."""
    people = rows(of_numbers, "annotator_quality", "lengths", "annotator_id").values()
    flagged = [row for row in people if row["flags"]]
    assert [row["flags"] for row in flagged] == [["too_high"]]
    assert flagged[0]["gold_accuracy"] == 0.0
    assert flagged[0]["quality"] < 0.2
    assert sorted(row["quality"] for row in people)[-1] > 0.8


def test_figures_of_numbers(of_numbers: Nights) -> None:
    """Loss: an accuracy of numbers without the project's own tolerance means nothing."""
    found = figures(of_numbers, "lengths")
    assert found["label_accuracy"]["value"] == 1.0
    assert found["mean_absolute_error"]["status"] in ("met", "unsure")
    assert found["mean_absolute_error"]["value"] < 1.0
    other = ("raw_agreement", "recall", "class_share", "label_drift", "noise", "model_")
    assert not [name for name in found if name.startswith(other)]


def test_training_sets_are_typed(of_sets: Nights, of_numbers: Nights) -> None:
    """Loss: a training job that gets 'cat|dog' as a class of its own, or a number as text."""
    sets = load_training_set("tags", data=of_sets[0].root)
    learn = sets.arrow("train").to_pylist() + sets.arrow("validation").to_pylist()
    assert {r["item_id"]: r["label"] for r in learn} == {
        f"i{k:02d}": true_set(k) for k in ITEMS if (k >= A_DAY or k % 2) and k != DISPUTED
    }
    assert all(len(r["probabilities"]) == 3 and 0 < r["sample_weight"] <= 1 for r in learn)
    assert {r["item_id"] for r in sets.arrow("test").to_pylist()} == {f"i{k:02d}" for k in range(0, A_DAY, 2)}
    numbers = load_training_set("lengths", data=of_numbers[0].root)
    for row in numbers.arrow("train").to_pylist():
        assert row["label"] == pytest.approx(true_length(int(row["item_id"][1:])), abs=1.5)
        assert row["ci_low"] <= row["label"] <= row["ci_high"]
        assert "probabilities" not in row


def test_mart_and_report(of_sets: Nights, of_numbers: Nights) -> None:
    """Loss: a night whose tables are right and whose report cannot be opened."""
    tables = {name: mart(nights[0].mart(name)) for nights, name in ((of_sets, "tags"), (of_numbers, "lengths"))}
    assert len(tables["lengths"]["consensus_numbers"]) == len(ITEMS)
    assert "consensus_numbers" not in tables["tags"]
    assert len(tables["tags"]["consensus_labels"]) == len(ITEMS)
    sets, numbers = (
        nights[0].report(name, DAY).read_text(encoding="utf-8")
        for nights, name in ((of_sets, "tags"), (of_numbers, "lengths"))
    )
    assert "Classes overlooked and imagined" in sets
    assert "Confusion matrix" not in sets + numbers
    assert "annotations are from their item’s label: half of them at most" in numbers
    assert "1 says cat, 1 says dog" in sets
    assert "Numbers have no classes." in numbers
