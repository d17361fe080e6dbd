from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from label_pipeline.contracts.tables import CONSENSUS_LABELS, LABEL_ISSUES, RELABEL_QUEUE
from label_pipeline.errors import UserError
from label_pipeline.relabel.budget import Budget, Limit, Price
from label_pipeline.relabel.people import Panel, typical_accuracy
from label_pipeline.relabel.queue import Asking, relabel_queue
from label_pipeline.relabel.route import ConfusedPair, QueuePolicy
from label_pipeline.relabel.value import even_law, worth

CLASSES = ("4", "9", "7")
POLICY = QueuePolicy(min_annotations=2, max_annotations=5, adjudicate_after=4)
NOBODY = pd.DataFrame({"item_id": [], "annotator_id": []}, dtype=object)


def asking(budget: int = 3, **beside: Any) -> Asking:
    return Asking(Budget.of(budget), **beside)


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
    frame = pd.DataFrame(rows, columns=LABEL_ISSUES.names[: len(rows[0]) if rows else 6])
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
    queue = relabel_queue(MIXED, FLAGGED, None, labelled_by, POLICY, asking(), classes=CLASSES)
    assert RELABEL_QUEUE.conform(queue).num_rows == len(queue) == 5
    assert queue["item_id"].tolist() == ["alone", "hard", "new", "tied", "wrong"]
    assert queue["route"].tolist() == ["annotator", "adjudicator", "annotator", "annotator", "annotator"]
    assert queue["rank"].tolist() == [1, 2, 3, 4, 5]
    assert queue["within_budget"].tolist() == [True, True, True, False, False]
    assert queue["exclude_annotators"].tolist() == [[], ["a", "b", "c", "d"], [], ["a"], []]
    assert queue["ask_annotators"].tolist() == [[]] * 5
    assert queue["suggested_label"].tolist() == [None, None, None, None, "9"]
    assert queue["reason"].tolist() == [
        "1 of 1 say 4; confidence 0.80; 2 annotations needed",
        "2 of 4 say 4; confidence 0.50; disputed after 4 annotations",
        "no annotation yet; 2 annotations needed",
        "1 of 2 say 4; confidence 0.50",
        "3 of 3 say 4; confidence 0.98; label quality 0.03",
    ]
    # An annotator is right with a = (3+1+2+2+1+3 + 4) / (3+3+4+4+2+3 + 5) = 2/3, and says each other class in 1/6.
    assert typical_accuracy(MIXED) == pytest.approx(2 / 3)
    # One annotation more and its label counts: 0.8 either way. An adjudicator removes all the doubt, 1 − 0.5.
    assert queue["value"][:2].tolist() == [0.8, 0.5]
    # On the tie '4' and '9' make it 0.5 · 2/3 each, '7' leaves 0.5 · 1/6: together 0.75, and it was 0.5.
    assert queue["value"][3] == pytest.approx(0.25)
    assert queue["gain"].tolist() == queue["value"].tolist()


def test_the_models_doubt_raises_an_item_and_is_said() -> None:
    """Guards against a wrong label that nobody looks at because the few who voted agreed."""
    rows = [(f"i{k:02}", "accepted", 3, 3, [0.98, 0.01, 0.01]) for k in range(40)]
    rows += [("odd", "open", 3, 2, [0.7, 0.3, 0.0]), ("plain", "open", 3, 2, [0.7, 0.3, 0.0])]
    model = np.tile([0.96, 0.02, 0.02], (42, 1))
    model[40] = [0.02, 0.97, 0.01]
    frame = consensus(*rows)
    queue = relabel_queue(frame, issues(), model, NOBODY, POLICY, asking(), classes=CLASSES)
    assert queue["item_id"].tolist() == ["odd", "plain"]
    assert queue["reason"].tolist() == [
        "2 of 3 say 4, the model says 9 with 0.97; confidence 0.70",
        "2 of 3 say 4, the model agrees with 0.96; confidence 0.70",
    ]
    assert queue["suggested_label"].tolist() == ["9", "4"]
    # A consensus that has heard the model is believed as it is: the same doubt twice would be too much.
    heard = relabel_queue(frame.assign(method="crowdlab"), issues(), model, NOBODY, POLICY, asking(), classes=CLASSES)
    assert heard["value"].nunique() == 1


