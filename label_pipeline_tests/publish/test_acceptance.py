import os
import subprocess
import sys
import time
from dataclasses import replace

import pytest

from label_pipeline.publish.acceptance import Policy, gates
from label_pipeline.publish.profile import Profile
from label_pipeline_tests.publish.tables import CLASSES, gold, judged, kpis, table, whole_night

POLICY = Policy(CLASSES, budget=2, min_class_share=0.1, kpis={"label_accuracy": "block", "alpha": "warn"})
GOLD = gold([("i00000", "dog", "evaluation"), ("i00001", "cat", "check")])
MET = kpis(("label_accuracy", "all", "", 0.95, "met"), ("alpha", "all", "", 0.8, "met"))
SEEN = whole_night()[1]


def queue(items=("a", "b", "c"), values=(0.5, 0.5, 0.2), within=(True, True, False)):
    n = len(items)
    return table(
        "relabel_queue", rank=range(1, n + 1), item_id=items, value=values, gain=values, reason=["why"] * n,
        ask_annotators=[[]] * n,
        route=["annotator"] * n, within_budget=within, exclude_annotators=[[]] * n,
    )  # fmt: skip


def with_total(**numbers):
    return Profile(SEEN.totals.assign(**numbers), SEEN.classes)


def results(policy=POLICY, seen=SEEN, settled=GOLD, figures=MET, waiting=None):
    verdict = judged(policy, seen, settled=settled, figures=figures, queue=queue() if waiting is None else waiting)
    return verdict, {result.name: result for result in verdict.results}


def test_a_good_night_is_accepted_by_every_gate():
    """Loss: a gate that always fails teaches people to look away."""
    verdict, by_name = results()
    assert verdict.accepted
    assert [name for name, result in by_name.items() if not result.passed] == []
    assert list(by_name) == [gate.name for gate in gates(POLICY)]


@pytest.mark.parametrize(
    ("gate", "numbers"),
    [
        ("rows", {"learning_rows": 0}),
        ("splits", {"empty_splits": 1}),
        ("coverage", {"coverage": 0.49}),
        ("coverage", {"coverage": float("nan")}),
        ("contract", {"broken_rows": 1}),
        ("probabilities", {"max_sum_error": 0.01}),
        ("split_leak", {"split_leak": 1}),
        ("labels", {"unlabelled_rows": 1}),
        ("items_once", {"repeated_items": 1}),
        ("gold_leak", {"gold_leak": 1}),
        ("gold_truth", {"false_gold": 1}),
        ("count_equation", {"unaccounted": 1}),
        ("quarantine", {"quarantined_share": 0.21}),
    ],
)
def test_each_number_out_of_bounds_blocks(gate, numbers):
    """Loss: a harmful training set published because a gate could not fail, or passed on a missing number."""
    verdict, by_name = results(seen=with_total(**numbers))
    assert not verdict.accepted
    assert [result.name for result in verdict.failed("block")] == [gate]
    assert next(iter(numbers)) in by_name[gate].words


@pytest.mark.parametrize(
    ("gate", "numbers"),
    [
        ("held_back", {"held_back_share": 0.2}),
        ("class_share", {"min_class_share": 0.05}),
        ("issues", {"issue_share": 0.3}),
    ],
)
def test_doubtful_numbers_warn_and_do_not_stop(gate, numbers):
    verdict, _ = results(seen=with_total(**numbers))
    assert verdict.accepted
    assert [result.name for result in verdict.failed("warn")] == [gate]


def test_a_missing_class_blocks_unless_the_project_says_otherwise():
    """Loss: a model that never saw a class and can never answer it."""
    assert not results(seen=with_total(missing_classes=1))[0].accepted
    verdict, _ = results(replace(POLICY, missing_class="warn"), seen=with_total(missing_classes=1))
    assert verdict.accepted
    assert [r.name for r in verdict.failed("warn")] == ["classes"]


def test_a_missed_target_blocks_or_warns_as_the_project_says():
    """Loss: tonight's labels train a model although label accuracy missed its target."""
    missed = kpis(
        ("label_accuracy", "all", "", 0.85, "missed"),
        ("label_accuracy", "class", "dog", 0.7, "missed"),
        ("label_accuracy", "class", "cat", 0.97, "met"),
        ("alpha", "all", "", 0.5, "missed"),
    )
    verdict, by_name = results(figures=missed)
    assert not verdict.accepted
    assert [result.name for result in verdict.failed("block")] == ["kpi_label_accuracy"]
    assert [result.name for result in verdict.failed("warn")] == ["kpi_alpha"]
    words = by_name["kpi_label_accuracy"].words
    assert "0.85 (0.83 to 0.87, n 100), target 0.9, missed" in words
    assert "class dog: 0.7" in words
    assert "cat" not in words


