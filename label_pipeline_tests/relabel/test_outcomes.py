from datetime import date

import numpy as np
import pandas as pd
import pytest

from label_pipeline.contracts.tables import RELABEL_OUTCOMES
from label_pipeline.relabel.outcomes import outcomes
from label_pipeline.relabel.value import even_law, worth

EVE, BEFORE = date(2026, 10, 7), date(2026, 10, 6)
CLASSES = ("cat", "dog")


def labels(*rows: tuple[str, int, float | None, str]) -> pd.DataFrame:
    """Rows (item, annotations, probability of 'cat', status)."""
    return pd.DataFrame(
        {
            "item_id": [r[0] for r in rows],
            "n_annotations": [r[1] for r in rows],
            "label": [None if r[2] is None else ("cat" if r[2] >= 0.5 else "dog") for r in rows],
            "confidence": [None if r[2] is None else max(r[2], 1 - r[2]) for r in rows],
            "probabilities": [None if r[2] is None else [r[2], 1 - r[2]] for r in rows],
            "status": [r[3] for r in rows],
        }
    )


def asked(*rows: tuple[str, date, str, float]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["item_id", "asked_on", "route", "gain"])


NEVER = pd.DataFrame({"item_id": [], "day": []}, dtype=object)


def test_what_a_budget_bought_by_hand() -> None:
    """Guards against a yield that counts what nobody asked for, or every answer as a success."""
    queue = asked(
        ("turned", BEFORE, "annotator", 0.9), ("turned", EVE, "annotator", 0.2), ("kept", EVE, "annotator", 0.1),
        ("new", EVE, "annotator", 0.4), ("first", EVE, "annotator", 0.4), ("waits", EVE, "annotator", 0.3),
        ("ruled", EVE, "adjudicator", 0.5), ("taken back", EVE, "annotator", 0.3), ("settled", EVE, "annotator", 0.3),
        ("unseen", EVE, "annotator", 0.4),
    )  # fmt: skip
    before = labels(
        ("turned", 2, 0.6, "disputed"), ("kept", 2, 0.7, "disputed"), ("new", 1, 0.8, "open"),
        ("first", 0, None, "unlabelled"), ("waits", 2, 0.6, "disputed"), ("ruled", 4, 0.5, "disputed"),
        ("taken back", 3, 0.6, "disputed"), ("settled", 2, 1.0, "gold"), ("other", 2, 0.6, "disputed"),
    )  # fmt: skip
    now = labels(
        ("turned", 4, 0.2, "disputed"), ("kept", 3, 0.95, "accepted"), ("new", 2, 0.9, "accepted"),
        ("first", 1, 0.8, "open"), ("waits", 2, 0.6, "disputed"), ("ruled", 4, 0.0, "adjudicated"),
        ("taken back", 2, 0.3, "disputed"), ("settled", 3, 1.0, "gold"), ("other", 3, 0.2, "disputed"),
        ("unseen", 2, 0.1, "accepted"),
    )  # fmt: skip
    table = outcomes(queue, before, now, NEVER, classes=CLASSES, min_annotations=2)
    RELABEL_OUTCOMES.conform(table)
    found = table.set_index("item_id")
    assert set(found.index) == {"turned", "kept", "new", "first", "ruled", "unseen"}
    assert found["answers"].to_dict() == {"turned": 2, "kept": 1, "new": 1, "first": 1, "ruled": 1, "unseen": 2}
    assert found["achieved"].to_dict() == pytest.approx(
        {"turned": 0.6, "kept": 0.0, "new": 0.9, "first": 0.0, "ruled": 1.0, "unseen": 0.9}
    )
    # The newest asking counts, for each of its answers, as far as there was anything to gain: 1 - 0.6 of 'turned'.
    assert found["expected"].to_dict() == pytest.approx(
        {"turned": 0.4, "kept": 0.1, "new": 0.4, "first": 0.4, "ruled": 0.5, "unseen": 0.8}
    )
    assert found.loc["turned", ["asked_on", "label_before", "label"]].tolist() == [EVE, "cat", "dog"]


def test_an_asking_is_over_once_it_is_answered_and_counts() -> None:
    """Guards against a yield that sinks with every answer nobody asked for, and one that forgets a second answer."""
    names = ("over", "lacks", "again")
    queue = asked(*((name, BEFORE, "annotator", 0.4) for name in names), ("again", EVE, "annotator", 0.3))
    before = labels(("over", 2, 0.6, "disputed"), ("lacks", 1, 0.6, "open"), ("again", 2, 0.6, "disputed"))
    came = pd.DataFrame({"item_id": names, "day": [EVE] * 3})
    for answers, expected in ((3, {"lacks": 0.8, "again": 0.3}), (9, {"lacks": 1.0, "again": 0.4})):
        now = labels(*((name, answers, 0.9, "accepted") for name in names))
        table = outcomes(queue, before, now, came, classes=CLASSES, min_annotations=2).set_index("item_id")
        assert table["asked_on"].to_dict() == {"lacks": BEFORE, "again": EVE}
        # What was expected is no more than there was to gain: a label of 'lacks', 1 - 0.6 of 'again'.
        assert table["expected"].to_dict() == pytest.approx(expected)


def test_nothing_asked_is_nothing_bought() -> None:
    """Guards against a crash on a project's first night."""
    nothing = asked()
    table = outcomes(nothing, labels(), labels(("a", 1, 0.9, "open")), NEVER, classes=CLASSES, min_annotations=2)
    assert RELABEL_OUTCOMES.conform(table).num_rows == 0


def test_sets_and_numbers_have_a_bound() -> None:
    """Guards against a yield of label sets that is made up: another label has at most what the new one leaves."""
    row = {"n_annotations": 2, "probabilities": None, "status": "disputed"}
    before = pd.DataFrame([{"item_id": "a", "label": '["x"]', "confidence": 0.6, **row}])
    now = pd.DataFrame([{"item_id": "a", "label": '["y"]', "confidence": 0.7, **row, "n_annotations": 3}])
    queue = asked(("a", EVE, "annotator", 0.2))
    table = outcomes(queue, before, now, NEVER, classes=(), min_annotations=2)
    assert table["achieved"].tolist() == pytest.approx([0.7 - 0.3])


def test_what_is_achieved_is_on_average_what_was_expected() -> None:
    """Guards against two figures side by side that measure different things."""
    random, n, right = np.random.default_rng(5), 5_000, 0.8
    p = random.uniform(0.5, 0.75, n)  # one answer can turn it, so the best look ahead is one answer
    truth = np.where(random.random(n) < p, 0, 1)
    answer = np.where(random.random(n) < right, truth, 1 - truth)
    like = np.where(answer == 0, right, 1 - right)
    after = p * like / (p * like + (1 - p) * (1 - like))
    gain = worth(np.column_stack([p, 1 - p]), even_law(2, right)[None])
    names = [f"i{k:05}" for k in range(n)]
    table = outcomes(
        pd.DataFrame({"item_id": names, "asked_on": EVE, "route": "annotator", "gain": gain}),
        labels(*((name, 2, x, "disputed") for name, x in zip(names, p, strict=True))),
        labels(*((name, 3, x, "disputed") for name, x in zip(names, after, strict=True))),
        NEVER,
        classes=CLASSES,
        min_annotations=2,
    )
    error = table["achieved"].std() / np.sqrt(n)
    assert table["achieved"].mean() == pytest.approx(table["expected"].mean(), abs=4 * error)
    assert table["expected"].mean() > 0.1
