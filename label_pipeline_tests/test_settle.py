"""From posteriors to settled labels, on tables small enough to do by hand."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from label_pipeline.contracts.rules import broken_contract
from label_pipeline.contracts.tables import CONSENSUS_LABELS
from label_pipeline.settle import SETTLED, Policy, consensus_table, known_truth
from label_pipeline.votes import Votes

D1 = date(2026, 10, 5)
CLASSES = ("cat", "dog")
POLICY = Policy(accept_at=0.9, min_annotations=2)


def votes(said: dict[str, str]) -> Votes:
    """One letter an annotator (`c` or `d`) for each item; annotators are numbered in the order of the letters."""
    rows = [
        (item, f"a{k}", {"c": "cat", "d": "dog"}[letter])
        for item, word in said.items()
        for k, letter in enumerate(word)
    ]
    frame = pd.DataFrame(rows, columns=["item_id", "annotator_id", "label"], dtype=object)
    return Votes.build(frame, classes=CLASSES, items=list(said))


def gold(*rows: tuple[str, str, str, str]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["item_id", "label", "origin", "role"], dtype=object)


def table(coded: Votes, cat: list[float], **changes: Any) -> pd.DataFrame:
    """The table for posteriors P(cat), with labels where they point; by item."""
    chance = np.array(cat)
    labels = np.where(np.isnan(chance), -1, np.where(chance >= 0.5, 0, 1))
    given: dict[str, Any] = {
        "labels": labels,
        "probabilities": np.column_stack([np.nan_to_num(chance, nan=0.5), 1 - np.nan_to_num(chance, nan=0.5)]),
        "voted": labels,
        "method": "dawid_skene",
        "gold": gold(),
        "policy": POLICY,
        "previous": CONSENSUS_LABELS.empty().to_pandas(),
        "day": D1,
    }
    frame = consensus_table(coded, **given | changes)
    assert broken_contract(CONSENSUS_LABELS, CONSENSUS_LABELS.conform(frame), CLASSES) == []
    return frame.set_index("item_id")


def test_every_status_by_hand() -> None:
    """Loss: an open item taken for accepted is trained on; an accepted one taken for open is paid for again."""
    coded = votes({"few": "c", "none": "", "sure": "ccc", "torn": "cd"})
    frame = table(coded, [0.99, np.nan, 0.95, 0.6])
    assert frame["status"].to_dict() == {"few": "open", "none": "unlabelled", "sure": "accepted", "torn": "disputed"}
    assert frame["label"].to_dict() == {"few": "cat", "none": None, "sure": "cat", "torn": "cat"}
    assert frame["agreement"].round(3).to_dict() == pytest.approx(
        {"few": 1.0, "none": np.nan, "sure": 1.0, "torn": 0.5}, nan_ok=True
    )
    assert frame["n_annotations"].to_list() == [1, 0, 3, 2]
    assert frame["confidence"].to_list() == pytest.approx([0.99, np.nan, 0.95, 0.6], nan_ok=True)
    assert frame["method"].to_list() == ["dawid_skene", "none", "dawid_skene", "dawid_skene"]
    assert pd.isna(frame.loc["none", "probabilities"])
    assert frame.loc["torn", "probabilities"] == pytest.approx([0.6, 0.4])


@pytest.mark.parametrize(("confidence", "status"), [(0.9, "accepted"), (np.nextafter(0.9, 0), "disputed")])
def test_the_threshold_itself_is_enough(confidence: float, status: str) -> None:
    """Loss: items that sit on the threshold go either way from night to night."""
    assert table(votes({"i": "cc"}), [confidence]).loc["i", "status"] == status


def test_gold_binds_and_annotations_keep_their_say() -> None:
    """Loss: a gold label that overwrites what people said makes their accuracy on gold always one."""
    coded = votes({"adjudicated": "cd", "lone": "", "seeded": "dd"})
    truth = gold(
        ("adjudicated", "dog", "adjudication", "check"),
        ("lone", "dog", "seed", "evaluation"),
        ("seeded", "cat", "seed", "evaluation"),
    )
    frame = table(coded, [0.7, np.nan, 0.1], gold=truth)
    assert frame["label"].to_list() == ["dog", "dog", "cat"]
    assert frame["voted_label"].to_list() == ["cat", None, "dog"]
    # The consensus was told of the adjudication; what it says of evaluation gold, it says by itself.
    assert frame["voted_confidence"].to_list() == pytest.approx([np.nan, np.nan, 0.9], nan_ok=True)
    assert frame["status"].to_list() == ["adjudicated", "gold", "gold"]
    assert frame["method"].to_list() == ["gold"] * 3
    assert frame["confidence"].to_list() == [1.0] * 3
    assert frame["probabilities"].to_list() == [[0.0, 1.0], [0.0, 1.0], [1.0, 0.0]]
    assert frame["agreement"].to_list() == pytest.approx([0.5, np.nan, 0.0], nan_ok=True)


def test_settled_since_when() -> None:
    """Loss: the turnaround of an item that was settled, fell back and was settled again would look like days."""
    coded, days = votes({"i": "cc"}), [D1 + timedelta(days=k) for k in range(4)]
    previous = CONSENSUS_LABELS.empty().to_pandas()
    since = []
    for day, chance in zip(days, [0.95, 0.95, 0.6, 0.95], strict=True):
        frame = table(coded, [chance], previous=previous, day=day)
        since.append(frame.loc["i", "settled_on"])
        previous = CONSENSUS_LABELS.conform(frame.reset_index()).to_pandas()
    assert since == [days[0], days[0], None, days[3]]


def test_consensus_knows_check_gold_only() -> None:
    """Loss: consensus that was told the evaluation gold is measured against its own answer."""
    coded = votes({"a": "c", "b": "c", "x": "d"})
    truth = gold(("a", "dog", "seed", "check"), ("b", "dog", "seed", "evaluation"), ("gone", "cat", "seed", "check"))
    assert known_truth(coded, truth).tolist() == [1, -1, -1]


def test_no_items_at_all() -> None:
    """Loss: the first night of a project has nothing, and must not be the last."""
    assert len(table(votes({}), [])) == 0


@given(st.dictionaries(st.text("abxyz", min_size=1, max_size=3), st.text("cd", max_size=4), max_size=8), st.data())
def test_settled_items_have_a_label_a_day_and_enough_behind_them(said: dict[str, str], data: st.DataObject) -> None:
    """Loss: an item that counts as settled without a label, or without annotations, is published as truth."""
    coded = votes(dict(sorted(said.items())))
    chance = [data.draw(st.floats(0, 1)) if said[i] else np.nan for i in coded.items]
    known = [i for i in coded.items if data.draw(st.booleans())]
    frame = table(coded, chance, gold=gold(*((i, "dog", "seed", "check") for i in known)))
    settled = frame["status"].isin(SETTLED)
    assert (frame["settled_on"].notna() == settled).all()
    assert frame.loc[settled, "label"].notna().all()
    assert set(frame.index[frame["status"] == "gold"]) == set(known)
    accepted = frame[frame["status"] == "accepted"]
    assert (accepted["n_annotations"] >= POLICY.min_annotations).all()
    assert (accepted["confidence"] >= POLICY.accept_at).all()
