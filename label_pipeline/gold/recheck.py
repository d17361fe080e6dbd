"""Doubts about gold: what is due, what is challenged, and what adjudicators are asked because of gold.

Here belongs when a truth waits for a re-check and what becomes of it meanwhile. Who challenges stands in `checks`; how
the answer is taken in, in `life`.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import pandas as pd

from label_pipeline.contracts.tables import GOLD_ASKS
from label_pipeline.gold.life import GoldUpdate, waits

CHALLENGED, DIFFER, DRAWN, GUIDELINE, EXPIRED = URGENCY = ("challenged", "differ", "drawn", "guideline", "expired")
"""Why an adjudicator is asked, in the order in which it is: people may be scored by a wrong truth tonight."""


@dataclass(frozen=True, slots=True)
class Change:
    """A guideline version, its first day, and the classes whose gold it puts in doubt; None for all."""

    version: str
    since: date
    classes: frozenset[str] | None = None

    def concerns(self, label: str, settled: date, day: date) -> bool:
        """Whether a truth settled on a day before the change is to be looked at again, as of `day`."""
        return settled < self.since <= day and (self.classes is None or label in self.classes)


@dataclass(frozen=True, slots=True)
class Doubts:
    """When truths are due: `expire_after` days (None: never), and after which guideline changes.

    With `suspend_due` check items that are due are not in force until they are decided; challenged ones never are.
    """

    expire_after: int | None = None
    changes: Sequence[Change] = ()
    suspend_due: bool = False


def doubted(frame: pd.DataFrame, challenges: Mapping[str, str], day: date, policy: Doubts) -> pd.DataFrame:
    """A frame of gold_set in which what is due or challenged on `day` says so.

    `challenges` are words by item; what opened today is not challenged before tomorrow. A challenged check item is not
    in force from today until it is decided anew: it scores nobody and teaches nothing. Evaluation items stay in force
    whatever the doubt, since leaving out those that annotators disagree with would flatter every figure measured on
    them. A truth that was decided anew starts its time again.
    """
    rows = frame.to_dict("records")
    for row in rows:
        opened = pd.Timestamp(row["valid_from"]).date()
        if not pd.isna(row["valid_to"]) or not pd.isna(row["challenged_on"]):
            continue
        suspended = False
        if row["item_id"] in challenges and opened < day:
            row["challenged_on"], row["challenge"], suspended = day, challenges[row["item_id"]], True
        elif not waits(row):
            why = _due(row["label"], opened, day, policy)
            if why:
                row["due_on"], row["due_why"], suspended = day, why, policy.suspend_due and opened < day
        if suspended and row["role"] == "check":
            row["valid_to"] = day
    return pd.DataFrame(rows, columns=frame.columns, dtype=object).assign(version=frame["version"])


def _due(label: str, settled: date, day: date, policy: Doubts) -> str:
    changed = [c.version for c in policy.changes if c.concerns(label, settled, day)]
    if changed:
        return f"guideline {changed[-1]}"
    if policy.expire_after is not None and settled + timedelta(days=policy.expire_after) <= day:
        return EXPIRED
    return ""


def gold_asks(update: GoldUpdate, frame: pd.DataFrame, drawn: Mapping[str, date], day: date) -> pd.DataFrame:
    """What adjudicators are asked because of gold, a frame of the table gold_asks.

    `frame` is gold_set with today's doubts; `drawn` are the items drawn for evaluation, with the day they came. The
    most urgent first (`URGENCY`), then what waits longest, then by item id.
    """
    asks = {
        item: _ask(item, DRAWN, since, None, "evaluation", "drawn at random to measure with")
        for item, since in drawn.items()
        if item not in update.claimed
    }
    last = frame.drop_duplicates("item_id", keep="last")
    for row in last.to_dict("records"):
        if waits(row) and row["item_id"] in update.claimed:
            asks[row["item_id"]] = _doubt(row)
    roles = dict(zip(last["item_id"], last["role"], strict=True))
    for row in update.conflicts[update.conflicts["origin"] == "adjudication"].to_dict("records"):
        item, role = row["item_id"], roles.get(row["item_id"]) or ("evaluation" if row["item_id"] in drawn else "check")
        asks[item] = _ask(item, DIFFER, row["since"], None, role, row["words"], row["adjudicators"])
    ordered = sorted(asks.values(), key=lambda a: (URGENCY.index(a["why"]), a["since"] or day, a["item_id"]))
    found = pd.DataFrame(ordered, columns=GOLD_ASKS.names, dtype=object)
    return found.assign(rank=range(1, len(found) + 1))


def _doubt(row: Mapping[Any, Any]) -> dict[str, object]:
    item, label, role = str(row["item_id"]), row["label"], row["role"]
    if not pd.isna(row["challenged_on"]):
        return _ask(item, CHALLENGED, row["challenged_on"], label, role, f"gold says {label}; {row['challenge']}")
    why = EXPIRED if row["due_why"] == EXPIRED else GUIDELINE
    words = f"gold says {label} since {row['valid_from']}: {row['due_why']}"
    return _ask(item, why, row["due_on"], label, role, words)


def _ask(
    item: str, why: str, since: object, label: object, role: object, words: str, exclude: Collection[str] = ()
) -> dict[str, object]:
    return {
        "item_id": item,
        "why": why,
        "since": since,
        "label": label,
        "role": role,
        "words": words,
        "exclude_annotators": list(exclude),
    }
