"""The life of the gold set: which truths are in force, since when, and where they came from.

Here belongs the step from one day's gold set to the next. Which truths are doubted stands in `recheck`, which items are
promoted in `promote`; reading seeds, who may adjudicate, and where a set is kept stand elsewhere.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

import pandas as pd

from label_pipeline.contracts.tables import GOLD_SET
from label_pipeline.errors import UserError, nearest

ROLES = ("check", "evaluation")
WHAT_MAKES_A_VERSION = ["label", "origin", "role"]
DOUBTS = ["due_on", "due_why", "challenged_on", "challenge"]


@dataclass(frozen=True, slots=True)
class GoldUpdate:
    """The gold set as of a day, and what its sources say against each other.

    `frame` has the columns of the table gold_set, every version ever in force, sorted by item and version. `claimed`
    are the items of which some source says a truth. `conflicts` has item_id, origin (seed or adjudication), labels and
    adjudicators (sorted lists), since (the day on which the last decision landed, None for seeds) and words; such an
    item has no truth in force, unless it waits for a re-check. `notes` say what a person should mend in the seeds.
    """

    frame: pd.DataFrame
    claimed: frozenset[str]
    conflicts: pd.DataFrame
    notes: tuple[str, ...]


def gold_set(
    previous: pd.DataFrame,
    seeds: pd.DataFrame,
    adjudications: pd.DataFrame,
    day: date,
    *,
    promotions: pd.DataFrame | None = None,
    drawn: Collection[str] = (),
    roles: Mapping[str, str] | None = None,
) -> GoldUpdate:
    """The gold set at the end of `day`, from the set of the day before and today's sources.

    `previous` is a frame of gold_set (it may be empty, or be today's own result: running a day twice gives the same
    frame). `seeds` has item_id, label, role, evidence. `adjudications` has item_id, label, annotator_id, annotated_at,
    landed_day, evidence: all decisions that stand today. Of one adjudicator's decisions on an item the newest counts;
    of several adjudicators', what more than half of them say. `promotions` has item_id, label, evidence: all that were
    promoted before today.

    A seed binds over adjudications, and they over a promotion. A truth that waits for a re-check is changed by nothing
    but decisions that landed after it was asked for; they bind over all, and older ones no longer count. A truth whose
    label, origin or role changed, or that a re-check confirmed, closes its version today and opens the next; one whose
    source is gone closes; other evidence for the same truth changes nothing. Seeds that differ in label or stated role,
    and adjudicators without a majority, settle nothing and are conflicts.

    An item keeps its first role for ever: that of `roles` (what is known from elsewhere) or of its first version. A new
    one has the role that its seed states or `role_of` draws; adjudicated or promoted it is a check, but for items
    `drawn` for evaluation before anybody had seen an answer to them.
    Raises UserError for an empty item or label, and for a role other than check and evaluation.
    """
    eve = _eve(previous, day)
    last = {row["item_id"]: row for row in eve.to_dict("records")}  # versions ascend: the last one stays
    first = dict(zip(eve["item_id"][::-1], eve["role"][::-1], strict=True)) | dict(roles or {})
    seeded, decided = _seeds(seeds), _decisions(adjudications, _asked_on(eve))
    promoted = _promotions(promotions)
    claimed = frozenset({*seeded, *decided, *promoted})
    wanted, held, conflicts, notes = [], set(), [], []
    for item in sorted(claimed):
        seed, decision = seeded.get(item), decided.get(item)
        claim = _binding(seed, decision, promoted.get(item))
        if claim.label is None:
            conflicts.append(claim.conflict(item))
        if item in last and waits(last[item]) and (claim.label is None or not claim.answers):
            held.add(item)
        elif claim.label is not None:
            role = first.get(item) or claim.role or ("evaluation" if item in drawn else "check")
            wanted.append(
                {
                    "item_id": item,
                    "label": claim.label,
                    "origin": claim.origin,
                    "role": role,
                    "evidence": claim.evidence,
                }
            )
            notes += _notes(item, role, claim, seed)
    frame = _step(eve, pd.DataFrame(wanted, columns=["item_id", *WHAT_MAKES_A_VERSION, "evidence"]), held, day)
    return GoldUpdate(frame, claimed, pd.DataFrame(conflicts, columns=_CONFLICT, dtype=object), tuple(notes))


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


def is_drawn(item_id: str, share: float) -> bool:
    """Whether an item is drawn for evaluation: a share (0 to 1) of all items, for ever by the item's id."""
    digest = hashlib.blake2b(item_id.encode(), digest_size=8, person=b"gold draw").digest()
    return (int.from_bytes(digest, "big") >> 11) / 2**53 < share


