"""What goes out to be labelled: which items for which purpose, how many people each, which with a model's label.

Here belong shares, budgets, the hiding of gold checks and the order of a batch. What an item is worth is `relabel`'s,
what is out already `returned`'s; what people get to see of a row is `payload`'s, which is not told its purpose.

Gold checks are hidden by what the other rows are like: they ask as many people as a row drawn from these, stand where
chance puts them, and are as many as a coin decides between the two whole numbers next to their share. Labels of the
model are the one thing they cannot have, so that a row with one is no gold check. Therefore at least half of every
batch goes without: the rows among which gold checks hide are a gold check at most twice as often as any row. Only new
items carry the model's label; another opinion that is asked for, or a pilot's, is worth its own only when nobody
suggested it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date

import numpy as np
import numpy.typing as npt
import pandas as pd

from label_pipeline.contracts.tables import BATCHES
from label_pipeline.errors import UserError
from label_pipeline.gold.holdout import EVALUATION
from label_pipeline.gold.recheck import DRAWN

PILOT, NEW, RELABEL, GOLD_CHECK, ADJUDICATION = PURPOSES = ("pilot", "new", "relabel", "gold check", "adjudication")
FOR_ADJUDICATORS = "-adjudication"
BARE_SHARE = 0.5
"""The least share of a batch that goes out without a model's label, gold checks among it."""
FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class BatchPolicy:
    """What a batch is made of.

    At most `size` rows; `new`, `relabel` and `gold` are the shares of never labelled items, of items to label again
    and of hidden gold checks, relative to each other. A gold item is sent as long as nobody can have seen it
    `gold_exposure` times. A new item asks `people`, or as many as `min_annotations` lacks. With `prelabel` some of the
    new items carry the model's label. Because of gold adjudicators are asked for `rechecks` decisions at most.
    """

    size: int
    new: float
    relabel: float
    gold: float
    gold_exposure: int
    prelabel: bool
    min_annotations: int
    people: int | None = None
    rechecks: int = 20

    def __post_init__(self) -> None:
        shares = (self.new, self.relabel, self.gold)
        if not all(0 <= share < np.inf for share in shares) or self.new + self.relabel <= 0:
            raise UserError(f"shares {shares}", where="batch policy", rule="0 or more, new and relabel not both 0")
        if min(self.size, self.gold_exposure, self.min_annotations, 1 if self.people is None else self.people) < 1:
            raise UserError("size, gold_exposure, people and min_annotations are 1 or more", where="batch policy")
        if self.rechecks < 0:
            raise UserError("rechecks are 0 or more", where="batch policy")

    @property
    def gold_share(self) -> float:
        """The share of gold checks among all rows, 0 to 1."""
        return self.gold / (self.new + self.relabel + self.gold)


def compose(
    queue: pd.DataFrame,
    n_annotations: Mapping[str, int],
    gold: pd.DataFrame,
    exposure: Mapping[str, int],
    out: Collection[str],
    policy: BatchPolicy,
    *,
    project: str,
    day: date,
    annotators: Collection[str] | None = None,
    adjudicators: Collection[str] | None = None,
    budget: int | None = None,
    asks: pd.DataFrame | None = None,
    held: Mapping[str, str] | None = None,
    limits: Mapping[str, int] | None = None,
) -> pd.DataFrame:
    """Tonight's batches, a frame of `batches`: one for annotators, one for adjudicators; what nobody can do is none.

    `queue` is a frame of relabel_queue; of it only rows within the budget go out, by rank. `n_annotations` says how
    many annotations an item has (0 where it is not in it), `gold` is the gold in force (item_id, role), `exposure` how
    often somebody may have seen a gold item (`returned.exposure`), and `out` are the items that are out. `annotators`
    and `adjudicators` are who may be asked; None where that is not known. `budget` is how many answers both batches
    together may ask for, gold checks included; one for each row for them within the queue's budget when it is None.
    `limits` is how many each of them may ask for at most, by route, where a route has a limit of its own.
    `asks` is a frame of gold_asks, what adjudicators are asked because of gold; `held` from `gold.holdout.held_out`.

    An item that is out is not sent again, gold is never sent as new or to label again, and no annotator is sent
    evaluation gold, or as a check what is all but the same. Adjudicators see of evaluation gold what `asks` has of it:
    their decisions are what it is made of. An item drawn for evaluation waits for them until annotators have labelled
    it, since gold that nobody labels measures nothing. Nobody is asked who labelled the item, and a row for which
    nobody is left does not go out. The result is a function of its arguments and of nothing else; the order of rows
    does not matter.
    """
    seed = f"{project}\x1f{day}"
    asked = [row for row in _asked(queue, n_annotations) if row.within_budget]
    role = dict(zip(gold["item_id"], gold["role"], strict=True))
    measures = {item for item, why in (held or {}).items() if why == EVALUATION}
    measures.update(item for item, its in role.items() if its == "evaluation")
    free = [row for row in asked if row.item_id not in out and row.item_id not in measures]
    budget = sum(row.route in ("annotator", "adjudicator") for row in asked) if budget is None else budget
    about_gold = _asks(asks, n_annotations, out, policy)
    known = {row.item_id for row in about_gold}
    hard = [row for row in free if row.route == "adjudicator" and row.item_id not in known]
    limits = limits or {}
    experts = _for_adjudicators(about_gold, hard, policy, adjudicators, min(budget, limits.get("adjudicator", budget)))
    budget -= len(experts)
    budget = min(budget, limits.get("annotator", budget))
    unfit = {*out, *(held or {}), *(row.item_id for row in experts)}
    hidden = _unseen_gold(role, exposure, unfit, policy, seed)
    reserved = policy.gold_share if hidden else 0.0
    room, answers = (whole - round(whole * reserved) for whole in (policy.size, budget))
    unsettled = [row for row in free if row.route == "annotator" and row.item_id not in {*role, *known}]
    ordinary = _ordinary(unsettled, policy, annotators, room, answers)
    checks = _gold_checks(hidden, ordinary, policy, budget - sum(row.people for row in ordinary), seed)
    rows = _prelabelled([*ordinary, *checks], policy, seed)
    name = f"{project}-{day}"
    packed = [(name, rows), (name + FOR_ADJUDICATORS, experts)]
    return pd.concat([pack(_frame(each), batch_id, seed) for batch_id, each in packed], ignore_index=True)