def test_a_target_by_class_is_judged_by_its_classes():
    """Loss: a recall target that only an overall figure, which does not exist, could miss."""
    policy = replace(POLICY, kpis={"recall": "block"})
    figures = [("recall", "class", "cat", 0.95, "met"), ("recall", "class", "dog", 0.5, "missed")]
    verdict, by_name = results(policy, figures=kpis(*figures))
    assert [result.name for result in verdict.failed("block")] == ["kpi_recall"]
    assert "class dog: 0.5" in by_name["kpi_recall"].words
    verdict, by_name = results(policy, figures=kpis(figures[0]))
    assert verdict.accepted
    assert "class cat: 0.95" in by_name["kpi_recall"].observed


@pytest.mark.parametrize("status", ["unsure", "no data"])
def test_a_target_that_was_not_measured_warns(status):
    """Loss: a blocking target that quietly measures nothing."""
    figures = kpis(("label_accuracy", "all", "", None, status), ("alpha", "all", "", 0.8, "met"))
    verdict, by_name = results(figures=figures)
    assert verdict.accepted
    assert [result.name for result in verdict.failed("warn")] == ["kpi_label_accuracy_certain"]
    assert status in by_name["kpi_label_accuracy_certain"].observed


def test_a_target_on_a_kpi_that_was_not_computed_blocks():
    """Loss: a typo in a KPI's name turns its gate off."""
    verdict, by_name = results(figures=kpis(("alpha", "all", "", 0.8, "met")))
    assert not verdict.accepted
    assert by_name["kpis_present"].observed == "without label_accuracy"
    assert not results(figures=MET.slice(0, 0))[0].accepted


def test_gold_that_contradicts_itself_blocks_and_thin_gold_warns():
    """Loss: two truths in force for one item make every accuracy a coin flip."""
    twice = gold([("a", "cat", "check"), ("a", "cat", "check"), ("b", "dog", "check")])
    verdict, by_name = results(settled=twice)
    assert not verdict.accepted
    assert "a" in by_name["gold_one_truth"].observed
    _, by_name = results(
        replace(POLICY, min_gold_per_class=2), settled=gold([("a", "cat", "check"), ("b", "cat", "check")])
    )
    assert by_name["gold_classes"].observed == "without dog"


def test_an_empty_gold_set_and_an_empty_queue_are_no_fault():
    verdict, by_name = results(settled=gold([]), waiting=queue((), (), ()))
    assert verdict.accepted
    assert by_name["gold_classes"].observed == "without cat; dog"


@pytest.mark.parametrize(
    ("gate", "waiting"),
    [
        ("queue_items_once", queue(items=("a", "a", "c"))),
        ("queue_order", queue(values=(0.1, 0.5, 0.2))),
        ("queue_budget", queue(within=(True, True, True))),
    ],
)
def test_a_queue_that_must_not_be_sent_is_named(gate, waiting):
    """Loss: the same work paid twice, or more of it than the budget."""
    verdict, _ = results(waiting=waiting)
    assert [result.name for result in verdict.failed("warn")] == [gate]


def test_a_verdict_is_fast_and_the_same_again():
    """Loss: a backfill that waits for Great Expectations night after night."""
    first, _ = results()
    start = time.process_time()
    again, _ = results()
    assert time.process_time() - start < 1.0
    assert first == again


@pytest.mark.slow
def test_great_expectations_writes_nothing(tmp_path):
    """Loss: files that Great Expectations leaves in a user's home or working folder."""
    code = "from label_pipeline_tests.publish.test_acceptance import results\nassert results()[0].accepted\n"
    here = os.getcwd()
    env = {**os.environ, "HOME": str(tmp_path), "PYTHONPATH": here, "NUMBA_CACHE_DIR": str(tmp_path.parent / "numba")}
    run = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, env=env, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    assert list(tmp_path.rglob("*")) == []
    assert run.stdout == ""
    assert "Calculating Metrics" not in run.stderr
