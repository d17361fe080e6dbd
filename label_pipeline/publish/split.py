"""From a hash to a split: the one place that hashes item ids and group values for splits.

A key's place follows from the key alone, so it never moves when items, annotators or nights are added. Which key
decides for an item stands in `placement`; what may enter a training set in `candidate`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from typing import Literal

import numpy as np
import numpy.typing as npt

from label_pipeline.errors import UserError

Splits = Mapping[str, float | Literal["gold"]]


def places(item_ids: Iterable[str]) -> npt.NDArray[np.float64]:
    """Each item's fixed place in [0, 1): the first 53 bits of BLAKE2b of its id, uniform over ids."""
    ids = (item_id.encode("utf-8", "surrogatepass") for item_id in item_ids)
    digests = b"".join(hashlib.blake2b(one, digest_size=8, person=b"split").digest() for one in ids)
    return (np.frombuffer(digests, ">u8") >> np.uint64(11)) / float(2**53)


def assign(item_ids: Iterable[str], splits: Splits) -> list[str]:
    """The split of each item among those given by a share; the split `gold` is never assigned here.

    Shares are relative to each other: 0.8 and 0.1 give eight ninths and one ninth. Raises UserError for
    shares that are no shares.
    """
    names: list[str] = np.array(list(shares_of(splits)), dtype=object)[codes_of(item_ids, splits)].tolist()
    return names


def codes_of(keys: Iterable[str], splits: Splits) -> npt.NDArray[np.int64]:
    """The same as positions among the splits given by a share, in declared order."""
    shares = shares_of(splits)
    ends = np.cumsum(list(shares.values())) / sum(shares.values())
    return np.searchsorted(ends[:-1], places(keys), side="right").astype(np.int64)


def shares_of(splits: Splits) -> dict[str, float]:
    """The splits given by a share, in declared order. Raises UserError where none is above 0."""
    shares = {name: float(share) for name, share in splits.items() if share != "gold"}
    wrong = [name for name, share in shares.items() if not 0 <= share <= 1]
    if wrong or not sum(shares.values()):
        raise UserError(
            f"publish.splits gives no usable share for {', '.join(wrong) or 'any split'}",
            rule="shares are from 0 to 1 and not all 0, or the word gold",
            do="Write it like {train: 0.8, validation: 0.1, test: gold}.",
        )
    return shares


def gold_split(splits: Splits) -> str | None:
    """The split that holds the evaluation gold; None where the project declares none. Raises UserError for two."""
    named = [name for name, share in splits.items() if share == "gold"]
    if len(named) > 1:
        raise UserError(
            f"publish.splits gives gold to {' and '.join(named)}",
            rule="evaluation gold has one place",
            do="Leave one of them as gold.",
        )
    return named[0] if named else None
