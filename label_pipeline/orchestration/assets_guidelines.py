"""Assets of the guidelines: agreement and confusion under each version, what a change changed, examples for the next.

A version holds for the answers that were given under it (`annotation_events.guideline_version`), so a person who
answered an item again under a new version speaks in both. Labels that are not one class have no such assets: what
agreement of theirs there is by version stands in the table `kpis`.
"""

from __future__ import annotations

from datetime import date
from functools import partial
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import dagster as dg
import numpy as np

from label_pipeline.contracts.tables import (
    GOLD_SET,
    GUIDELINE_AGREEMENT,
    GUIDELINE_CHANGES,
    GUIDELINE_CONFUSIONS,
    GUIDELINE_EXAMPLES,
    GUIDELINE_VERSIONS,
    LABEL_ISSUES,
)
from label_pipeline.gold.life import in_force
from label_pipeline.held_codes import is_in
from label_pipeline.orchestration.assets_predictions import aligned
from label_pipeline.orchestration.desk import Desk
from label_pipeline.orchestration.pilot_data import features_of
from label_pipeline.orchestration.table_assets import Check, CheckSpec, Made, Output, table_step
from label_pipeline.state import counted

if TYPE_CHECKING:
    import pandas as pd

    from label_pipeline.guidelines.agreement import Change, UnderVersion
    from label_pipeline.votes import Votes

AGREEMENT = (GUIDELINE_AGREEMENT, GUIDELINE_VERSIONS, GUIDELINE_CONFUSIONS, GUIDELINE_CHANGES)
PAIRS_A_CLASS = 3
"""Pairs of confused classes, for each class, among which its rival is sought."""
MOST_CLASSES = 200
"""The most classes that figures and examples are given for: the most used are shown."""


def build(desk: Desk) -> list[dg.AssetsDefinition]:
    """The part of a project's graph that looks at its guidelines."""
    if not desk.project.labels.has_one_class:
        return []
    return [
        table_step(
            desk,
            [Output(table.name, table) for table in AGREEMENT],
            _agreement,
            group="guidelines",
            after=["annotation_events", "items", "gold_set"],
            checks=[
                CheckSpec(
                    "texts",
                    "guideline_versions",
                    "Every guideline version has a text beside the project file, and every answer a version that is"
                    " listed.",
                    blocking=False,
                )
            ],
        ),
        table_step(
            desk,
            [Output("guideline_examples", GUIDELINE_EXAMPLES)],
            _examples,
            group="guidelines",
            after=["consensus_labels", "label_issues", "predictions", "gold_set"],
        ),
    ]


def names(desk: Desk) -> tuple[str, ...]:
    """The assets of this part, for whoever shows what they hold."""
    tables = (*AGREEMENT, GUIDELINE_EXAMPLES) if desk.project.labels.has_one_class else ()
    return tuple(table.name for table in tables)


def _agreement(desk: Desk, day: date) -> Made:
    from label_pipeline.guidelines.agreement import change, under_version
    from label_pipeline.guidelines.documents import documents
    from label_pipeline.guidelines.tables import (
        agreement_table,
        changes_table,
        confusions_table,
        order_of_versions,
        versions_table,
    )

    votes, texts = votes_by_version(desk, day), documents(desk.folder, desk.project)
    order = order_of_versions(texts, votes)
    about: Any = {
        "level": "ordinal" if desk.project.labels.type == "ordinal" else "nominal",
        "classes": _shown(desk, list(votes.values())),
        "seed": day.toordinal(),
    }
    under = {name: under_version(name, votes[name], **about) for name in order if name in votes}
    changes = [change(votes, *pair, **about) for pair in pairwise(under)]
    versions = versions_table(order, texts, under, desk.project.guideline_on(day))
    warned = versions[versions["warning"].notna()]
    said = "; ".join(f"{row['version']}: {row['warning']}" for row in warned.to_dict("records"))
    return Made(
        rows={
            "guideline_versions": versions,
            "guideline_agreement": agreement_table(under.values()),
            "guideline_confusions": confusions_table(under.values()),
            "guideline_changes": changes_table(changes),
        },
        figures={"versions": float(len(order))}
        | {f"alpha {name}": one.alpha.value for name, one in under.items() if one.alpha.value is not None},
        words=_words(under, changes),
        checks={"texts": Check(warned.empty, said)},
    )


