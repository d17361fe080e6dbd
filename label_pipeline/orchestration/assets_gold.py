"""Assets of settled truth: the gold set with its doubts, how annotators stand by it, how much of it there is.

Truth comes before anything that is concluded from annotations, on every day of a run. What a night's conclusions add to
it, promotions, are therefore acts in the audit log, made for the last day of a run and read by the gold of later days.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from functools import partial
from typing import Any

import dagster as dg
import numpy as np
import pandas as pd

from label_pipeline import audit
from label_pipeline.annotators.standing import COUNTING, Limit, given_on, scores, standing
from label_pipeline.clock import end_of_day
from label_pipeline.contracts.tables import (
    ANNOTATOR_STANDING,
    CONSENSUS_LABELS,
    GOLD_ASKS,
    GOLD_PLAN,
    GOLD_SCORES,
    GOLD_SET,
    LABEL_ISSUES,
    PREDICTIONS,
)
from label_pipeline.gold.checks import challenges, check_answers
from label_pipeline.gold.life import gold_set, in_force
from label_pipeline.gold.plan import gold_plan, plan_table, plan_words
from label_pipeline.gold.promote import Beyond, promotions
from label_pipeline.gold.recheck import Change, Doubts, doubted, gold_asks
from label_pipeline.gold.told import (
    PROMOTED,
    appeals,
    gold_acts,
    promoted_before,
    promotion_acts,
    roles_told,
    standing_acts,
)
from label_pipeline.held_codes import is_in, plain
from label_pipeline.matrices import matrix_of
from label_pipeline.orchestration.assets_publish import last_day_asset
from label_pipeline.orchestration.desk import Desk
from label_pipeline.orchestration.held import drawn_items, held_items
from label_pipeline.orchestration.table_assets import Check, CheckSpec, Made, Output, table_step
from label_pipeline.project import Project
from label_pipeline.project_files import gold_seeds
from label_pipeline.state import counted

VOTE = ["item_id", "annotator_id", "label", "role", "annotated_at", "landed_day"]


def build(desk: Desk) -> list[dg.AssetsDefinition]:
    """The part of a project's graph that says what is true and what more of it takes."""
    promoting = [
        last_day_asset(
            desk,
            "gold_promotions",
            "What is settled beyond doubt and becomes check gold from tomorrow on.",
            {"python"},
            _promote,
            after=("label_issues", "predictions", "annotator_standing", "gold_set"),
        )
    ]
    return [
        table_step(
            desk,
            [Output("gold_set", GOLD_SET), Output("gold_asks", GOLD_ASKS)],
            _gold,
            group="intake",
            after=["annotation_events", "items"],
            checks=[
                CheckSpec("gold_consistent", "gold_set", "No two seeds or adjudicators contradict.", blocking=False),
                CheckSpec("gold_unchallenged", "gold_set", "No good annotators challenge gold.", blocking=False),
            ],
        ),
        table_step(
            desk,
            [Output("annotator_standing", ANNOTATOR_STANDING), Output("gold_scores", GOLD_SCORES)],
            _standing,
            group="labels",
            after=["annotation_events", "gold_set"],
        ),
        table_step(
            desk,
            [Output("gold_plan", GOLD_PLAN)],
            _plan,
            group="labels",
            after=["gold_set", "consensus_labels"],
        ),
        *(promoting if desk.project.gold.promote else []),
    ]


def doubts_of(project: Project) -> Doubts:
    """When truths are looked at again, by the project file."""
    recheck = project.gold.recheck
    begun = sorted((first, name) for name, first in project.guidelines.since.items())[1:]
    changes = [Change(name, first, frozenset(recheck[name]) if name in recheck else None) for first, name in begun]
    return Doubts(project.gold.expire_after, changes, project.gold.while_due == "suspend")


def limit_of(project: Project) -> Limit | None:
    """What annotators are to get right of gold checks, by the project file."""
    asked = project.people.gold_checks
    return None if asked is None else Limit(asked.at_least, asked.otherwise)


