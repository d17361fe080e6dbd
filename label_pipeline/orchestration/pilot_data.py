"""What a pilot is drawn from, planned with and told by, gathered from a project's partitions.

How items are drawn, what a plan assumes and what an outcome is stands in `pilot`.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from label_pipeline.batches.compose import PILOT, plain_batch
from label_pipeline.batches.returned import still_out
from label_pipeline.batches.sent import sent_rows
from label_pipeline.contracts.tables import CONSENSUS_LABELS, DISPATCHES, GOLD_SET, KPIS, PREDICTIONS
from label_pipeline.errors import UserError
from label_pipeline.gold.life import in_force
from label_pipeline.held_codes import plain
from label_pipeline.landing import sent_files
from label_pipeline.matrices import matrix_of
from label_pipeline.noise.neighbours import available, neighbours
from label_pipeline.orchestration.desk import Desk
from label_pipeline.pilot.draw import CANDIDATES, apart, check_size, drawing_order
from label_pipeline.pilot.outcome import Pilot
from label_pipeline.pilot.plan import USUAL_ALPHA, Assumptions, agreement_at
from label_pipeline.state import current_events, json_values
from label_pipeline.votes import BoolArray, IntArray, Votes

if TYPE_CHECKING:
    import pyarrow as pa

GUESS = "class guess"
LEAST_AGREEMENTS = 30
"""Items with two answers from which the agreement that is known is expected again."""


@dataclass(frozen=True)
class Drawn:
    """The items of a pilot in the order in which they were drawn, with their class guess and slices.

    `known` counts the project's items, `gold` those left out because their truth is settled, `out` those that are out
    to be labelled, and `near` those left out because a near duplicate is in the pilot or is gold. `strata` are the
    columns by which was drawn, `notes` what could not be done.
    """

    items: pd.DataFrame
    known: int
    gold: int
    out: int
    near: int
    strata: tuple[str, ...]
    notes: tuple[str, ...]


def require_one_class(desk: Desk) -> None:
    """Raises UserError for labels whose agreement is not that of classes."""
    labels = desk.project.labels
    if not labels.has_one_class:
        raise UserError(
            f"labels of type '{labels.type}' have no agreement by class",
            where=f"project {desk.project.project}",
            rule="single_choice or ordinal",
        )


def newest_day(desk: Desk, day: date | None) -> date:
    """The day asked for, or the newest that was computed up to its labels.

    Raises:
        UserError: no such day was computed.
    """
    return desk.lake.newest(CONSENSUS_LABELS, day)


def drawn(desk: Desk, day: date, size: int, *, out: Collection[str] = ()) -> Drawn:
    """The pilot of `size` items from what was known at the end of `day`; items that are `out` are left to come back.

    Raises:
        UserError: a size that is no pilot's, or no item to draw.
    """
    check_size(size)
    project, items = desk.project, desk.items(day)
    gold = set(in_force(desk.frame(GOLD_SET, day), day)["item_id"])
    pool = _pool(desk, day, items)
    free = pool[~pool["item_id"].isin(gold) & ~pool["item_id"].isin(out)].reset_index(drop=True)
    if not len(free):
        raise UserError(
            "there is no item to draw",
            where=f"project {project.project}, {day}",
            do="Land items nobody has labelled yet, with a source of items or in an export with unlabelled tasks.",
        )
    strata = [c for c in free.columns if c not in ("item_id", "labelled") and free[c].nunique() > 1]
    order = drawing_order(free, strata, seed=f"{project.project}\x1f{day}")
    head = free.iloc[order].head(CANDIDATES)
    sets, note = _duplicate_sets(desk, items, [*head["item_id"], *sorted(gold)])
    stays = apart(sets, np.arange(len(sets)) >= len(head))[: len(head)]
    near = int((~stays[: _reach(stays, size)]).sum())
    chosen = head[stays].head(size).reset_index(drop=True)
    notes = [note] if note else []
    if len(chosen) < size:
        notes.append(f"only {len(chosen):,} of {size:,} items could be drawn")
    if chosen["labelled"].any():
        notes.append(f"{int(chosen['labelled'].sum()):,} of them have been labelled before: there are no others")
    return Drawn(
        chosen, len(pool), int(pool["item_id"].isin(gold).sum()), len(pool[pool["item_id"].isin(out)]), near,
        tuple(strata), tuple(notes),
    )  # fmt: skip


def sent_before(desk: Desk, day: date, item_ids: Collection[str]) -> Drawn:
    """A pilot that was drawn from `day` and sent, as it would be shown: what has left is what it was, whatever is out
    or settled since."""
    pool = _pool(desk, day, desk.items(day))
    chosen = pool[pool["item_id"].isin(item_ids)].reset_index(drop=True)
    strata = tuple(c for c in chosen.columns if c not in ("item_id", "labelled") and chosen[c].nunique() > 1)
    return Drawn(chosen, len(pool), 0, 0, 0, strata, ())


def _reach(stays: BoolArray, size: int) -> int:
    """How many candidates were looked at until `size` of them stayed."""
    enough = np.flatnonzero(np.cumsum(stays) >= size)
    return int(enough[0]) + 1 if len(enough) else len(stays)


def _pool(desk: Desk, day: date, items: pa.Table) -> pd.DataFrame:
    """Every item: item_id, labelled, the model's choice ('' for none) and the slices, as text."""
    pool: pd.DataFrame = items.select(["item_id"]).to_pandas()
    consensus = desk.labels(day).set_index("item_id")["n_annotations"]
    pool["labelled"] = pool["item_id"].map(consensus).fillna(0).to_numpy() > 0
    pool[GUESS] = _guesses(desk, day, pool["item_id"])
    for name in desk.project.items.slices:
        pool[name] = items[f"slice_{name}"].to_pandas().fillna("").astype(str)
    return pool


