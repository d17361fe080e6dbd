"""From figures of guideline versions to the rows of the tables `guideline_*`. Their columns stand in `contracts`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from label_pipeline.contracts.tables import (
    GUIDELINE_AGREEMENT,
    GUIDELINE_CHANGES,
    GUIDELINE_CONFUSIONS,
    GUIDELINE_EXAMPLES,
    GUIDELINE_VERSIONS,
    Table,
)
from label_pipeline.estimates import Estimate
from label_pipeline.guidelines.agreement import Change, Compared, UnderVersion
from label_pipeline.guidelines.documents import Document
from label_pipeline.guidelines.examples import ClassExamples

Row = dict[str, Any]


def order_of_versions(documents: Sequence[Document], answered: Iterable[str]) -> list[str]:
    """Versions that somebody answered under or that the project file names, in the order in which they came into force.

    One that is only in answers, because the project file has forgotten it, comes first, by name.
    """
    named = [document.version for document in documents if document.named]
    return [*sorted(set(answered) - set(named)), *named]


def versions_table(
    order: Sequence[str], documents: Sequence[Document], under: Mapping[str, UnderVersion], in_force: str
) -> pd.DataFrame:
    """The table `guideline_versions`; `under` are the figures of those that somebody answered under."""
    known = {document.version: document for document in documents}
    rows: list[Row] = []
    for place, version in enumerate(order, start=1):
        document, figures = known.get(version), under.get(version)
        row: Row = {"version": version, "place": place, "in_force": version == in_force}
        row |= {name: 0 if figures is None else getattr(figures, name) for name in _COUNTS}
        if document is None:
            warning = "answers name it, and the project file does not: list it in guidelines.since"
            row |= {"title": None, "sha256": None, "since": None, "warning": warning}
        else:
            texts = {name: getattr(document, name) or None for name in ("title", "sha256", "warning")}
            row |= texts | {"since": document.since}
        rows.append(row)
    return _frame(GUIDELINE_VERSIONS, rows)


_COUNTS = ("annotations", "annotators", "items")


def agreement_table(under: Iterable[UnderVersion]) -> pd.DataFrame:
    """The table `guideline_agreement`."""
    rows: list[Row] = []
    for one in under:
        figures = [("alpha", "", one.alpha), ("raw_agreement", "", one.raw_agreement)]
        for figure, member, estimate in [*figures, *(("alpha", name, each) for name, each in one.by_class)]:
            rows.append({"version": one.version, "figure": figure, "member": member, **_estimate(estimate)})
    return _frame(GUIDELINE_AGREEMENT, rows)


def confusions_table(under: Iterable[UnderVersion]) -> pd.DataFrame:
    """The table `guideline_confusions`."""
    rows: list[Row] = [
        {
            "version": one.version,
            "share": pair.share.value,
            "ci_low": pair.share.ci_low,
            "ci_high": pair.share.ci_high,
            "n": pair.share.n,
            **{name: getattr(pair, name) for name in ("first", "second", "both", "people", "largest", "ambiguous")},
        }
        for one in under
        for pair in one.confusions
    ]
    return _frame(GUIDELINE_CONFUSIONS, rows)


def changes_table(changes: Iterable[Change]) -> pd.DataFrame:
    """The table `guideline_changes`."""
    rows: list[Row] = []
    for one in changes:
        found = [("same", name, "", compared) for name, compared in one.same_items.items()]
        found += [("other", name, "", compared) for name, compared in one.other_items.items()]
        found += [("other", "alpha", name, compared) for name, compared in one.classes]
        found += [("other", "confusion", f"{a} / {b}", compared) for a, b, compared in one.pairs]
        hands = {"same": one.same_hands, "other": one.other_hands}
        for items, figure, member, compared in found:
            at = {"before": one.before, "after": one.after, "items": items, "figure": figure, "member": member}
            rows.append(at | _compared(compared) | {"same_hands": hands[items]})
    return _frame(GUIDELINE_CHANGES, rows)


def _compared(compared: Compared) -> Row:
    moved = _estimate(compared.difference)
    return {
        "value_before": compared.before.value,
        "n_before": compared.before.n,
        "value_after": compared.after.value,
        "n_after": compared.after.n,
        "difference": moved["value"],
        "ci_low": moved["ci_low"],
        "ci_high": moved["ci_high"],
    }


def examples_table(proposed: Iterable[ClassExamples]) -> pd.DataFrame:
    """The table `guideline_examples`."""
    rows: list[Row] = []
    for one in proposed:
        for kind, rival, shown in (("clear", None, one.clear), ("borderline", one.rival, one.borderline)):
            rows += [
                {"class": one.name, "kind": kind, "place": place, "item_id": each.item_id, "rival": rival,
                 "said": each.words}
                for place, each in enumerate(shown, start=1)
            ]  # fmt: skip
    return _frame(GUIDELINE_EXAMPLES, rows)


def _estimate(estimate: Estimate) -> Row:
    return {name: getattr(estimate, name) for name in ("value", "ci_low", "ci_high", "n")}


def _frame(table: Table, rows: Sequence[Row]) -> pd.DataFrame:
    """Rows as a frame; a figure that is None is missing, whatever stands beside it."""
    frame = pd.DataFrame(rows, columns=table.names, dtype=None if rows else object)
    floats = [column.name for column in table.columns if column.kind == "float"]
    return frame.astype(dict.fromkeys(floats, np.float64))