def test_a_confused_pair_sends_a_few_examples_to_the_guideline_owner() -> None:
    """Guards against paying for labels that the guideline makes impossible, and against stopping all of them."""
    rows = [(f"i{k}", "disputed", 2, 1, [0.5, 0.5, 0.0]) for k in range(8)]
    rows += [("other", "disputed", 2, 1, [0.5, 0.0, 0.5])]
    pairs = [ConfusedPair("9", "4", 0.12, 5)]
    queue = relabel_queue(
        consensus(*rows), issues(), None, NOBODY, POLICY, asking(confused_pairs=pairs), classes=CLASSES
    )
    assert queue["route"].tolist() == ["guideline"] * 5 + ["annotator"] * 4
    assert queue["reason"][0].endswith("; 5 good annotators take 9 and 4 for each other (12% of answers)")


def test_ties_go_to_fewer_annotations_then_the_lower_id_and_importance_weighs() -> None:
    """Guards against an order that changes with the order of rows."""
    one = [0.5, 0.5, 0.0]
    frame = consensus(("b", "disputed", 3, 1, one), ("a", "disputed", 3, 1, one), ("c", "disputed", 2, 1, one))
    queue = relabel_queue(frame, issues(), None, NOBODY, POLICY, asking(), classes=CLASSES)
    assert queue["item_id"].tolist() == ["c", "a", "b"]
    weights = np.array([1.0, 2.0, 0.0])  # of a, b, c
    queue = relabel_queue(frame, issues(), None, NOBODY, POLICY, asking(importance=weights), classes=CLASSES)
    assert queue["item_id"].tolist() == ["b", "a", "c"]
    assert queue["value"][0] == pytest.approx(2 * queue["value"][1])
    assert queue["gain"].nunique() == 1  # what is expected to change does not depend on what it counts for


def test_a_costly_class_comes_first() -> None:
    """Guards against class costs that are read and then forgotten."""
    frame = consensus(("a", "disputed", 2, 1, [0.8, 0.2, 0.0]), ("b", "disputed", 2, 1, [0.8, 0.0, 0.2]))
    plain = relabel_queue(frame, issues(), None, NOBODY, POLICY, asking(), classes=CLASSES)
    dear = asking(class_costs=np.array([1.0, 1.0, 9.0]))
    queue = relabel_queue(frame, issues(), None, NOBODY, POLICY, dear, classes=CLASSES)
    assert (plain["item_id"].tolist(), queue["item_id"].tolist()) == (["a", "b"], ["b", "a"])
    assert sorted(queue["gain"]) == sorted(plain["gain"])


def test_near_duplicates_and_what_is_out_do_not_crowd_the_queue() -> None:
    """Guards against a budget spent on ten copies of one question, or on questions that were sent already."""
    one = [0.5, 0.5, 0.0]
    frame = consensus(*((name, "disputed", 2, 1, one) for name in "abcde"))
    twins = issues(*((name, "4", None, None, False, None, 7, None) for name in "abc"))
    queue = relabel_queue(frame, twins, None, NOBODY, POLICY, asking(out=["e"]), classes=CLASSES)
    assert queue["item_id"].tolist() == ["a", "d", "b", "c"]
    first = queue["value"][0]
    assert queue["value"].tolist() == pytest.approx([first, first, first / 2, first / 3])
    assert queue["reason"][2].endswith("; 1 of its near duplicates come first")


def panel(*people: tuple[str, float, Any]) -> Panel:
    """Annotators (name, answers, law)."""
    return Panel(tuple(p[0] for p in people), np.array([p[1] for p in people]), np.stack([p[2] for p in people]))


BLIND = np.array([[0.5, 0.5, 0.0], [0.5, 0.5, 0.0], [0.05, 0.05, 0.9]])