def _guesses(desk: Desk, day: date, item_ids: pd.Series[Any]) -> pd.Series[Any]:
    """The class that models hold most likely, by their mean; empty for an item that no model knows."""
    table = desk.lake.read(PREDICTIONS, day) if desk.lake.has(PREDICTIONS, day) else PREDICTIONS.empty()
    if not len(table):
        return pd.Series("", index=item_ids.index)
    frame = table.to_pandas()
    each = matrix_of(frame["probabilities"], len(desk.project.labels.classes))
    matrix = pd.DataFrame(each, index=frame["item_id"]).groupby(level=0).mean()
    names = np.asarray(desk.project.labels.classes, dtype=object)
    # A model that tells nothing apart, such as one without labels to learn from, makes no guess.
    best = matrix.to_numpy().argmax(axis=1)
    told = np.where(np.ptp(matrix.to_numpy(), axis=0).max() > 1e-9, names[best], "")
    return item_ids.map(pd.Series(told, index=matrix.index)).fillna("")


def features_of(desk: Desk, items: pa.Table, ids: Sequence[str]) -> Any:
    """Points of some items in which near duplicates lie together, (n, d); None where no field says how they look.

    The built-in model's inputs, or the text that the report shows.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    from label_pipeline.noise.out_of_fold import standardised, text_features

    base = desk.project.predictions.baseline
    field = (base.text or base.features) if base else desk.project.items.text
    if field is None:
        return None
    rows = pc.index_in(pa.array(list(ids), pa.string()), items["item_id"].combine_chunks())
    values = json_values(items["payload"].take(rows), field)
    if base is None or base.text:
        return text_features([None if value is None else str(value) for value in values])
    width = max((len(value) for value in values if isinstance(value, list)), default=0)
    matrix = np.full((len(values), max(width, 1)), np.nan)
    for k, value in enumerate(values):
        if isinstance(value, list) and len(value) == width:
            matrix[k] = pd.to_numeric(pd.Series(value), errors="coerce")
    return standardised(matrix)


def _duplicate_sets(desk: Desk, items: pa.Table, ids: Sequence[str]) -> tuple[IntArray, str]:
    """Numbers shared by near duplicates, -1 for none, and why there are none where it could not be told."""
    points = features_of(desk, items, ids) if available() else None
    if points is None:
        return np.full(len(ids), -1, dtype=np.int64), "near duplicates cannot be told: name items.text or a baseline"
    found = neighbours(points)
    return found.duplicate_set, found.note


def assumptions(desk: Desk, day: date, chosen: pd.DataFrame, answers: int) -> Assumptions:
    """What is believed before of class shares, from the model's guesses or the labels there are, and of agreement, from
    the night's figure, else the project's target, else what is usual."""
    classes = desk.project.labels.classes
    labels = desk.labels(day)["label"].dropna()
    if (chosen[GUESS] != "").any():
        told, words = chosen[GUESS], "class shares: the model's guesses of these items"
    elif len(labels):
        told, words = labels, f"class shares: the {len(labels):,} labels there are"
    else:
        told, words = pd.Series(classes), "class shares: all classes alike, as nothing is known"
    counts = told.value_counts().reindex(list(classes)).fillna(0).to_numpy(np.float64)
    shares = counts / counts.sum()
    agreement, why = _agreement(desk, day, shares)
    return Assumptions(classes, shares, agreement, answers, (words, f"agreement: {why}"))


def _agreement(desk: Desk, day: date, shares: Any) -> tuple[float, str]:
    kpis = desk.frame(KPIS, day) if desk.lake.has(KPIS, day) else KPIS.empty().to_pandas()
    known = kpis[(kpis["kpi"] == "raw_agreement") & (kpis["dimension"] == "all") & (kpis["n"] >= LEAST_AGREEMENTS)]
    if len(known) and pd.notna(known["value"].iloc[0]):
        value = float(known["value"].iloc[0])
        return value, f"that of {int(known['n'].iloc[0]):,} items by the end of {day} ({value:.0%} of pairs)"
    target = desk.project.kpis.get("alpha")
    if target is not None and target.at_least is not None:
        return agreement_at(target.at_least, shares), f"at the target, alpha {target.at_least:g}"
    return agreement_at(USUAL_ALPHA, shares), f"at alpha {USUAL_ALPHA:g}, the least for tentative conclusions"


def people_asked(desk: Desk) -> int:
    """How many people an item of the pilot is asked of: as many as the project asks of a new item, two at least."""
    project = desk.project
    return max(project.batches.people or project.consensus.annotations.min, 2)


def pilot_batch(desk: Desk, day: date, chosen: pd.DataFrame, size: int, people: int) -> pd.DataFrame:
    """The batch of a pilot, a frame of `batches`: its name says the night it was drawn from and its size."""
    name = batch_name(desk, day, size)
    again = chosen.loc[chosen["labelled"], "item_id"]
    given = plain(desk.annotations(day), ["item_id", "annotator_id"]) if len(again) else pd.DataFrame()
    exclude = (
        {str(item): set(own) for item, own in given[given["item_id"].isin(again)].groupby("item_id")["annotator_id"]}
        if len(given)
        else {}
    )
    return plain_batch(chosen["item_id"], PILOT, name, people=people, seed=name, exclude=exclude)


def batch_name(desk: Desk, day: date, size: int) -> str:
    """The name of the pilot of `size` items that was drawn from the night of `day`."""
    return f"{desk.project.project}-{day}-pilot-{size}"


def out_now(desk: Desk, day: date) -> frozenset[str]:
    """The items that are out: those of the night's dispatches, and those of batches that were sent since."""
    dispatches = desk.frame(DISPATCHES, day) if desk.lake.has(DISPATCHES, day) else DISPATCHES.empty().to_pandas()
    known = set(dispatches["batch_id"])
    later = sent_rows([p for p in sent_files(desk.folder, desk.project.project, date.max) if p.stem not in known])
    return still_out(dispatches) | frozenset(later["item_id"])