def plain_batch(
    items: Iterable[str],
    purpose: str,
    batch_id: str,
    *,
    people: int,
    seed: str,
    exclude: Mapping[str, Collection[str]] | None = None,
) -> pd.DataFrame:
    """A batch of one purpose, a frame of `batches`: each item once, asked of `people`, in an order drawn by `seed`.

    This is how a pilot goes out: without gold checks, which are no part of its sample, and without the model's labels,
    which would raise the agreement that it measures. `exclude` says by item who is not asked.
    """
    unique = sorted(set(items))
    excluded = [sorted((exclude or {}).get(item, ())) for item in unique]
    rows = pd.DataFrame({"item_id": unique, "purpose": purpose, "route": "annotator", "people": people})
    return pack(rows.assign(exclude_annotators=pd.Series(excluded, dtype=object), suggested_label=None), batch_id, seed)


def pack(rows: pd.DataFrame, batch_id: str, seed: str) -> pd.DataFrame:
    """Rows as one batch: numbered from 1 in the order of a chance that knows an item's id and the seed alone."""
    order = np.argsort(chances(rows["item_id"], f"{seed}\x1fposition"), kind="stable")
    packed = rows.iloc[order].assign(batch_id=batch_id, position=np.arange(1, len(rows) + 1))
    return packed.reindex(columns=BATCHES.names).reset_index(drop=True)


def chances(names: Iterable[str], seed: str) -> FloatArray:
    """A number in [0, 1) for each name, uniform over names and the same for ever for one name and seed."""
    digests = (hashlib.blake2b(f"{seed}\x1f{name}".encode("utf-8", "surrogatepass"), digest_size=8) for name in names)
    return np.array([int.from_bytes(d.digest(), "big") for d in digests], dtype=np.float64) / 2.0**64


@dataclass(frozen=True, slots=True)
class _Asked:
    """A row of the queue: an item that may be sent, whom to, and how often it was labelled."""

    item_id: str
    route: str
    exclude: tuple[str, ...]
    suggested_label: str | None
    within_budget: bool
    n: int


@dataclass(frozen=True, slots=True)
class _Row:
    """A row of a batch that has no place yet."""

    item_id: str
    purpose: str
    route: str
    people: int
    exclude: tuple[str, ...] = ()
    suggested_label: str | None = None


def _asked(queue: pd.DataFrame, n_annotations: Mapping[str, int]) -> list[_Asked]:
    """The queue by rank."""
    names = ["item_id", "route", "exclude_annotators", "suggested_label", "within_budget"]
    rows = queue.sort_values("rank")[names].itertuples(index=False, name=None)
    return [
        _Asked(
            item,
            route,
            tuple(sorted(exclude)),
            None if pd.isna(label) else label,
            bool(within),
            int(n_annotations.get(item, 0)),
        )
        for item, route, exclude, label, within in rows
    ]


def _frame(rows: Sequence[_Row]) -> pd.DataFrame:
    """Rows with the columns of `batches` but for batch and position."""
    columns = {name: [getattr(row, name) for row in rows] for name in _Row.__slots__ if name != "exclude"}
    return pd.DataFrame(columns | {"exclude_annotators": [list(row.exclude) for row in rows]})


