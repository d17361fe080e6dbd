"""Which split each learning item belongs to, for good; and which items are left out because of what they are near.

The rule, in its order:

1. An item that ever had a split keeps it, as long as that split is declared.
2. Else, where the project declares a group, it goes where most of its group are, and a new group by the hash of its
   value.
3. Else a near duplicate of placed items goes where most of them are; near duplicates that are all new go together, by
   the hash of the one whose id comes first.
4. Else the hash of its own id decides.

So an item never moves when others are added. But it may turn out later to belong beside what is elsewhere: an item
arrives that is near to two sets at once, or an item's group changes. Then nothing moves either: a set or group stands
where most of it is (at a tie in the split declared last), and who is elsewhere is held back as long as that is so. Near
duplicates of evaluation gold are always held back, and so is what was evaluation gold once or is drawn to become it:
earlier versions were measured on it, later ones will be.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from label_pipeline.publish.split import Splits, codes_of, shares_of

if TYPE_CHECKING:
    import pyarrow as pa

Codes = npt.NDArray[np.int64]

BY_ITEM, BY_GROUP, BY_NEAR = "item", "group", "near duplicates"
NEAR_GOLD = "near duplicate of evaluation gold"
EVALUATES = "was evaluation gold, or is drawn to be"
OTHERS_ELSEWHERE = "most of its near duplicates are in {split}"
GROUP_ELSEWHERE = "most of its group is in {split}"


def placement(
    learnable: pa.Array,
    gold: pa.Array,
    *,
    known: pa.Array,
    duplicates: pa.Table,
    groups: Sequence[Any] | None,
    previous: pa.Table,
    splits: Splits,
) -> pa.Table:
    """The table splits as of a day, sorted by item: `learnable` items, and those of `previous` that are still `known`.

    `learnable` (sorted) and `gold` (what evaluates, ever did or is drawn to) are item ids without repeats; `known` all
    item ids. `duplicates` has item_id and duplicate_set, a number near duplicates share, empty for none.
    `groups` are the values of the declared group's field, one for each of `learnable`; None where none is declared.
    `previous` is the table of the day before.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    names = [name for name, share in shares_of(splits).items() if share > 0]
    found = pc.index_in(learnable, _values(previous["item_id"]))
    code = _codes(previous["split"].take(found), names)
    follows = previous["follows"].take(found).to_numpy(zero_copy_only=False)
    follows = np.where(code >= 0, follows, BY_ITEM)
    sets = _sets(learnable, duplicates)
    of_group = _place_groups(code, follows, groups, splits, names)
    _place_sets(code, follows, sets, learnable, splits, names)
    alone = np.flatnonzero(code < 0)
    code[alone] = _hashed(learnable.take(pa.array(alone)).to_pylist(), splits, names)

    home = _majority(sets, code, len(names))
    held_back = np.full(len(code), None, dtype=object)
    for k, name in enumerate(names):
        held_back[(of_group == k) & (code != k)] = GROUP_ELSEWHERE.format(split=name)
        held_back[(home == k) & (code != k)] = OTHERS_ELSEWHERE.format(split=name)
    held_back[(sets >= 0) & np.isin(sets, _in_sets(gold, duplicates))] = NEAR_GOLD
    held_back[pc.is_in(learnable, gold).to_numpy(zero_copy_only=False)] = EVALUATES
    placed = pa.table(
        {
            "item_id": learnable,
            "split": pa.array(np.array(names, dtype=object)[code], pa.string()),
            "follows": pa.array(follows, pa.string()),
            "held_back": pa.array(held_back, pa.string()),
        }
    )
    # Who is not learnable today keeps its place; gold is no learning item, and what is not known any more was erased.
    elsewhere = pc.is_in(previous["item_id"], pa.concat_arrays([learnable, gold]))
    resting = previous.filter(pc.and_not(pc.is_in(previous["item_id"], known), elsewhere)).drop_columns("held_back")
    resting = resting.append_column("held_back", pa.nulls(len(resting), pa.string()))
    return pa.concat_tables([placed, resting.cast(placed.schema)]).sort_by("item_id")


