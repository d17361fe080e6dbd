"""What was an item's label on a day, from which answers and by which method, and how it changed until then.

Everything is read from the day's partitions: it is what the night concluded, and not what would be concluded now.
Showing it is the command's.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date
from typing import Any

from label_pipeline.annotators.standing import LESS, LESS_WEIGHT
from label_pipeline.contracts.tables import CONSENSUS_EVIDENCE, CONSENSUS_LABELS, GOLD_SET, Table
from label_pipeline.errors import UserError
from label_pipeline.gold.life import in_force
from label_pipeline.orchestration.desk import Desk
from label_pipeline.orchestration.voices import voices
from label_pipeline.sql import connect, file_list

Row = dict[str, Any]
ANSWER = ("annotator_id", "role", "label", "status", "annotated_at", "source", "guideline_version", "batch_id")
PLACE = ("landed_file", "landed_row", "landed_day", "event_id")


@dataclass(frozen=True)
class ItemHistory:
    """One item as of `day`.

    `label` is its row of consensus_labels, `probabilities` those by class. `evidence` says how the method was chosen,
    `gold` is the truth in force, None without one. `answers` are the newest versions of all answers, each with what it
    `counts` for in words. `course` has one row for each day on which label, status or method changed, or the number of
    annotations.
    """

    item: str
    day: date
    label: Row
    probabilities: dict[str, float]
    evidence: str
    gold: Row | None
    answers: list[Row]
    course: list[Row]


def item_history(desk: Desk, item: str, day: date) -> ItemHistory:
    """What the night of `day` knew of `item`.

    Raises:
        UserError: the day was not computed, or pruned; or it knew no such item.
    """
    rows = _of_item(desk, CONSENSUS_LABELS, item, day)
    if not rows:
        raise UserError(
            f"no item '{item}' had landed by {day}",
            where=f"project {desk.project.project}",
            do="Item ids are those of the table items; an export's may be its file's.",
        )
    label = rows[0]
    evidence = desk.lake.read(CONSENSUS_EVIDENCE, day).to_pylist()
    gold = in_force(desk.frame(GOLD_SET, day), day)
    truths: list[Any] = gold[gold["item_id"] == item].to_dict("records")
    chances = label.pop("probabilities")
    return ItemHistory(
        item,
        day,
        label,
        dict(zip(desk.project.labels.classes, chances or (), strict=False)),
        next((row["words"] for row in evidence if row["words"]), ""),
        truths[0] if truths else None,
        _answers(desk, item, day),
        _course(desk, item, day),
    )


def _of_item(desk: Desk, table: Table, item: str, day: date) -> list[Row]:
    import pyarrow.compute as pc

    rows = desk.lake.read(table, day)
    found: list[Row] = rows.filter(pc.equal(rows["item_id"], item)).to_pylist()
    return found


def _answers(desk: Desk, item: str, day: date) -> list[Row]:
    """All answers that stand, in the order in which they were given; those without a time stand last."""
    import pyarrow.compute as pc

    desk = replace(desk, versions=True)
    events, heard = desk.events(day), voices(desk, day)
    rows = events.filter(pc.equal(events["item_id"], item)).select([*ANSWER, *PLACE, "is_gold_check"]).to_pylist()
    cast, voted = (_events(votes, item) for votes in (desk.annotations(day), heard.annotations))
    lesser = set(heard.lesser.loc[heard.lesser["item_id"] == item, "annotator_id"])
    for row in rows:
        row["counts"] = _counts(row, cast, voted, lesser)
    return sorted(rows, key=lambda r: (r["annotated_at"] is None, r["annotated_at"], r["annotator_id"], r["event_id"]))


def _events(votes: Any, item: str) -> set[str]:
    import pyarrow.compute as pc

    return set(votes.filter(pc.equal(votes["item_id"], item))["event_id"].to_pylist())


def _counts(row: Row, cast: set[str], voted: set[str], lesser: set[str]) -> str:
    """What an answer counts for: `cast` are the events that are votes, `voted` those of them that count."""
    if row["status"] != "submitted":
        return f"no: {row['status']}"
    if row["role"] == "adjudicator":
        return "decides"
    if row["role"] == "model":
        return "as a model's evidence"
    if row["event_id"] in voted:
        return f"{LESS_WEIGHT:g} ({LESS})" if row["annotator_id"] in lesser else "1"
    if row["event_id"] in cast:
        return "no: below the limit of gold checks"
    return "no: test question" if row["is_gold_check"] else "no: the same annotator answered again"


def _course(desk: Desk, item: str, day: date) -> list[Row]:
    with connect() as con:
        found = con.execute(
            f"""
            SELECT day::DATE AS day, label, status, confidence, n_annotations, method
            FROM read_parquet({file_list(desk.lake.files(CONSENSUS_LABELS, day))}, hive_partitioning = true)
            WHERE item_id = ?
            QUALIFY (label, status, n_annotations, method) IS DISTINCT FROM
                lag((label, status, n_annotations, method)) OVER (ORDER BY day)
            ORDER BY day
            """,
            [item],
        ).fetchall()
    return [
        dict(zip(("day", "label", "status", "confidence", "n_annotations", "method"), r, strict=True)) for r in found
    ]