def waits(version: Mapping[Any, Any]) -> bool:
    """Whether a row of gold_set, an item's last, waits for a re-check."""
    return not (pd.isna(version["due_on"]) and pd.isna(version["challenged_on"]))


@dataclass(frozen=True, slots=True)
class _Claim:
    """What one source says of an item; without a label it contradicts itself. `answers`: it was asked for."""

    origin: str
    label: str | None
    role: str | None
    evidence: str
    labels: tuple[str, ...] = ()
    adjudicators: tuple[str, ...] = ()
    since: date | None = None
    words: str = ""
    answers: bool = False

    def conflict(self, item: str) -> list[Any]:
        return [item, self.origin, list(self.labels), list(self.adjudicators), self.since, self.words]


_CONFLICT = ["item_id", "origin", "labels", "adjudicators", "since", "words"]


def _binding(seed: _Claim | None, decision: _Claim | None, promotion: _Claim | None) -> _Claim:
    """What counts of what several sources say; a seed that was decided anew stays one by origin and role."""
    if decision and decision.answers and seed:
        return replace(decision, origin="seed" if decision.label else decision.origin, role=seed.role)
    claim = seed or decision or promotion
    assert claim is not None
    return claim


def _notes(item: str, role: str, claim: _Claim, seed: _Claim | None) -> list[str]:
    notes = []
    if seed and seed.role and seed.role != role and claim.origin == "seed":
        notes.append(f"item {item} is {role} gold for ever; {seed.evidence} says {seed.role}")
    if seed and claim.answers and seed.label != claim.label:
        notes.append(f"item {item} was decided anew as {claim.label}; mend {seed.evidence}, which says {seed.label}")
    return notes


def _seeds(seeds: pd.DataFrame) -> dict[str, _Claim]:
    """What the seeds say of each item."""
    seeds = _complete(seeds, "gold seeds")
    stated = [None if pd.isna(role) or role == "" else str(role) for role in seeds["role"]]
    for role in sorted({role for role in stated if role} - set(ROLES)):
        raise UserError(f"'{role}' is not a role of gold", where="gold seeds", do=nearest(role, ROLES))
    seeds = seeds.assign(role=pd.Series(stated, index=seeds.index, dtype=object))
    rows = seeds.sort_values(["item_id", "label", "evidence"], kind="stable").to_dict("records")
    of_item: dict[str, list[dict[Any, Any]]] = {}
    for row in rows:
        of_item.setdefault(row["item_id"], []).append(row)
    return {item: _seed(item, each) for item, each in of_item.items()}


def _seed(item: str, rows: list[dict[Any, Any]]) -> _Claim:
    labels, roles = sorted({r["label"] for r in rows}), sorted({r["role"] for r in rows if r["role"]})
    if len(labels) > 1 or len(roles) > 1:
        said = sorted({f"{r['label']} as {r['role'] or 'any role'} in {r['evidence']}" for r in rows})
        return _Claim("seed", None, None, "", tuple(labels), words=f"seeds differ: {', '.join(said)}")
    return _Claim("seed", labels[0], roles[0] if roles else role_of(item), rows[0]["evidence"])


def _decisions(adjudications: pd.DataFrame, asked: Mapping[str, pd.Timestamp]) -> dict[str, _Claim]:
    """What the adjudicators say of each item; once one of them has answered a re-check, only answers to it count."""
    rows = _complete(adjudications, "adjudications")
    rows = rows.assign(
        annotated_at=pd.to_datetime(rows["annotated_at"], utc=True),
        answers=pd.to_datetime(rows["landed_day"]) > pd.to_datetime(rows["item_id"].map(asked)),
    )
    answered = rows["item_id"].isin(rows.loc[rows["answers"], "item_id"])
    rows = rows[rows["answers"] | ~answered]
    order = ["item_id", "annotator_id", "annotated_at", "label", "evidence"]
    rows = rows.sort_values(order, na_position="first", kind="stable")
    rows = rows.drop_duplicates(["item_id", "annotator_id"], keep="last")
    of_item: dict[str, list[dict[Any, Any]]] = {}
    for row in rows.to_dict("records"):
        of_item.setdefault(row["item_id"], []).append(row)
    return {item: _decision(each) for item, each in of_item.items()}