def _gold(desk: Desk, day: date) -> Made:
    project, previous, seeds = desk.project, desk.before(GOLD_SET, day), gold_seeds(desk.folder, desk.project)
    decisions, drawn = _decisions(desk, day), drawn_items(desk, day)
    known = {*previous["item_id"], *seeds["item_id"], *decisions["item_id"]}
    log = audit.entries(desk.folder, project.project)
    promoted = promoted_before(log, end_of_day(day, project.timezone))
    known |= set(promoted["item_id"])
    update = gold_set(previous, seeds, decisions, day, promotions=promoted, drawn=drawn, roles=roles_told(log))
    votes, right = _votes(desk, day, known), project.labels.meaning.right
    challenged = challenges(
        votes,
        update.frame,
        check_answers(votes, update.frame, day, right=right),
        day,
        at_least=project.gold.challenge_after,
        good=project.people.gold_checks.at_least if project.people.gold_checks else 0.7,
        right=right,
    )
    challenged |= appeals(log, update.frame, day)
    frame = doubted(update.frame, challenged, day, doubts_of(project))
    asks = gold_asks(update, frame, drawn, day)
    acts = gold_acts(frame, decisions, day)
    audit.record_all(desk.folder, project.project, acts, at=end_of_day(day, project.timezone), once=True)
    now, why = in_force(frame, day), asks["why"].value_counts()
    said = [f"{day}, item {c['item_id']}: {c['words']}" for c in update.conflicts.to_dict("records")]
    said += [f"{day}, {note}" for note in update.notes]
    doubts = [f"{day}, item {a['item_id']}: {a['words']}" for a in asks[asks["why"] == "challenged"].to_dict("records")]
    return Made(
        rows={"gold_set": frame, "gold_asks": asks},
        figures={
            "in_force": float(len(now)),
            "evaluation": float((now["role"] == "evaluation").sum()),
            "adjudicated": float((now["origin"] == "adjudication").sum()),
            "promoted": float((now["origin"] == "promoted").sum()),
            "conflicts": float(len(update.conflicts)),
            **{f"asks_{name}": float(n) for name, n in sorted(why.items())},
        },
        plot=partial(_plot, desk, now["label"].tolist()),
        checks={
            "gold_consistent": Check(not said, "\n".join(said[:10])),
            "gold_unchallenged": Check(not doubts, "\n".join(doubts[:10])),
        },
        about={"gold_asks": Made(words="\n".join(f"- {a.item_id}: {a.words}" for a in asks.head(10).itertuples()))},
    )


def _decisions(desk: Desk, day: date) -> pd.DataFrame:
    """All decisions of adjudicators that stand, with who made them and when as evidence."""
    import pyarrow as pa

    events = desk.events(day)
    decided = is_in(events["role"], ["adjudicator"]) & is_in(events["status"], ["submitted"])
    frame = plain(events.filter(pa.array(decided)), VOTE)
    when = frame["annotated_at"].dt.strftime("%Y-%m-%d").fillna("an unknown day")
    return frame.assign(evidence="adjudicated by " + frame["annotator_id"] + " on " + when)


def _votes(desk: Desk, day: date, gold: set[str]) -> pd.DataFrame:
    """The votes on items of our gold as of `day`, with the day on which each was given."""
    gold = gold if desk.project.labels.meaning.judges else set()
    # Not the desk's annotations: those rest on today's gold set, which is only being made.
    votes = counted(_of_items(desk.events(day), gold), test_sources=desk.test_sources, gold=gold)
    frame = plain(votes, VOTE)
    return frame.assign(given_on=given_on(frame, desk.project.timezone))


def _of_items(rows: Any, items: Iterable[str]) -> Any:
    """The rows of an Arrow table on some items."""
    import pyarrow as pa

    return rows.filter(pa.array(is_in(rows["item_id"], items)))


def _standing(desk: Desk, day: date) -> Made:
    project, gold = desk.project, desk.frame(GOLD_SET, day)
    checks = set(gold.loc[gold["role"] == "check", "item_id"])
    answers = check_answers(_votes(desk, day, checks), gold, day, right=project.labels.meaning.right)
    stood = standing(answers, _first_votes(desk, day), limit_of(project))
    acts = standing_acts(stood, desk.before(ANNOTATOR_STANDING, day))
    audit.record_all(desk.folder, project.project, acts, at=end_of_day(day, project.timezone), once=True)
    lasting = stood[stood["to_day"].isna()]
    fallen = lasting[lasting["state"] != COUNTING].to_dict("records")
    return Made(
        rows={"annotator_standing": stood, "gold_scores": scores(answers, stood)},
        figures={
            "annotators": float(len(lasting)),
            "checked": float((lasting["n"] > 0).sum()),
            "below_the_limit": float(len(fallen)),
        },
        words="\n".join(f"- {r['annotator_id']} {r['state']} from {r['from_day']}: {r['reason']}" for r in fallen[:20]),
    )