def test_who_is_good_at_the_classes_in_doubt_is_asked_and_never_who_labelled() -> None:
    """Guards against asking those who cause the dispute, or the same person again."""
    people = panel(("blind", 50.0, BLIND), ("good", 50.0, even_law(3, 0.9)), ("weak", 50.0, even_law(3, 0.6)))
    frame = consensus(("a", "disputed", 2, 1, [0.5, 0.5, 0.0]), ("b", "disputed", 2, 1, [0.55, 0.45, 0.0]))
    said = pd.DataFrame([("b", "good")], columns=["item_id", "annotator_id"])
    queue = relabel_queue(frame, issues(), None, said, POLICY, asking(panel=people), classes=CLASSES)
    assert queue["item_id"].tolist() == ["a", "b"]
    assert queue["ask_annotators"].tolist() == [["good", "weak", "blind"], ["weak", "blind"]]
    assert queue["reason"][0] == "1 of 2 say 4; confidence 0.50; ask good, right about 4 and 9 in 90%"
    # The gain is the mean over the people named: 'blind' tells nothing.
    belief = np.array([[0.5, 0.5, 0.0]])
    alone = [float(worth(belief, law)[0]) for law in (BLIND[None], even_law(3, 0.9)[None], even_law(3, 0.6)[None])]
    assert alone[0] == 0.0
    assert queue["gain"][0] == pytest.approx(sum(alone) / 3)


def test_nobody_is_asked_for_everything() -> None:
    """Guards against one good person who is named for a whole night's work."""
    people = panel(("best", 9.0, even_law(3, 0.95)), ("next", 9.0, even_law(3, 0.8)), ("last", 9.0, even_law(3, 0.7)))
    frame = consensus(*((f"i{k}", "disputed", 2, 1, [0.5, 0.5, 0.0]) for k in range(9)))
    queue = relabel_queue(frame, issues(), None, NOBODY, POLICY, asking(9, panel=people), classes=CLASSES)
    first = [names[0] for names in queue["ask_annotators"]]
    assert first.count("best") == 6  # twice the mean of three
    assert first.count("next") == 3


def test_nothing_to_ask_is_an_empty_queue() -> None:
    """Guards against a crash on the first night and on the last."""
    people = panel(("a", 1.0, even_law(3, 0.9)))
    for beside in ({}, {"panel": people}):
        for frame in (consensus(), consensus(("a", "accepted", 3, 3, [1.0, 0.0, 0.0]))):
            queue = relabel_queue(frame, issues(), None, NOBODY, POLICY, asking(**beside), classes=CLASSES)
            assert RELABEL_QUEUE.conform(queue).num_rows == 0
        unlabelled = consensus(("a", "unlabelled", 0, 0, None))
        assert len(relabel_queue(unlabelled, issues(), None, NOBODY, POLICY, asking(**beside), classes=CLASSES)) == 1


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"probabilities": np.ones((1, 3))}, "have the shape"),
        ({"importance": np.ones(2)}, "importance"),
        ({"importance": np.full(8, -1.0)}, "importance"),
        ({"class_costs": np.ones(2)}, "class costs"),
        ({"class_costs": np.array([1.0, np.nan, 1.0])}, "class costs"),
    ],
)
def test_what_does_not_fit_the_rows_is_one_clear_error(options: dict[str, Any], message: str) -> None:
    """Guards against values that belong to other items."""
    given: dict[str, Any] = {"probabilities": None, **options}
    model = given.pop("probabilities")
    with pytest.raises(UserError, match=message):
        relabel_queue(MIXED, FLAGGED, model, NOBODY, POLICY, asking(**given), classes=CLASSES)


STATUSES = ["unlabelled", "open", "accepted", "disputed", "adjudicated", "gold"]


ROUTE_LIMITS = st.dictionaries(
    st.sampled_from(["annotator", "adjudicator", "guideline"]),
    st.builds(Limit, st.none() | st.integers(0, 5), st.none() | st.floats(0, 1), st.none() | st.floats(0, 3)),
)
LIMITS = st.builds(Limit, st.integers(0, 12), st.none() | st.floats(0, 1), st.none() | st.floats(0, 3))