def _decision(rows: list[dict[Any, Any]]) -> _Claim:
    counts = Counter(r["label"] for r in rows)
    label, most = max(counts.items(), key=lambda pair: (pair[1], pair[0]))
    people, answers = tuple(sorted(r["annotator_id"] for r in rows)), bool(rows[0]["answers"])
    since = max(pd.Timestamp(r["landed_day"]) for r in rows).date()
    if 2 * most <= len(rows):
        said = ", ".join(sorted(f"{r['label']} by {r['annotator_id']}" for r in rows))
        words = f"adjudicators differ: {said}"
        return _Claim("adjudication", None, None, "", tuple(sorted(counts)), people, since, words, answers)
    evidence = "; ".join(dict.fromkeys(r["evidence"] for r in rows if r["label"] == label))
    return _Claim("adjudication", label, None, evidence, adjudicators=people, since=since, answers=answers)


def _promotions(promotions: pd.DataFrame | None) -> dict[str, _Claim]:
    rows = [] if promotions is None else promotions.to_dict("records")
    return {row["item_id"]: _Claim("promoted", row["label"], None, row["evidence"]) for row in rows}


def _eve(previous: pd.DataFrame, day: date) -> pd.DataFrame:
    """The set as it stood before `day`: what opened or was doubted later is undone, what closed later is open again."""
    rows = previous.reindex(columns=GOLD_SET.names)
    rows = rows[pd.to_datetime(rows["valid_from"]) < pd.Timestamp(day)].astype(object)
    for ends, what in (("valid_to", ["valid_to"]), ("due_on", DOUBTS[:2]), ("challenged_on", DOUBTS[2:])):
        rows.loc[(pd.to_datetime(rows[ends]) >= pd.Timestamp(day)) | rows[ends].isna(), what] = None
    return rows.sort_values(["item_id", "version"], kind="stable", ignore_index=True)


def _asked_on(eve: pd.DataFrame) -> dict[str, pd.Timestamp]:
    """The day on which a re-check of each item was last asked for."""
    days = pd.concat(
        [eve[["item_id", name]].set_axis(["item_id", "day"], axis=1) for name in ("due_on", "challenged_on")]
    )
    days = days.assign(day=pd.to_datetime(days["day"])).dropna()
    return dict(days.groupby("item_id")["day"].max())


def _is_open(version: Mapping[Any, Any]) -> bool:
    return bool(pd.isna(version["valid_to"]))


def _step(eve: pd.DataFrame, wanted: pd.DataFrame, held: Collection[str], day: date) -> pd.DataFrame:
    """The eve's versions, closed where the truth is no longer wanted as it is, and the versions that open."""
    is_open = eve["valid_to"].isna()
    sound = eve["due_on"].isna() & eve["challenged_on"].isna()
    same = eve.loc[is_open & sound, ["item_id", *WHAT_MAKES_A_VERSION]].merge(wanted)["item_id"]
    closing = is_open & ~eve["item_id"].isin({*same, *held})
    eve = eve.assign(valid_to=eve["valid_to"].mask(closing, day))
    opening = wanted[~wanted["item_id"].isin(same)]
    versions = eve["version"].astype("int64").groupby(eve["item_id"]).max()
    opening = opening.assign(
        version=opening["item_id"].map(versions).fillna(0).astype("int64") + 1, valid_from=day
    ).reindex(columns=GOLD_SET.names)
    frame = pd.concat([part for part in (eve, opening.astype(object)) if len(part)] or [eve], ignore_index=True)
    frame = frame.astype(object).mask(frame.isna(), None).assign(version=frame["version"].astype("int64"))
    return pd.DataFrame(frame.sort_values(["item_id", "version"], ignore_index=True))


def _complete(rows: pd.DataFrame, where: str) -> pd.DataFrame:
    """The rows, after making sure that each has an item and a label; evidence left out is empty text."""
    for column in ("item_id", "label"):
        missing = int(rows[column].isna().sum())
        if missing:
            raise UserError(f"{missing} of {len(rows)} have no {column}", where=where, do="Fill it in or leave it out.")
    return rows.assign(evidence=rows["evidence"].fillna(""))
