"""What the audit log is told of gold and of annotators' standing, and what it still knows when all else is rebuilt.

Here belong the acts and their words; writing and reading the log is the caller's.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import date, datetime
from typing import Any

import pandas as pd

from label_pipeline.annotators.standing import COUNTING
from label_pipeline.audit import Act, Entry
from label_pipeline.gold.life import waits

NIGHT = "nightly"
OPENED, CLOSED, DOUBTED, ADJUDICATED = "gold opened", "gold closed", "gold doubted", "adjudicated"
PROMOTED, APPEALED = "gold promoted", "gold appealed"
LOST, REGAINED = "votes lose weight", "votes count again"
_ROLE = re.compile(r"\((check|evaluation), \w+\)$")


def roles_told(entries: Iterable[Entry]) -> dict[str, str]:
    """The first role that the log knows of each item: a rebuild from edited seeds does not make it another."""
    roles: dict[str, str] = {}
    for entry in entries:
        found = _ROLE.search(entry.act.after)
        if entry.act.action == OPENED and found:
            roles.setdefault(entry.act.subject.rpartition(" version ")[0].removeprefix("item "), found[1])
    return roles


def promoted_before(entries: Iterable[Entry], moment: datetime) -> pd.DataFrame:
    """What was promoted before an instant: item_id, label, evidence."""
    rows = [
        (entry.act.subject.removeprefix("item "), entry.act.after, entry.act.reason)
        for entry in entries
        if entry.act.action == PROMOTED and entry.at < moment
    ]
    frame = pd.DataFrame(rows, columns=["item_id", "label", "evidence"], dtype=object)
    return frame.drop_duplicates("item_id", keep="first", ignore_index=True)


def appeals(entries: Iterable[Entry], frame: pd.DataFrame, day: date) -> dict[str, str]:
    """What people appealed against by `day`, by item, in words: truths of `frame` (gold_set) that nobody decided since.

    An appeal is an act whose subject is the item and whose `after` is the day from which it counts.
    """
    since = frame[frame["valid_to"].isna()].set_index("item_id")["valid_from"]
    found = {}
    for entry in entries:
        if entry.act.action == APPEALED:
            item, asked = entry.act.subject.removeprefix("item "), date.fromisoformat(entry.act.after)
            if asked <= day and item in since.index and pd.Timestamp(since[item]).date() <= asked:
                found[item] = f"appeal of {asked}: {entry.act.reason}"
    return found


def promotion_acts(promotions: pd.DataFrame) -> list[Act]:
    """The acts by which items become gold from the next day on."""
    rows = promotions.to_dict("records")
    return [Act(NIGHT, PROMOTED, f"item {r['item_id']}", r["evidence"], after=r["label"]) for r in rows]


def gold_acts(frame: pd.DataFrame, decisions: pd.DataFrame, day: date) -> list[Act]:
    """What happened to gold on `day`: decisions that landed, versions that opened or closed, doubts.

    `frame` is gold_set of the day, `decisions` as in `life.gold_set`.
    """
    moment = pd.Timestamp(day)
    today = decisions[pd.to_datetime(decisions["landed_day"]) == moment]
    acts = [
        Act(row["annotator_id"], ADJUDICATED, f"item {row['item_id']}", row["evidence"], after=row["label"])
        for row in today.sort_values(["item_id", "annotator_id", "label"]).to_dict("records")
    ]
    labels = {
        (r["item_id"], r["version"]): r["label"] for r in frame[["item_id", "version", "label"]].to_dict("records")
    }
    for row in frame[_touched(frame, moment)].to_dict("records"):
        subject, said = (
            f"item {row['item_id']} version {row['version']}",
            f"{row['label']} ({row['role']}, {row['origin']})",
        )
        if pd.Timestamp(row["valid_from"]) == moment:
            before = labels.get((row["item_id"], row["version"] - 1), "")
            acts.append(Act(NIGHT, OPENED, subject, row["evidence"], before, said))
        if _is(row["challenged_on"], moment):
            acts.append(Act(NIGHT, DOUBTED, subject, f"challenged: {row['challenge']}", said, _after(row, said)))
        if _is(row["due_on"], moment):
            acts.append(Act(NIGHT, DOUBTED, subject, f"due: {row['due_why']}", said, _after(row, said)))
        succeeded = (row["item_id"], row["version"] + 1) in labels
        if _is(row["valid_to"], moment) and not succeeded and not waits(row):
            acts.append(Act(NIGHT, CLOSED, subject, "its source says it no longer, or contradicts itself", said))
    return acts


def standing_acts(stood: pd.DataFrame, before: pd.DataFrame) -> list[Act]:
    """Whose votes lost weight or count again, by the annotator_standing of a day and that of the day before."""
    names = ["annotator_id", "from_day", "state"]
    known = {tuple(row) for row in before[names].itertuples(index=False)}
    now = {tuple(row) for row in stood[names].itertuples(index=False)}
    fell = set(before.loc[before["state"] != COUNTING, "annotator_id"])
    acts = []
    for row in stood.to_dict("records"):
        if (row["annotator_id"], row["from_day"], row["state"]) in known:
            continue
        subject, since = f"annotator {row['annotator_id']}", f"votes from {row['from_day']} are {row['state']}"
        if row["state"] != COUNTING:
            acts.append(Act(NIGHT, LOST, subject, row["reason"], COUNTING, since))
        elif row["annotator_id"] in fell and row["from_day"] > _first(stood, row["annotator_id"]):
            acts.append(Act(NIGHT, REGAINED, subject, row["reason"], "", since))
    for row in before[before["state"] != COUNTING].to_dict("records"):
        if (row["annotator_id"], row["from_day"], row["state"]) not in now:
            words = "the gold that showed it was decided anew, or answers came that change what it showed"
            gone = f"votes from {row['from_day']} are {row['state']}"
            acts.append(Act(NIGHT, REGAINED, f"annotator {row['annotator_id']}", words, gone, ""))
    return acts


def _first(stood: pd.DataFrame, annotator: str) -> date:
    first: date = stood.loc[stood["annotator_id"] == annotator, "from_day"].min()
    return first


def _touched(frame: pd.DataFrame, moment: pd.Timestamp) -> pd.Series[bool]:
    found = pd.Series(False, index=frame.index)
    for name in ("valid_from", "valid_to", "due_on", "challenged_on"):
        found |= pd.to_datetime(frame[name]) == moment
    return found


def _is(value: Any, moment: pd.Timestamp) -> bool:
    return not pd.isna(value) and pd.Timestamp(value) == moment


def _after(row: dict[Any, Any], said: str) -> str:
    return f"{said} until it is decided anew" if pd.isna(row["valid_to"]) else "not in force until it is decided anew"