@settings(max_examples=50, deadline=None)
@given(
    seed=st.integers(0, 2**32),
    n=st.integers(0, 30),
    keep=st.integers(1, 12),
    budget=st.builds(Budget, LIMITS, ROUTE_LIMITS),
    crowd=st.integers(0, 5),
)
def test_invariants_of_a_queue(seed: int, n: int, keep: int, budget: Budget, crowd: int) -> None:
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
    flagged = issues(
        *(
            (r[0], "4", "9", 0.1, bool(random.random() < 0.5), "label", int(s) if s < 3 else None, None)
            for r, s in zip(rows, random.integers(0, 6, n), strict=True)
            if r[4]
        )
    )
    people = pd.DataFrame(
        [(r[0], f"p{j}") for r in rows for j in range(r[2])], columns=["item_id", "annotator_id"], dtype=object
    )
    model = random.dirichlet(np.ones(3), size=n) if n else np.empty((0, 3))
    model[random.random(n) < 0.2] = np.nan
    policy = QueuePolicy(2, 5, 4, keep=keep)
    prices = {
        "annotator": Price(0.1, float("nan") if seed % 5 == 0 else 0.25),
        "adjudicator": Price(0.3, 1.0),
        "guideline": Price(0.0, 0.0),
    }
    laws = [(f"p{j}", 10.0, random.dirichlet(np.ones(3), size=3)) for j in range(crowd)]
    out = [r[0] for r in rows if random.random() < 0.2]
    beside: dict[str, Any] = {
        "confused_pairs": [ConfusedPair("4", "9", 0.2, 3)],
        "panel": panel(*laws) if laws else None,
        "importance": random.uniform(0, 2, n),
        "out": out,
    }

    queue = relabel_queue(frame, flagged, model, people, policy, Asking(budget, prices, **beside), classes=CLASSES)
    RELABEL_QUEUE.conform(queue)
    assert budget.most is not None
    assert len(queue) <= max(budget.most, keep)
    assert queue["value"].is_monotonic_decreasing
    assert (queue["value"] >= 0).all()
    assert (queue["gain"].between(0, 1)).all()
    assert queue["item_id"].is_unique
    assert not set(queue["item_id"]) & set(out)
    bought = queue[queue["within_budget"]]
    for limit, part in [(budget.night, bought)] + [(b, bought[bought["route"] == r]) for r, b in budget.routes.items()]:
        assert limit.annotations is None or len(part) <= limit.annotations
        for name in ("hours", "money"):
            most = getattr(limit, name)
            spent = sum(getattr(prices[route], name) for route in part["route"])
            assert most is None or spent <= most + 1e-9 * max(most, 1)
    # Nothing that fits is left out: of each route, one answer more would be too much.
    counts = bought["route"].value_counts().to_dict()
    for route in queue.loc[~queue["within_budget"], "route"].unique():
        assert not budget.allows({**counts, route: counts.get(route, 0) + 1}, prices)
    known = {r[0]: r for r in rows}
    for row in queue.itertuples():
        _, status, size, _, _ = known[row.item_id]
        assert status not in ("gold", "adjudicated")
        assert list(row.exclude_annotators) == [f"p{j}" for j in range(size)]
        assert not set(row.ask_annotators) & set(row.exclude_annotators)
        assert (row.route == "adjudicator") <= (size >= 4)
        assert not (row.ask_annotators and row.route != "annotator")

    shuffled = random.permutation(n)
    again = relabel_queue(
        frame.iloc[shuffled],
        flagged.sample(frac=1, random_state=1),
        model[shuffled],
        people.sample(frac=1, random_state=1),
        policy,
        Asking(budget, prices, **{**beside, "importance": beside["importance"][shuffled]}),
        classes=CLASSES,
    )
    pd.testing.assert_frame_equal(queue, again)