def sent_pilots(desk: Desk, until: date) -> pd.DataFrame:
    """The rows of every pilot that was sent by the end of `until`: the columns of `batches` and sent_on."""
    rows = sent_rows(sent_files(desk.folder, desk.project.project, until))
    return rows[rows["purpose"] == PILOT].reset_index(drop=True)


def returned(desk: Desk, day: date, batches: Collection[str]) -> Pilot:
    """What came back of some batches by the end of `day`; of all there is where none is named.

    Of a batch that was sent from here its items are those asked, and an answer belongs to it that names it, or that
    names no batch of ours and was given by one of whom the night's dispatches say so. Of a batch of another tool the
    items are those answered.

    Raises:
        UserError: no answer of these batches has been accepted.
    """
    project = desk.project
    events = plain(current_events(desk.lake, day, desk.people))
    given = events[(events["status"] == "submitted") & ~events["role"].isin(["adjudicator", "model"])]
    sent = sent_rows(sent_files(desk.folder, project.project, day))
    asked = sent[sent["batch_id"].isin(batches)]
    ours = given if not batches else given[given["batch_id"].isin(batches)]
    if len(asked):
        ours = pd.concat([ours, _without_batch(desk, day, given, asked, set(sent["batch_id"]))])
    if not len(ours):
        raise _nothing_back(desk, day, batches, events, asked)
    items = desk.items(day)["item_id"].to_pylist() if not batches else {*asked["item_id"], *ours["item_id"]}
    answers = ours.drop_duplicates("event_id").reset_index(drop=True)
    return Pilot(
        votes=Votes.build(answers, classes=project.labels.classes, items=np.asarray(sorted(items), dtype=object)),
        kind="ordinal" if project.labels.type == "ordinal" else "single_choice",
        answers=answers,
        consensus=desk.frame(CONSENSUS_LABELS, day),
        kpis=desk.frame(KPIS, day) if desk.lake.has(KPIS, day) else KPIS.empty().to_pandas(),
        targets=project.kpis,
        rates=project.costs,
        least=project.consensus.annotations.min,
        most=project.consensus.annotations.max,
        seed=day.toordinal(),
    )


