"""What has come back of what was sent: which rows are still out, and how often a gold item may have been seen.

Here belongs matching answers to rows of batches. An answer belongs to the row that its batch and item name. Where a
tool loses the batch it belongs to the newest sending of its item that went out before it, unless its annotator had
labelled the item before. Which files say what was sent is `sent`'s.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import date, timedelta

import numpy as np
import pandas as pd

from label_pipeline.contracts.tables import BATCHES, DISPATCHES

OPEN, RETURNED, OVERDUE = "open", "returned", "overdue"


def dispatches(sent: pd.DataFrame, answers: pd.DataFrame, day: date, due_days: int) -> pd.DataFrame:
    """The table `dispatches` as of `day`: every row that was sent, with who has answered it.

    `sent` has the columns of `batches` and sent_on. `answers` has item_id, annotator_id, batch_id (may be empty) and
    landed_day, one row or more for each person who ever answered an item, skips included. A row is returned with as
    many people as it asked; without, it is overdue `due_days` after it was sent.
    """
    rows = sent.reset_index(drop=True)
    matched = _matched(rows, answers)
    people = matched.groupby("row")["annotator_id"].agg(lambda each: sorted(set(each)))
    answered = [people.get(k, []) for k in range(len(rows))]
    full = np.array([len(each) for each in answered], dtype=np.int64) >= rows["people"].to_numpy(np.int64)
    late = pd.to_datetime(rows["sent_on"]) <= pd.Timestamp(day - timedelta(days=due_days))
    state = np.select([full, late.to_numpy()], [RETURNED, OVERDUE], default=OPEN)
    answered_by = pd.Series(answered, dtype=object)
    rows = rows.assign(prelabelled=rows["suggested_label"].notna(), answered_by=answered_by, state=state)
    return rows[DISPATCHES.names]


def still_out(sent: pd.DataFrame) -> frozenset[str]:
    """The items of a frame of `dispatches` that are out: sent, not answered by all who were asked, and not overdue."""
    return frozenset(sent.loc[sent["state"] == OPEN, "item_id"])


def exposure(sent: pd.DataFrame, answers: pd.DataFrame, items: Collection[str]) -> dict[str, int]:
    """How often any one person may have seen each of `items`, at most: the largest number over people.

    A person has seen what they answered, and may have seen every sending that nobody has completed: whoever works may
    be shown it, and may answer it late. `answers` are those of `dispatches` with the column versions, how often the
    person answered the item in that batch; of an edited answer each version counts, since tools without ids for answers
    do not tell a change from an answer to the next sending.
    """
    wanted = sorted(set(items))
    given = answers[answers["item_id"].isin(wanted)].groupby(["item_id", "annotator_id"])["versions"].sum()
    pending = sent[(sent["state"] != RETURNED) & sent["item_id"].isin(wanted)]
    nobody = pending.groupby("item_id").size().reindex(wanted, fill_value=0)
    worst = {str(item): int(n) for item, n in nobody.items()}
    theirs = pending[["item_id", "answered_by"]].explode("answered_by").dropna()
    answered = theirs.groupby(["item_id", "answered_by"]).size()
    for key, n in given.items():
        item, person = key if isinstance(key, tuple) else (key, "")
        seen = int(n) + int(nobody[item]) - int(answered.get((item, person), 0))
        worst[str(item)] = max(worst[str(item)], seen)
    return worst


def _matched(rows: pd.DataFrame, answers: pd.DataFrame) -> pd.DataFrame:
    """Pairs of row (its place) and annotator_id: which answer belongs to which row."""
    places = rows[["batch_id", "item_id", "sent_on", "exclude_annotators"]].assign(row=np.arange(len(rows)))
    named = answers.merge(places[["batch_id", "item_id", "row"]], on=["batch_id", "item_id"])
    lost = answers[~_pairs(answers).isin(_pairs(rows))].drop(columns="batch_id").merge(places, on="item_id")
    lost = lost[pd.to_datetime(lost["sent_on"]) <= pd.to_datetime(lost["landed_day"])]
    before = [who in set(each) for who, each in zip(lost["annotator_id"], lost["exclude_annotators"], strict=True)]
    lost = lost[~np.array(before, dtype=bool)].sort_values(["sent_on", "batch_id"], kind="stable")
    lost = lost.drop_duplicates(["item_id", "annotator_id", "landed_day"], keep="last")
    return pd.concat([named, lost])[["row", "annotator_id"]]


def _pairs(frame: pd.DataFrame) -> pd.MultiIndex:
    return pd.MultiIndex.from_frame(frame[["batch_id", "item_id"]])


def no_rows() -> pd.DataFrame:
    """Nothing sent: a frame of `batches` with sent_on and no rows."""
    return pd.DataFrame(columns=[*BATCHES.names, "sent_on"], dtype=object)
