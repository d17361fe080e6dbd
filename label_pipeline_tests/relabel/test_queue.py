from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from label_pipeline.contracts.tables import CONSENSUS_LABELS, LABEL_ISSUES, RELABEL_QUEUE
from label_pipeline.errors import UserError
from label_pipeline.relabel.queue import relabel_queue, typical_accuracy
from label_pipeline.relabel.route import ConfusedPair, QueuePolicy

CLASSES = ("4", "9", "7")
POLICY = QueuePolicy(budget_annotations=3, min_annotations=2, max_annotations=5, adjudicate_after=4)
NOBODY = pd.DataFrame({"item_id": [], "annotator_id": []}, dtype=object)


def consensus(*rows: tuple[str, str, int, int, list[float] | None]) -> pd.DataFrame:
    """Rows (item, status, annotations, how many give the likeliest class, probabilities)."""
    found = []
    for item, status, n, agreeing, p in rows:
        label = CLASSES[int(np.argmax(p))] if p else None
        found.append(
            {
                "item_id": item,
                "label": label,
                "voted_label": label,
                "probabilities": p,
                "status": status,
                "confidence": max(p) if p else None,
                "agreement": agreeing / n if n else None,
                "n_annotations": n,
                "method": "x",
            }
        )
    columns = {name: [row.get(name) for row in found] for name in CONSENSUS_LABELS.names}
    return CONSENSUS_LABELS.conform(columns).to_pandas()


def issues(*rows: tuple[Any, ...]) -> pd.DataFrame:
    frame = pd.DataFrame(rows, columns=LABEL_ISSUES.names[:6])  # without near duplicates and outliers
    return LABEL_ISSUES.conform(frame.reindex(columns=LABEL_ISSUES.names)).to_pandas()


MIXED = consensus(
    ("alone", "open", 1, 1, [0.8, 0.1, 0.1]),
    ("fine", "accepted", 3, 3, [0.99, 0.005, 0.005]),
    ("gold", "gold", 3, 1, [0.4, 0.3, 0.3]),
    ("hard", "disputed", 4, 2, [0.5, 0.5, 0.0]),
    ("new", "unlabelled", 0, 0, None),
    ("ruled", "adjudicated", 4, 2, [0.5, 0.5, 0.0]),
    ("tied", "disputed", 2, 1, [0.5, 0.5, 0.0]),
    ("wrong", "accepted", 3, 3, [0.98, 0.01, 0.01]),
)
FLAGGED = issues(("wrong", "4", "9", 0.03, True, "label"), ("fine", "4", "4", 0.99, False, ""))


def test_a_queue_by_hand() -> None:
    """Guards against asking about settled items, and for coverage that never comes."""
    labelled_by = pd.DataFrame(
        [("hard", "b"), ("hard", "a"), ("hard", "c"), ("hard", "d"), ("tied", "a"), ("gold", "a")],
        columns=["item_id", "annotator_id"],
    )
    queue = relabel_queue(MIXED, FLAGGED, None, labelled_by, POLICY, classes=CLASSES)
    assert RELABEL_QUEUE.conform(queue).num_rows == len(queue) == 5
    assert queue["item_id"].tolist() == ["alone", "hard", "new", "tied", "wrong"]
    assert queue["route"].tolist() == ["annotator", "adjudicator", "annotator", "annotator", "annotator"]
    assert queue["rank"].tolist() == [1, 2, 3, 4, 5]
    assert queue["within_budget"].tolist() == [True, True, True, False, False]
    assert queue["exclude_annotators"].tolist() == [[], ["a", "b", "c", "d"], [], ["a"], []]
    assert queue["suggested_label"].tolist() == [None, None, None, None, "9"]
    assert queue["reason"].tolist() == [
        "1 of 1 say 4; confidence 0.80; 2 annotations needed",
        "2 of 4 say 4; confidence 0.50; disputed after 4 annotations",
        "no annotation yet; 2 annotations needed",
        "1 of 2 say 4; confidence 0.50",
        "3 of 3 say 4; confidence 0.98; label quality 0.03",
    ]
    # An adjudicator removes all the doubt, 1 − 2 · 0.25.
    assert queue["value"][1] == 0.5
    # An annotator who is right with a = (3+1+2+2+1+3 + 4) / (3+3+4+4+2+3 + 5) on the tie.
    right = typical_accuracy(MIXED)
    assert right == pytest.approx(16 / 24)
    wrong = (1 - right) / 2
    chance = 0.5 * (right + wrong)
    after = 2 * (0.25 * (right**2 + wrong**2)) / chance + 2 * 0.25 * wrong**2 / wrong
    assert queue["value"][3] == pytest.approx(after - 0.5)


def test_the_models_doubt_raises_an_item_and_is_said() -> None:
    """Guards against a wrong label that nobody looks at because the few who voted agreed."""
    rows = [(f"i{k:02}", "accepted", 3, 3, [0.98, 0.01, 0.01]) for k in range(40)]
    rows += [("odd", "open", 3, 2, [0.7, 0.3, 0.0]), ("plain", "open", 3, 2, [0.7, 0.3, 0.0])]
    model = np.tile([0.96, 0.02, 0.02], (42, 1))
    model[40] = [0.02, 0.97, 0.01]
    queue = relabel_queue(consensus(*rows), issues(), model, NOBODY, POLICY, classes=CLASSES)
    assert queue["item_id"].tolist() == ["odd", "plain"]
    assert queue["reason"].tolist() == [
        "2 of 3 say 4, the model says 9 with 0.97; confidence 0.70",
        "2 of 3 say 4, the model agrees with 0.96; confidence 0.70",
    ]
    assert queue["suggested_label"].tolist() == ["9", "4"]


