"""Small tables in the pipeline's shapes, for tests of publishing."""

from __future__ import annotations

from datetime import date
from typing import Any

import pyarrow as pa

from label_pipeline.contracts.tables import TABLES
from label_pipeline.publish.acceptance import Policy, judge
from label_pipeline.publish.candidate import candidate, place
from label_pipeline.publish.profile import Profile, profile
from label_pipeline.publish.verdict import GateResult, Verdict
from label_pipeline.publish.version import Facts

DAY = date(2026, 10, 14)
CLASSES = ("cat", "dog")
SPLITS: Any = {"train": 0.8, "validation": 0.1, "test": "gold"}


def table(name: str, **columns: Any) -> pa.Table:
    """A table of the registry from some of its columns; others that may be empty are."""
    rows = len(next(iter(columns.values())))
    empty = {column.name: [None] * rows for column in TABLES[name].columns if column.nullable}
    return TABLES[name].conform(empty | columns)


def consensus(rows: list[tuple[str, str | None, float, str]]) -> pa.Table:
    """consensus_labels from (item_id, label, confidence, status); two classes, three annotations each."""

    def pair(label: str | None, sure: float) -> list[float] | None:
        return None if label is None else [sure, 1 - sure] if label == "cat" else [1 - sure, sure]

    return table(
        "consensus_labels",
        item_id=[r[0] for r in rows],
        label=[r[1] for r in rows],
        voted_label=[r[1] for r in rows],
        probabilities=[pair(r[1], r[2]) for r in rows],
        confidence=[r[2] if r[1] else None for r in rows],
        agreement=[1.0 if r[1] else None for r in rows],
        n_annotations=[3] * len(rows),
        method=["majority"] * len(rows),
        status=[r[3] for r in rows],
    )


def items(payloads: dict[str, str]) -> pa.Table:
    return table(
        "items",
        item_id=list(payloads),
        payload=list(payloads.values()),
        content_hash=["h"] * len(payloads),
        landed_file=["a/b.csv"] * len(payloads),
    )


def issues(rows: list[tuple[str, str, float, bool]]) -> pa.Table:
    """label_issues from (item_id, given_label, label_quality, is_issue)."""
    return table(
        "label_issues",
        item_id=[r[0] for r in rows],
        given_label=[r[1] for r in rows],
        suggested_label=[r[1] for r in rows],
        label_quality=[r[2] for r in rows],
        is_issue=[r[3] for r in rows],
        kind=["label" if r[3] else "" for r in rows],
    )


def gold(
    rows: list[tuple[str, str, str]], valid_from: date = date(2026, 1, 1), valid_to: date | None = None
) -> pa.Table:
    """gold_set from (item_id, label, role)."""
    return table(
        "gold_set",
        item_id=[r[0] for r in rows],
        version=[1] * len(rows),
        label=[r[1] for r in rows],
        origin=["seed"] * len(rows),
        role=[r[2] for r in rows],
        valid_from=[valid_from] * len(rows),
        valid_to=[valid_to] * len(rows),
        evidence=[""] * len(rows),
    )


def landings(accepted: int = 8, quarantined: int = 1, duplicates: int = 1, landed: int = 10) -> pa.Table:
    return table(
        "landings",
        landed_file=["s/a.csv"],
        source=["s"],
        sha256=["0" * 64],
        bytes=[100],
        landed=[landed],
        accepted=[accepted],
        quarantined=[quarantined],
        duplicates=[duplicates],
    )


def kpis(*rows: tuple[str, str, str, float | None, str]) -> pa.Table:
    """kpis from (kpi, dimension, member, value, status)."""
    return table(
        "kpis",
        kpi=[r[0] for r in rows],
        dimension=[r[1] for r in rows],
        member=[r[2] for r in rows],
        value=[r[3] for r in rows],
        ci_low=[None if r[3] is None else r[3] - 0.02 for r in rows],
        ci_high=[None if r[3] is None else r[3] + 0.02 for r in rows],
        n=[100] * len(rows),
        target=[0.9] * len(rows),
        status=[r[4] for r in rows],
    )


def first_night(
    voted: pa.Table, things: pa.Table, noise: pa.Table, settled: pa.Table, *, fields: Any = (), **options: Any
) -> pa.Table:
    """The candidate of a project's first day: every item is placed for the first time."""
    asked = {name: options[name] for name in ("splits", "day", "include_statuses", "group") if name in options}
    placed = place(voted, things, noise, settled, TABLES["splits"].empty(), **asked)
    options.pop("group", None)
    return candidate(voted, things, noise, settled, placed, fields=fields, **options)


def whole_night(n: int = 200) -> tuple[pa.Table, Profile, Verdict, Facts]:
    """A candidate of `n` items that every gate accepts, with its profile, verdict and facts."""
    labels = ["cat" if i % 3 else "dog" for i in range(n)]
    voted = consensus([(f"i{i:05d}", label, 0.9, "accepted") for i, label in enumerate(labels)])
    settled = gold([(f"i{i:05d}", labels[i], "evaluation") for i in range(20)])
    things = items({f"i{i:05d}": f'{{"text": "item {i}"}}' for i in range(n)})
    noise = issues([(f"i{i:05d}", label, 0.8, False) for i, label in enumerate(labels)])
    made = first_night(
        voted,
        things,
        noise,
        settled,
        classes=CLASSES,
        splits=SPLITS,
        day=DAY,
        fields=["text"],
        include_statuses=["accepted"],
    )
    about = {"consensus": voted, "gold": settled, "issues": noise, "placed": TABLES["splits"].empty()}
    seen = profile(made, **about, landings=landings(), classes=CLASSES, splits=SPLITS, day=DAY)
    figures = kpis(("label_accuracy", "all", "", 0.95, "met"))
    passed = Verdict(True, [GateResult("coverage", "block", True, "1", "at least 0.5", "coverage is 1.")])
    facts = Facts(
        project="demo",
        description="Cats <and> dogs | both",
        owner="team:labels",
        classes=CLASSES,
        splits=SPLITS,
        statuses=("accepted",),
        code_version="0.1.0",
        project_file_sha256="ab" * 32,
        guideline_version="v3",
        landings=landings().append_column("day", pa.array([DAY])),
        kpis=figures,
    )
    return made, seen, passed, facts


def judged(
    policy: Policy, seen: Profile, *, settled: pa.Table, figures: pa.Table, queue: pa.Table | None = None
) -> Verdict:
    """A verdict from Arrow tables."""
    queue = TABLES["relabel_queue"].empty() if queue is None else queue
    return judge(
        policy, profile=seen, gold=settled.to_pandas(), queue=queue.to_pandas(), kpis=figures.to_pandas(), day=DAY
    )