def _first_votes(desk: Desk, day: date) -> pd.Series[Any]:
    """The local day of each annotator's first vote, by annotator id."""
    from label_pipeline.sql import connect

    with connect() as con:
        con.register("votes", desk.annotations(day))
        frame = con.sql(
            """
            SELECT annotator_id, min(annotated_at) AS annotated_at, min(landed_day) AS landed_day FROM votes
            GROUP BY annotator_id, annotated_at IS NULL
            """
        ).df()
    frame = frame.assign(first=given_on(frame, desk.project.timezone))
    return pd.Series(frame.groupby("annotator_id")["first"].min())


# --- how much of it there is, and what becomes gold


def _plan(desk: Desk, day: date) -> Made:
    project = desk.project
    lines = gold_plan(
        desk.frame(GOLD_SET, day),
        desk.labels(day),
        project.labels.classes,
        day,
        expire_after=project.gold.expire_after,
        right=project.labels.meaning.right,
    )
    overall = lines[0]
    return Made(
        rows={"gold_plan": plan_table(lines)},
        figures={name: float(getattr(overall, name)) for name in ("check", "evaluation", "expiring", "more")},
        words="\n".join(f"- {words}" for words in plan_words(lines)),
    )


def _promote(desk: Desk, walked: list[date]) -> dict[str, Any]:
    """Promotes once a day, and never for a day before one on which it was done: a re-run changes no later gold."""
    project, day, asked = desk.project, walked[-1], desk.project.gold.promote
    assert asked is not None
    done = [entry.at for entry in audit.entries(desk.folder, project.project, PROMOTED)]
    moment = end_of_day(day, project.timezone)
    if (done and max(done) >= moment) or desk.lake.days(CONSENSUS_LABELS)[-1] > day:
        return {"promoted": 0, "in words": f"what became gold on {day} has been decided"}
    consensus, gold = desk.labels(day), desk.frame(GOLD_SET, day)
    sure = consensus[(consensus["status"] == "accepted") & (consensus["confidence"] >= asked.confidence)]
    votes = plain(_of_items(desk.annotations(day), sure["item_id"]), VOTE)
    stood = desk.frame(ANNOTATOR_STANDING, day)
    fallen = stood[stood["to_day"].isna() & (stood["state"] != COUNTING)]["annotator_id"]
    chosen = promotions(
        sure,
        desk.frame(LABEL_ISSUES, day),
        _choices(desk, day),
        votes,
        gold,
        day,
        Beyond(asked.independent, asked.confidence, asked.model_agrees, asked.wait_days, asked.at_most),
        barred=set(held_items(desk, day).index),
        trusted=set(votes["annotator_id"]) - set(fallen),
    )
    audit.record_all(desk.folder, project.project, promotion_acts(chosen), at=moment, once=True)
    lines = "\n".join(f"- {r.item_id} as {r.label}: {r.evidence}" for r in chosen.itertuples())
    return {"promoted": len(chosen), "in words": dg.MetadataValue.md(lines or "nothing is beyond doubt")}


def _choices(desk: Desk, day: date) -> pd.Series[str] | None:
    """The class that the models, on average, give each item; None without any."""
    frame = desk.frame(PREDICTIONS, day)
    if frame.empty:
        return None
    each = matrix_of(frame["probabilities"], len(desk.project.labels.classes))
    mean = pd.DataFrame(each, index=frame["item_id"]).groupby(level=0).mean()
    classes = np.array(desk.project.labels.classes, dtype=object)
    return pd.Series(classes[mean.to_numpy().argmax(axis=1)], index=mean.index)


def _plot(desk: Desk, labels: list[str]) -> bytes:
    from label_pipeline.report.plots import bar

    classes = list(desk.project.labels.classes)
    return bar(classes, [labels.count(c) for c in classes], "Gold in force by class")
