"""What the budget of earlier nights has bought: items that were asked about, once new answers to them have come in.

Here belongs comparing an item before and after its new answers, in the unit of `value.worth`: labels put right. Sums
and intervals over days are the KPI family's.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from label_pipeline.contracts.tables import RELABEL_OUTCOMES

LOOKBACK = 30
"""An item counts as asked about for so many days after the last night whose budget had it."""
_BOUND = ("adjudicated", "gold")


def outcomes(
    asked: pd.DataFrame,
    before: pd.DataFrame,
    now: pd.DataFrame,
    answered: pd.DataFrame,
    *,
    classes: Sequence[str],
    min_annotations: int,
) -> pd.DataFrame:
    """The table relabel_outcomes of today: items asked about on an earlier day that have new answers since yesterday.

    `asked` has item_id, asked_on, route and gain of rows of the queue within the budget of an earlier night; of an
    item's several the newest counts. `before` and `now` are frames of consensus_labels of yesterday and of today.
    `answered` has item_id and day of the outcomes so far: an asking is over once answers have come to it and the
    item's label counts, and whatever comes later was not asked for.

    The label of an item that has `min_annotations`, or is bound by gold or an adjudicator, counts. With p the class
    probabilities of today, achieved = p[label of today] − p[label of yesterday], each term 0 where that label does not
    count: how much likelier, by all that is known today, the label is right than yesterday's was. Where probabilities
    are calibrated, its expectation is the gain that was expected. An item whose label stays has 0, and one that an
    adjudicator overturns has 1. Expected is the gain for each of the answers, and no more than there was to gain: 1, or
    what yesterday's confidence left.
    """
    newest = asked.sort_values("asked_on").drop_duplicates("item_id", keep="last").set_index("item_id")
    rows = now[now["item_id"].isin(newest.index)].set_index("item_id")
    past = before.set_index("item_id").reindex(rows.index)
    had = past["n_annotations"].fillna(0).to_numpy(np.int64)
    bound = rows["status"].isin(_BOUND).to_numpy() & ~past["status"].isin(_BOUND).to_numpy()
    answers = rows["n_annotations"].to_numpy(np.int64) - had
    answers = np.maximum(answers, bound)
    # What was bound yesterday is not asked about, and what is taken back is no answer.
    kept = (answers > 0) & ~past["status"].isin(_BOUND).to_numpy()
    last = answered.groupby("item_id")["day"].max().reindex(rows.index)
    asked_on = newest["asked_on"].reindex(rows.index)
    over = [not pd.isna(came) and came > when for came, when in zip(last, asked_on, strict=True)]
    kept &= ~(np.array(over, dtype=np.bool_) & (had >= min_annotations))
    rows, past, answers, had = rows[kept], past[kept], answers[kept], had[kept]
    known = newest.loc[rows.index]
    counted_now = (rows["n_annotations"] >= min_annotations).to_numpy() | bound[kept]
    counted_then = had >= min_annotations
    left = np.where(counted_then, 1.0 - past["confidence"].fillna(0.0).to_numpy(np.float64), 1.0)
    achieved = np.where(counted_now, _chance(rows, rows["label"], classes), 0.0)
    achieved -= np.where(counted_then, _chance(rows, past["label"], classes), 0.0)
    return pd.DataFrame(
        {
            "item_id": rows.index.to_numpy(),
            "asked_on": known["asked_on"].to_numpy(),
            "route": known["route"].to_numpy(),
            "answers": answers,
            "expected": np.round(np.minimum(known["gain"].to_numpy(np.float64) * answers, left), 9),
            "achieved": np.round(achieved, 9),
            "label_before": past["label"].to_numpy(),
            "label": rows["label"].to_numpy(),
            "status": rows["status"].to_numpy(),
        },
        columns=RELABEL_OUTCOMES.names,
    )


def _chance(rows: pd.DataFrame, label: pd.Series[Any], classes: Sequence[str]) -> npt.NDArray[np.float64]:
    """Today's probability of a label of each row: (n,); 0 without a label.

    Where labels are no classes (sets, numbers) another label than today's has at most what today's leaves.
    """
    code = {name: k for k, name in enumerate(classes)}
    found = np.zeros(len(rows))
    columns = zip(label, rows["label"], rows["confidence"], rows["probabilities"], strict=True)
    for k, (asked, today, confidence, probabilities) in enumerate(columns):
        if pd.isna(asked) or pd.isna(confidence):
            continue
        if asked == today:
            found[k] = confidence
        elif asked in code and probabilities is not None and len(probabilities) == len(classes):
            found[k] = probabilities[code[asked]]
        else:
            found[k] = 1.0 - confidence
    return found