def test_a_confused_pair_sends_a_few_examples_to_the_guideline_owner() -> None:
    """Guards against paying for labels that the guideline makes impossible, and against stopping all of them."""
    rows = [(f"i{k}", "disputed", 2, 1, [0.5, 0.5, 0.0]) for k in range(8)]
    rows += [("other", "disputed", 2, 1, [0.5, 0.0, 0.5])]
    pair = ConfusedPair("9", "4", 0.12, 5)
    queue = relabel_queue(consensus(*rows), issues(), None, NOBODY, POLICY, classes=CLASSES, confused_pairs=[pair])
    assert queue["route"].tolist() == ["guideline"] * 5 + ["annotator"] * 4
    assert queue["reason"][0].endswith("; 5 good annotators take 9 and 4 for each other (12% of answers)")


def test_ties_go_to_fewer_annotations_then_the_lower_id_and_importance_weighs() -> None:
    """Guards against an order that changes with the order of rows."""
    one = [0.5, 0.5, 0.0]
    frame = consensus(("b", "disputed", 3, 1, one), ("a", "disputed", 3, 1, one), ("c", "disputed", 2, 1, one))
    queue = relabel_queue(frame, issues(), None, NOBODY, POLICY, classes=CLASSES)
    assert queue["item_id"].tolist() == ["c", "a", "b"]
    weights = np.array([1.0, 2.0, 0.0])  # of a, b, c
    queue = relabel_queue(frame, issues(), None, NOBODY, POLICY, classes=CLASSES, importance=weights)
    assert queue["item_id"].tolist() == ["b", "a", "c"]
    assert queue["value"][0] == pytest.approx(2 * queue["value"][1])


def test_nothing_to_ask_is_an_empty_queue() -> None:
    """Guards against a crash on the first night and on the last."""
    for frame in (consensus(), consensus(("a", "accepted", 3, 3, [1.0, 0.0, 0.0]))):
        queue = relabel_queue(frame, issues(), None, NOBODY, POLICY, classes=CLASSES)
        assert RELABEL_QUEUE.conform(queue).num_rows == 0
    unlabelled = consensus(("a", "unlabelled", 0, 0, None))
    assert len(relabel_queue(unlabelled, issues(), None, NOBODY, POLICY, classes=CLASSES)) == 1


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"probabilities": np.ones((1, 3))}, "have the shape"),
        ({"importance": np.ones(2)}, "importance"),
        ({"importance": np.full(8, -1.0)}, "importance"),
    ],
)
def test_what_does_not_fit_the_rows_is_one_clear_error(options: dict[str, Any], message: str) -> None:
    """Guards against values that belong to other items."""
    given: dict[str, Any] = {"probabilities": None, **options}
    model = given.pop("probabilities")
    with pytest.raises(UserError, match=message):
        relabel_queue(MIXED, FLAGGED, model, NOBODY, POLICY, classes=CLASSES, **given)


STATUSES = ["unlabelled", "open", "accepted", "disputed", "adjudicated", "gold"]


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 2**32), n=st.integers(0, 30), budget=st.integers(0, 12), keep=st.integers(1, 12))
def test_invariants_of_a_queue(seed: int, n: int, budget: int, keep: int) -> None:
    """Guards against a budget exceeded, a person asked twice, and an order that depends on row order."""
    random = np.random.default_rng(seed)
    rows = []
    for k in range(n):
        status = str(random.choice(STATUSES))
        size = 0 if status == "unlabelled" else int(random.integers(1, 7))
        p = None if status == "unlabelled" else random.dirichlet(np.full(3, 0.4)).round(2)
        agreeing = int(random.integers(0, size + 1))
        rows.append((f"i{k:02}", status, size, agreeing, None if p is None else list(p / p.sum())))
    frame = consensus(*rows)
    flagged = issues(*((r[0], "4", "9", 0.1, bool(random.random() < 0.5), "label") for r in rows if r[4]))
    people = pd.DataFrame(
        [(r[0], f"p{j}") for r in rows for j in range(r[2])], columns=["item_id", "annotator_id"], dtype=object
    )
    model = random.dirichlet(np.ones(3), size=n) if n else np.empty((0, 3))
    model[random.random(n) < 0.2] = np.nan
    policy = QueuePolicy(budget, 2, 5, 4, keep=keep)
    pairs = [ConfusedPair("4", "9", 0.2, 3)]

    queue = relabel_queue(frame, flagged, model, people, policy, classes=CLASSES, confused_pairs=pairs)
    RELABEL_QUEUE.conform(queue)
    assert len(queue) <= max(budget, keep)
    assert queue["within_budget"].sum() == min(budget, len(queue))
    assert queue["value"].is_monotonic_decreasing
    assert (queue["value"] >= 0).all()
    assert queue["item_id"].is_unique
    known = {r[0]: r for r in rows}
    for row in queue.itertuples():
        assert known[row.item_id][1] not in ("gold", "adjudicated")
        assert row.exclude_annotators == [f"p{j}" for j in range(known[row.item_id][2])]
        assert row.route != "annotator" or known[row.item_id][2] < policy.max_annotations

    shuffle = random.permutation(n)
    again = relabel_queue(
        frame.iloc[shuffle], flagged.sample(frac=1, random_state=1), model[shuffle],
        people.sample(frac=1, random_state=2), policy, classes=CLASSES, confused_pairs=pairs,
    )  # fmt: skip
    pd.testing.assert_frame_equal(again, queue)