def votes_by_version(desk: Desk, day: date) -> dict[str, Votes]:
    """The votes under each version as of `day`, all on the project's items; versions without answers have none."""
    import pyarrow as pa
    import pyarrow.compute as pc

    events, items = desk.events(day), desk.items(day)
    gold = in_force(desk.frame(GOLD_SET, day), day)["item_id"]
    found = {}
    for version in sorted(pc.unique(events["guideline_version"].drop_null()).to_pylist()):
        under = is_in(events["guideline_version"], [version])
        own = events if under.all() else events.filter(pa.array(under))
        votes = desk.votes(counted(own, test_sources=desk.test_sources, gold=gold), items)
        if votes.n:
            found[str(version)] = votes
    return found


def _shown(desk: Desk, votes: list[Votes]) -> list[int]:
    """The classes (codes) that figures are given for, in their declared order."""
    classes = desk.project.labels.classes
    used = np.sum([each.per_class for each in votes], axis=0) if votes else np.zeros(len(classes))
    return sorted(np.argsort(-np.asarray(used), kind="stable")[:MOST_CLASSES].tolist())


def _words(under: dict[str, UnderVersion], changes: list[Change]) -> str:
    """Each version's agreement, what each change moved, and the pairs that a guideline leaves unclear."""
    lines = ["| version | answers | alpha | 95% interval | items |", "|---|---|---|---|---|"]
    for name, one in under.items():
        alpha = one.alpha
        lines.append(f"| {name} | {one.annotations:,} | {_number(alpha.value)} | {_between(alpha)} | {alpha.n:,} |")
    for each in changes:
        for items, compared in (("other", each.other_items["alpha"]), ("the same", each.same_items["alpha"])):
            step = compared.difference
            if step.value is not None:
                lines += [
                    "",
                    f"{each.before} to {each.after}, {items} items: alpha {step.value:+.3f} ({_between(step)})",
                ]
    for name, one in under.items():
        unclear = [f"{pair.first} or {pair.second}" for pair in one.confusions if pair.ambiguous]
        if unclear:
            lines += ["", f"{name} leaves unclear: {', '.join(unclear)}"]
    return "\n".join(lines) if under else "No answer names a guideline version yet."


def _between(estimate: Any) -> str:
    return "" if estimate.ci_low is None else f"{estimate.ci_low:.3f} to {_number(estimate.ci_high)}"


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"


def _examples(desk: Desk, day: date) -> Made:
    from label_pipeline.guidelines.confusion import confusions
    from label_pipeline.guidelines.examples import examples
    from label_pipeline.guidelines.tables import examples_table

    items = desk.items(day)
    votes = desk.votes(desk.annotations(day), items)
    consensus = desk.labels(day)
    proposed = examples(
        votes,
        consensus,
        aligned(desk, day, items),
        confusions(votes, most=PAIRS_A_CLASS * votes.n_classes),
        gold=set(in_force(desk.frame(GOLD_SET, day), day)["item_id"]),
        duplicate_set=_duplicate_set(desk.frame(LABEL_ISSUES, day), consensus),
        classes=_shown(desk, [votes]),
        features=None if _unlike(desk) else partial(features_of, desk, items),
    )
    table = examples_table(proposed)
    kinds = table["kind"].value_counts()
    return Made(
        rows={"guideline_examples": table},
        figures={"clear": float(kinds.get("clear", 0)), "borderline": float(kinds.get("borderline", 0))},
        words="\n".join(_proposed(row) for row in table.head(30).to_dict("records")),
    )


def _proposed(row: dict[Any, Any]) -> str:
    kind = "clear" if row["kind"] == "clear" else f"or {row['rival']}"
    return f"- {row['class']}, {kind}: {row['item_id']} ({row['said']})"


def _unlike(desk: Desk) -> bool:
    """Whether nothing tells which items look alike."""
    return desk.project.predictions.baseline is None and desk.project.items.text is None


def _duplicate_set(issues: pd.DataFrame, consensus: pd.DataFrame) -> Any:
    """The number that near duplicates share, -1 for none, one for each row of `consensus`."""
    sets = issues.set_index("item_id")["duplicate_set"].reindex(consensus["item_id"])
    return sets.astype("Float64").fillna(-1).to_numpy(dtype=np.int64)
