"""The life of the gold set: which truths are in force, since when, and where they came from.

Here belongs the step from one day's gold set to the next. Reading seeds, who may adjudicate, and where a set is
kept stand elsewhere; so do checks of annotators against gold.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import date

import pandas as pd

from label_pipeline.errors import UserError, nearest

ROLES = ("check", "evaluation")
COLUMNS = ["item_id", "version", "label", "origin", "role", "valid_from", "valid_to", "evidence"]
WHAT_MAKES_A_VERSION = ["label", "origin", "role"]


@dataclass(frozen=True, slots=True)
class GoldUpdate:
    """The gold set as of a day, and the items on which its sources contradict each other.

    `frame` has the columns of the table gold_set, every version ever in force, sorted by item and version.
    `conflicts` has item_id, origin (seed or adjudication), labels (a sorted list) and words; such an item has
    no truth in force.
    """

    frame: pd.DataFrame
    conflicts: pd.DataFrame


def gold_set(previous: pd.DataFrame, seeds: pd.DataFrame, adjudications: pd.DataFrame, day: date) -> GoldUpdate:
    """The gold set at the end of `day`, from the set of the day before and today's sources.

    `previous` is a frame of gold_set (it may be empty, or be today's own result: running a day twice gives the
    same frame). `seeds` has item_id, label, role, evidence; an empty role is drawn by `role_of`. `adjudications`
    has item_id, label, annotator_id, annotated_at, evidence: all decisions that stand today; of one adjudicator's
    decisions on an item the newest counts.

    A seed binds over adjudications. A truth whose label, origin or role changed closes its version today and
    opens the next; one whose source is gone closes; other evidence for the same truth changes nothing. Seeds
    that differ in label or stated role, and adjudicators that differ, settle nothing and are conflicts.
    Raises UserError for an empty item or label, and for a role other than check and evaluation.
    """
    seeded, seed_conflicts = _settle_seeds(seeds)
    decided, decision_conflicts = _settle_adjudications(adjudications)
    claimed = set(seeded["item_id"]) | set(seed_conflicts["item_id"])
    wanted = pd.concat([seeded, decided[~decided["item_id"].isin(claimed)]], ignore_index=True)
    conflicts = pd.concat(
        [seed_conflicts, decision_conflicts[~decision_conflicts["item_id"].isin(claimed)]], ignore_index=True
    )
    return GoldUpdate(
        _step(_eve(previous, day), wanted, day),
        conflicts.sort_values("item_id", kind="stable", ignore_index=True),
    )


def in_force(frame: pd.DataFrame, day: date) -> pd.DataFrame:
    """The rows of a gold_set frame in force on `day`: valid_from ≤ day < valid_to; at most one an item."""
    moment = pd.Timestamp(day)
    ends = pd.to_datetime(frame["valid_to"])
    started = pd.to_datetime(frame["valid_from"]) <= moment
    return frame[started & (ends.isna() | (ends > moment))].reset_index(drop=True)


def role_of(item_id: str) -> str:
    """The role of a seed that states none: about half are check and half evaluation, for ever by the item's id."""
    # The personalisation keeps this split independent of every other split by a hash of the id.
    digest = hashlib.blake2b(item_id.encode(), digest_size=8, person=b"gold role").digest()
    return ROLES[digest[0] & 1]