def _ordinary(
    rows: Sequence[_Asked], policy: BatchPolicy, annotators: Collection[str] | None, room: int, answers: int
) -> list[_Row]:
    """At most `room` rows that ask for at most `answers`: new items and items to label again, in turns that keep
    their shares, the best of each first. Where one kind runs out the other takes its place."""
    pool = None if annotators is None else set(annotators)
    shares = {NEW: policy.new, RELABEL: policy.relabel}
    found = dict.fromkeys(shares, 0)
    turns: list[tuple[float, int, _Row]] = []
    for rank, row in enumerate(rows):
        purpose = RELABEL if row.n else NEW
        people = 1 if row.n else policy.people or policy.min_annotations
        if pool is not None:
            people = min(people, len(pool.difference(row.exclude)))
        if people and shares[purpose]:
            turn = (found[purpose] + 0.5) / shares[purpose]
            found[purpose] += 1
            turns.append((turn, rank, _Row(row.item_id, purpose, row.route, people, row.exclude, row.suggested_label)))
    chosen: list[_Row] = []
    for _, _, one in sorted(turns, key=lambda turn: turn[:2]):
        answers -= one.people
        if answers < 0 or len(chosen) == room:
            break
        chosen.append(one)
    return chosen


def _unseen_gold(
    role: Mapping[str, str], exposure: Mapping[str, int], out: Collection[str], policy: BatchPolicy, seed: str
) -> list[str]:
    """Check gold that may be sent, in the order in which it is: seen least often first, then by chance."""
    checks = sorted(item for item, its in role.items() if its == "check" and item not in out)
    seen = {item: exposure.get(item, 0) for item in checks if exposure.get(item, 0) < policy.gold_exposure}
    drawn = dict(zip(seen, chances(seen, f"{seed}\x1fgold"), strict=True))
    return sorted(seen, key=lambda item: (seen[item], drawn[item]))


def _gold_checks(
    hidden: Sequence[str], ordinary: Sequence[_Row], policy: BatchPolicy, budget: int, seed: str
) -> list[_Row]:
    """Gold checks to hide among `ordinary` rows, and like one of them each; none where there are no such rows."""
    wanted = len(ordinary) * policy.gold_share / (1 - policy.gold_share)
    number = min(int(wanted + chances(["number"], f"{seed}\x1fgold")[0]), policy.size - len(ordinary))
    chosen: list[_Row] = []
    for item, chance in zip(hidden[:number], chances(hidden[:number], f"{seed}\x1flike"), strict=True):
        people = ordinary[int(chance * len(ordinary))].people
        budget -= people
        if budget < 0:
            break
        chosen.append(_Row(item, GOLD_CHECK, "annotator", people))
    return chosen


def _prelabelled(rows: Sequence[_Row], policy: BatchPolicy, seed: str) -> list[_Row]:
    """The rows, with the model's label on half of the new items it has one for, and on no more than half of all."""
    able = [row.item_id for row in rows if row.purpose == NEW and row.suggested_label]
    number = min(len(able) // 2, int(len(rows) * (1 - BARE_SHARE))) if policy.prelabel else 0
    order = np.argsort(chances(able, f"{seed}\x1flabel"), kind="stable")
    carries = {able[k] for k in order[:number]}
    return [row if row.item_id in carries else replace(row, suggested_label=None) for row in rows]


def _asks(
    asks: pd.DataFrame | None, n_annotations: Mapping[str, int], out: Collection[str], policy: BatchPolicy
) -> list[_Asked]:
    """What adjudicators are asked because of gold, by rank, but for what is out or not labelled yet."""
    if asks is None:
        return []
    names = ["item_id", "why", "exclude_annotators"]
    rows = asks.sort_values("rank")[names].itertuples(index=False, name=None)
    return [
        _Asked(item, "adjudicator", tuple(sorted(exclude)), None, True, int(n_annotations.get(item, 0)))
        for item, why, exclude in rows
        if item not in out and (why != DRAWN or n_annotations.get(item, 0) >= policy.min_annotations)
    ]


def _for_adjudicators(
    about_gold: Sequence[_Asked],
    hard: Sequence[_Asked],
    policy: BatchPolicy,
    adjudicators: Collection[str] | None,
    budget: int,
) -> list[_Row]:
    """What goes to adjudicators, each item to one who has not decided it: a few items because of gold, by which
    people are scored, then what people disagree on, best first."""
    pool = None if adjudicators is None else set(adjudicators)
    doubts, work = (
        [_Row(row.item_id, ADJUDICATION, row.route, 1, row.exclude) for row in rows if _somebody(pool, row)]
        for rows in (about_gold, hard)
    )
    return [*doubts[: policy.rechecks], *work][: max(min(policy.size, budget), 0)]


def _somebody(pool: set[str] | None, row: _Asked) -> bool:
    return pool is None or bool(pool.difference(row.exclude))