def _without_batch(
    desk: Desk, day: date, given: pd.DataFrame, asked: pd.DataFrame, known: Collection[str]
) -> pd.DataFrame:
    """Answers that name no batch of ours and belong to the rows `asked` all the same."""
    if not desk.lake.has(DISPATCHES, day):
        return given.head(0)
    rows = desk.frame(DISPATCHES, day)
    rows = rows[rows["batch_id"].isin(asked["batch_id"])][["item_id", "answered_by", "sent_on"]].explode("answered_by")
    pairs = rows.rename(columns={"answered_by": "annotator_id"}).dropna()
    lost = given[~given["batch_id"].isin(known)].merge(pairs, on=["item_id", "annotator_id"])
    return lost[pd.to_datetime(lost["landed_day"]) >= pd.to_datetime(lost["sent_on"])][given.columns]


def _nothing_back(
    desk: Desk, day: date, batches: Collection[str], events: pd.DataFrame, asked: pd.DataFrame
) -> UserError:
    where, name = f"project {desk.project.project}", desk.project.project
    if not batches:
        return UserError(f"no answer has been accepted by the end of {day}", where=where, do="Land some first.")
    seen = sorted(set(events["batch_id"].dropna()))
    what = f"no answer of batch {', '.join(sorted(batches))} has been accepted by the end of {day}"
    if len(asked):
        return UserError(
            what, where=where, do=f"Land or pull the answers, then: label-pipeline nightly --project {name}"
        )
    do = f"Batches with answers: {', '.join(seen[:10])}." if seen else "No landed answer names a batch: see --all."
    return UserError(what, where=where, do=do)