def _values(column: Any) -> Any:
    return column.combine_chunks()


def _codes(split: Any, names: Sequence[str]) -> Codes:
    """Positions among `names`; -1 for a split that is empty or no longer declared."""
    import pyarrow as pa
    import pyarrow.compute as pc

    found = pc.fill_null(pc.index_in(split, pa.array(list(names), pa.string())), -1)
    return np.array(found.to_numpy(), dtype=np.int64)


def _sets(ids: pa.Array, duplicates: pa.Table) -> Codes:
    """The set of near duplicates of each item, -1 for none."""
    import pyarrow.compute as pc

    number = duplicates["duplicate_set"].take(pc.index_in(ids, _values(duplicates["item_id"])))
    return np.array(pc.fill_null(number, -1).to_numpy(), dtype=np.int64)


def _in_sets(ids: pa.Array, duplicates: pa.Table) -> Codes:
    """The sets of near duplicates that any of `ids` belongs to."""
    found = _sets(ids, duplicates)
    return found[found >= 0]


def _hashed(keys: Sequence[str], splits: Splits, names: Sequence[str]) -> Codes:
    """Positions among `names` by hash; `names` are the splits with a share, in declared order."""
    place = np.array([names.index(name) if name in names else -1 for name in shares_of(splits)], dtype=np.int64)
    return place[codes_of(keys, splits)] if len(keys) else np.zeros(0, dtype=np.int64)


def _place_groups(
    code: Codes, follows: Any, groups: Sequence[Any] | None, splits: Splits, names: Sequence[str]
) -> Codes:
    """Place new items that have a group; returns where each item's group stands, -1 for an item without one."""
    import pandas as pd

    if groups is None:
        return np.full(len(code), -1, dtype=np.int64)
    number, values = pd.factorize(pd.Series([None if g is None else str(g) for g in groups], dtype=object))
    by_hash = np.append(_hashed([f"group {value}" for value in values], splits, names), -1)[number]
    home = _majority(number, code, len(names))
    home = np.where(home >= 0, home, by_hash)
    joining = (code < 0) & (home >= 0)
    code[joining], follows[joining] = home[joining], BY_GROUP
    return home


def _place_sets(code: Codes, follows: Any, sets: Codes, ids: pa.Array, splits: Splits, names: Sequence[str]) -> None:
    """Place new items of sets: where most of the others are, or all by the hash of the first id."""
    import pyarrow as pa

    home = _majority(sets, code, len(names))
    joining = (code < 0) & (home >= 0)
    code[joining], follows[joining] = home[joining], BY_NEAR
    new = np.flatnonzero((code < 0) & (sets >= 0))
    # Items come in order of their ids, so the first of a set is the first that is met.
    _, first, member = np.unique(sets[new], return_index=True, return_inverse=True)
    by_hash = _hashed(ids.take(pa.array(new[first])).to_pylist(), splits, names)
    code[new] = by_hash[member]
    follows[new[first[member] != np.arange(len(new))]] = BY_NEAR


def _majority(sets: Codes, code: Codes, n_splits: int) -> Codes:
    """For each item, the split in which most placed items of its set are, at a tie the one declared last; else -1."""
    home = np.full(len(sets), -1, dtype=np.int64)
    member = np.flatnonzero((sets >= 0) & (code >= 0))
    if not len(member):
        return home
    numbers, position = np.unique(sets, return_inverse=True)
    counts = np.zeros((len(numbers), n_splits), dtype=np.int64)
    np.add.at(counts, (position[member], code[member]), 1)
    best = n_splits - 1 - counts[:, ::-1].argmax(axis=1)
    inside = (sets >= 0) & (counts.sum(axis=1) > 0)[position]
    home[inside] = best[position[inside]]
    return home