def _settle_seeds(seeds: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """One row of label, origin, role, evidence a seeded item, and the seeds that contradict each other."""
    seeds = _complete(seeds, "gold seeds")
    stated = seeds["role"].dropna()
    for role in sorted(set(stated) - set(ROLES)):
        raise UserError(f"'{role}' is not a role of gold", where="gold seeds", do=nearest(role, ROLES))
    seeds = seeds.sort_values(["item_id", "label", "evidence"], kind="stable")
    of_item = seeds.groupby("item_id", sort=False)
    clash = (of_item["label"].transform("nunique") > 1) | (of_item["role"].transform("nunique") > 1)
    # `first` takes the first role that is stated, so one silent file does not contradict another.
    settled = seeds[~clash].groupby("item_id", as_index=False).first()
    silent = settled["role"].isna()
    settled.loc[silent, "role"] = settled.loc[silent, "item_id"].map(role_of)
    settled["origin"] = "seed"
    said = seeds["label"] + " as " + seeds["role"].fillna("any role") + " in " + seeds["evidence"]
    return settled, _conflicts(seeds[clash], said[clash], "seed", "seeds differ")


def _settle_adjudications(adjudications: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """One row of label, origin, role, evidence an adjudicated item, and the items adjudicators disagree on."""
    rows = _complete(adjudications, "adjudications")
    rows = rows.assign(annotated_at=pd.to_datetime(rows["annotated_at"], utc=True))
    order = ["item_id", "annotator_id", "annotated_at", "label", "evidence"]
    rows = rows.sort_values(order, na_position="first", kind="stable")
    rows = rows.drop_duplicates(["item_id", "annotator_id"], keep="last")
    clash = rows.groupby("item_id", sort=False)["label"].transform("nunique") > 1
    settled = rows[~clash].drop_duplicates("item_id")[["item_id", "label", "evidence"]]
    settled = settled.assign(role="check", origin="adjudication")
    said = rows["label"] + " by " + rows["annotator_id"]
    return settled, _conflicts(rows[clash], said[clash], "adjudication", "adjudicators differ")


def _conflicts(rows: pd.DataFrame, said: pd.Series[str], origin: str, what: str) -> pd.DataFrame:
    labels = rows.groupby("item_id")["label"].agg(lambda each: sorted(set(each)))
    words = said.groupby(rows["item_id"]).agg(lambda each: f"{what}: " + ", ".join(sorted(set(each))))
    return pd.DataFrame(
        {
            "item_id": labels.index.astype(object),
            "origin": origin,
            "labels": labels.to_list(),
            "words": words.to_list(),
        }
    )


def _eve(previous: pd.DataFrame, day: date) -> pd.DataFrame:
    """The set as it stood before `day`: what opened later is undone, what closed later is open again."""
    rows = previous[COLUMNS]
    rows = rows[pd.to_datetime(rows["valid_from"]) < pd.Timestamp(day)]
    valid_to = rows["valid_to"].astype(object)
    valid_to[pd.to_datetime(valid_to) >= pd.Timestamp(day)] = None
    return rows.assign(valid_to=valid_to)


def _step(eve: pd.DataFrame, wanted: pd.DataFrame, day: date) -> pd.DataFrame:
    """The eve's versions, closed where the truth is no longer wanted as it is, and the versions that open."""
    is_open = eve["valid_to"].isna()
    same = eve[is_open].merge(wanted[["item_id", *WHAT_MAKES_A_VERSION]])["item_id"]
    closing = is_open & ~eve["item_id"].isin(same)
    eve = eve.assign(valid_to=eve["valid_to"].mask(closing, day))
    opening = wanted[~wanted["item_id"].isin(same)]
    versions = eve.groupby("item_id")["version"].max()
    opening = opening.assign(
        version=opening["item_id"].map(versions).fillna(0).astype("int64") + 1, valid_from=day, valid_to=None
    )
    frame = pd.concat([part for part in (eve, opening[COLUMNS]) if len(part)] or [eve], ignore_index=True)
    frame["version"] = frame["version"].astype("int64")
    return frame.sort_values(["item_id", "version"], ignore_index=True)


def _complete(rows: pd.DataFrame, where: str) -> pd.DataFrame:
    """The rows, after making sure that each has an item and a label; evidence left out is empty text."""
    for column in ("item_id", "label"):
        missing = int(rows[column].isna().sum())
        if missing:
            raise UserError(f"{missing} of {len(rows)} have no {column}", where=where, do="Fill it in or leave it out.")
    return rows.assign(evidence=rows["evidence"].fillna(""))
