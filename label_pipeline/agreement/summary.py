"""Agreement as one table: overall, per class, per slice of items, annotator group and guideline version.

Here belongs which parts of the votes are measured and why a figure is missing; the coefficients stand in `alpha`
and `kappa`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from label_pipeline.agreement.alpha import Level, alpha, alpha_by_class
from label_pipeline.agreement.bootstrap import REPLICATES
from label_pipeline.agreement.kappa import fleiss_kappa, raw_agreement
from label_pipeline.agreement.patterns import BoolArray, IntArray, Patterns
from label_pipeline.errors import UserError
from label_pipeline.estimates import Estimate
from label_pipeline.votes import Votes

if TYPE_CHECKING:
    import pandas as pd

MOST_CLASSES = 200
COLUMNS = ("measure", "dimension", "member", "value", "ci_low", "ci_high", "n", "note")


def agreement_table(
    votes: Votes,
    *,
    level: Level = "nominal",
    values: Sequence[float] | None = None,
    slices: Mapping[str, Sequence[Any]] | None = None,
    groups: Mapping[str, Sequence[Any]] | None = None,
    versions: Mapping[str, Sequence[Any]] | None = None,
    replicates: int = REPLICATES,
    seed: int = 0,
) -> pd.DataFrame:
    """Agreement among annotators, one row a figure.

    Columns: measure (alpha, raw_agreement, fleiss_kappa), dimension ("all", "class", or a name given), member,
    value, ci_low, ci_high, n (pairable items), note (why a value is missing, else empty).

    `slices` names columns of members (n_items,), `groups` (n_annotators,) and `versions` (n,), each aligned to
    the votes; an item, annotator or annotation whose member is missing belongs to none. Within a group or a
    version only its own labels count: an item is pairable there when two of them fell on it. Every member gets
    alpha and raw agreement; "all" gets Fleiss' kappa too; "class" is alpha of the class against the rest, for
    the 200 most used classes.
    """
    import pandas as pd

    patterns = Patterns.of(votes)
    options: dict[str, Any] = {"replicates": replicates, "seed": seed}
    rows = [
        _row("alpha", "all", "", alpha(patterns, level, values=values, **options), patterns),
        _row("raw_agreement", "all", "", raw_agreement(patterns, **options), patterns),
        _row("fleiss_kappa", "all", "", fleiss_kappa(patterns, **options), patterns),
    ]
    used = np.sort(np.argsort(-votes.per_class, kind="stable")[:MOST_CLASSES])
    used = used[votes.per_class[used] > 0]
    for code, estimate in zip(used, alpha_by_class(patterns, used, **options), strict=True):
        rows.append(_row("alpha", "class", votes.classes[code], estimate, patterns))
    for dimension, member, part in _parts(votes, patterns, slices or {}, groups or {}, versions or {}):
        rows.append(_row("alpha", dimension, member, alpha(part, level, values=values, **options), part))
        rows.append(_row("raw_agreement", dimension, member, raw_agreement(part, **options), part))
    return pd.DataFrame(rows, columns=list(COLUMNS)).astype(
        {"value": "float64", "ci_low": "float64", "ci_high": "float64", "n": "int64"}
    )


def _parts(
    votes: Votes,
    patterns: Patterns,
    slices: Mapping[str, Sequence[Any]],
    groups: Mapping[str, Sequence[Any]],
    versions: Mapping[str, Sequence[Any]],
) -> Iterator[tuple[str, str, Patterns]]:
    for name, column in slices.items():
        for member, mask in _members(name, column, votes.n_items, "item"):
            yield name, member, patterns.among(mask)
    for name, column in groups.items():
        for member, mask in _members(name, column, votes.n_annotators, "annotator"):
            yield name, member, Patterns.of(votes.keep(mask[votes.annotator]))
    for name, column in versions.items():
        for member, mask in _members(name, column, votes.n, "annotation"):
            yield name, member, Patterns.of(votes.keep(mask))


def _members(name: str, column: Sequence[Any], size: int, one: str) -> Iterator[tuple[str, BoolArray]]:
    import pandas as pd

    if len(column) != size:
        raise UserError(f"'{name}' has {len(column)} values for {size} {one}s", do=f"Give one {one} a value.")
    codes: IntArray
    codes, members = pd.factorize(np.asarray(column, dtype=object), sort=False)
    for text, code in sorted((str(member), code) for code, member in enumerate(members)):
        yield text, codes == code


def _row(measure: str, dimension: str, member: str, estimate: Estimate, part: Patterns) -> tuple[Any, ...]:
    note = ""
    if estimate.value is None:
        note = "every label is the same" if part.n else "no item has two labels"
        if part.n and dimension == "class":
            note = "no item with two labels has this class, or all have only it"
    return (
        measure, dimension, member, estimate.value, estimate.ci_low, estimate.ci_high, estimate.n, note,
    )  # fmt: skip
