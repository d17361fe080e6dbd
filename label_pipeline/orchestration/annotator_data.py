"""What an annotator's own report is made of, read from the partitions of a night: the person's rows, and the group's.

Who is meant may be written as a pseudonym or as a login; a login is never repeated in a message.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any

import pandas as pd

from label_pipeline.annotators.own import MINIMUM, OwnClass, OwnFigure, own_classes, own_figures
from label_pipeline.annotators.standing import given_on
from label_pipeline.contracts.tables import (
    ANNOTATOR_QUALITY,
    ANNOTATOR_STANDING,
    CONSENSUS_LABELS,
    GOLD_SCORES,
    GOLD_SET,
)
from label_pipeline.errors import UserError
from label_pipeline.gold.checks import check_answers
from label_pipeline.held_codes import plain
from label_pipeline.orchestration.desk import Desk
from label_pipeline.privacy.persons import PSEUDONYM

Row = dict[str, Any]
ANSWER = ["item_id", "annotator_id", "label", "annotated_at", "landed_day", "duration_s"]


@dataclass(frozen=True)
class OwnReport:
    """One annotator as of `day`.

    `counts` are answers by status; `first` and `last` the days of the first and the last vote. `flags` are told only
    from as many votes on as it takes to judge. `stretches` are the rows of annotator_standing, `missed` the gold checks
    that were answered otherwise: item_id, given_on, label, true_label.
    """

    project: str
    owner: str
    day: date
    annotator: str
    group: str
    counts: dict[str, int]
    first: date
    last: date
    figures: list[OwnFigure]
    classes: list[OwnClass]
    flags: list[str]
    stretches: list[Row]
    missed: list[Row]


def annotator_named(desk: Desk, who: str) -> list[str]:
    """The pseudonyms that `who` may stand for: itself, or those of the login at each source.

    Raises:
        UserError: SOURCE in SOURCE:LOGIN is none of the project's.
    """
    if PSEUDONYM.fullmatch(who):
        return [who]
    source, colon, login = who.partition(":")
    if colon and source in desk.project.sources:
        return [desk.persons.annotator(source, login)]
    return sorted({desk.persons.annotator(name, who) for name in desk.project.sources})


def own_report(desk: Desk, who: str, day: date) -> OwnReport:
    """The report of one annotator as of the night of `day`.

    Raises:
        UserError: the night was not computed, or counts votes of nobody so called, or of several.
    """
    quality = desk.frame(ANNOTATOR_QUALITY, day)
    known = quality[quality["annotator_id"].isin(annotator_named(desk, who))]
    if len(known) != 1:
        several, nobody = "several people are called so", "nobody of that name or pseudonym had a vote"
        raise UserError(
            f"{several if len(known) else nobody} by {day}",
            where=f"project {desk.project.project}",
            do="Write SOURCE:LOGIN as the source writes it, or the pseudonym as the report has it.",
        )
    own, scores = known.iloc[0], desk.frame(GOLD_SCORES, day)
    person = str(own["annotator_id"])
    votes = _rows(desk.annotations(day), person)
    labels = desk.frame(CONSENSUS_LABELS, day).set_index("item_id")["label"]
    votes = votes.assign(given_on=given_on(votes, desk.project.timezone), consensus=votes["item_id"].map(labels))
    meaning = desk.project.labels.meaning
    stood = desk.frame(ANNOTATOR_STANDING, day)
    return OwnReport(
        desk.project.project,
        desk.project.owner,
        day,
        person,
        str(own["group"]),
        _statuses(desk, person, day),
        votes["given_on"].min().date(),
        votes["given_on"].max().date(),
        own_figures(person, quality, scores, votes["duration_s"].to_numpy("float64")),
        own_classes(person, votes, scores, desk.project.labels.classes, meaning.holds),
        list(own["flags"]) if own["n"] >= MINIMUM else [],
        stood[stood["annotator_id"] == person].to_dict("records"),  # type: ignore[arg-type]
        _missed(desk, votes, day),
    )


def _rows(table: Any, person: str) -> pd.DataFrame:
    import pyarrow.compute as pc

    return plain(table.filter(pc.equal(table["annotator_id"], person)), ANSWER)


def _statuses(desk: Desk, person: str, day: date) -> dict[str, int]:
    import pyarrow.compute as pc

    events = desk.events(day)
    said = events.filter(pc.equal(events["annotator_id"], person))["status"].to_pandas().value_counts()
    return {name: int(said.get(name, 0)) for name in ("submitted", "skipped", "rejected")}


def _missed(desk: Desk, votes: pd.DataFrame, day: date) -> list[Row]:
    """The checks that score the person and were answered otherwise, newest first."""
    answers = check_answers(votes, desk.frame(GOLD_SET, day), day, right=desk.project.labels.meaning.right)
    wrong = answers[~answers["right"].astype(bool)].merge(votes[["item_id", "label"]], on="item_id")
    wrong = wrong.sort_values(["given_on", "item_id"], ascending=[False, True])
    found: list[Row] = wrong[["item_id", "given_on", "label", "true_label"]].to_dict("records")  # type: ignore[assignment]
    return found
