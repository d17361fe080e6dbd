"""A night of made-up annotations on real handwritten digits, for tests of the report."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from functools import lru_cache
from io import BytesIO
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from label_pipeline.contracts.tables import TABLES
from label_pipeline.publish.verdict import GateResult, Verdict
from label_pipeline.report.data import KpiText, ReportData
from label_pipeline.votes import Votes

DAY = date(2026, 10, 14)
CLASSES = tuple("0123456789")
TEXTS = {
    "label_accuracy": KpiText(
        "Label accuracy", "share", "Share of consensus labels right on evaluation gold.", "higher"
    ),
    "alpha": KpiText("Krippendorff’s alpha", "number", "Agreement beyond chance; 1 is perfect", "higher"),
    "throughput": KpiText("Annotations a day", "count", "Annotations that arrived", "higher"),
    "turnaround_p50": KpiText("Turnaround, median", "seconds", "From arrival to the settled label", "lower"),
    "dispute_rate": KpiText("Dispute rate", "share", "Items good annotators differ on", "lower"),
    "recall": KpiText("Recall", "share", "By class, on gold", "higher"),
}


def night(n_items: int = 400, *, classes: tuple[str, ...] = CLASSES, seed: int = 7, **changes: Any) -> ReportData:
    """A whole ReportData; `changes` replace fields."""
    rng = np.random.default_rng(seed)
    k = len(classes)
    ids = [f"digit-{i:05d}" for i in range(n_items)]
    truth = rng.integers(0, k, n_items)
    annotators = [f"ann_{i:02d}" for i in range(9)]
    skill = np.array([0.97, 0.95, 0.95, 0.93, 0.92, 0.9, 0.85, 0.7, 1 / k])
    rows = []
    for i in range(n_items):
        for a in rng.choice(9, 3, replace=False):
            right = rng.random() < skill[a]
            near = (truth[i] + (6 if truth[i] == 1 else 1)) % k
            label = truth[i] if right else near if rng.random() < 0.6 else rng.integers(0, k)
            rows.append((ids[i], annotators[a], classes[label]))
    annotations = pd.DataFrame(rows, columns=["item_id", "annotator_id", "label"])
    votes = Votes.build(annotations, classes=classes)
    counts = votes.counts()
    winner = counts.argmax(1)
    share = counts[np.arange(n_items), winner] / counts.sum(1)
    data = ReportData(
        project="digits",
        description="Handwritten digits for the mail sorter",
        day=DAY,
        classes=classes,
        votes=votes,
        consensus=_consensus(ids, classes, winner, share, counts),
        previous=_consensus(ids[:-20], classes, _moved(winner, k)[:-20], share[:-20], counts[:-20]),
        kpi_texts=TEXTS,
        text_field="text",
        picture_field="scan",
        **_people_and_gold(annotators, skill, classes, ids, truth),
        **_noise_and_queue(ids, classes, winner, truth, share),
        **_numbers(rng, classes),
        **_landing(),
        verdict=verdict(accepted=False),
        latest="2026-10-13-0a1b2c3d",
        payloads=lambda wanted: {i: {"text": f"Scan {i}", "page": 3, "scan": f"{i}.png"} for i in wanted},
        picture=digit_picture,
    )
    return replace(data, **changes)


def table(name: str, columns: dict[str, Any]) -> pa.Table:
    """A conforming table; columns that may be empty are, where they are not given."""
    rows = len(next(iter(columns.values())))
    empty = {column.name: [None] * rows for column in TABLES[name].columns if column.nullable}
    return TABLES[name].conform(empty | columns)


def verdict(*, accepted: bool) -> Verdict:
    results = [
        GateResult("coverage", "block", True, "0.93", "at least 0.5", "coverage: 0.93; asked: at least 0.5."),
        GateResult(
            "kpi_label_accuracy",
            "block",
            accepted,
            "0.912 (0.88 to 0.94, n 212), target 0.95, missed",
            "target not missed",
            "label_accuracy is 0.912 (0.88 to 0.94, n 212), target 0.95, missed; asked: target not missed. "
            "Look at label_accuracy by class, slice and annotator.",
        ),
        GateResult(
            "gold_classes",
            "warn",
            False,
            "without 8",
            "at least 1 of every class",
            "gold_classes: without 8; asked: at least 1 of every class. Add gold items of these classes.",
        ),
    ]
    return Verdict(accepted, results)


def digit_picture(item_id: str) -> bytes:
    """A real handwritten digit as a small PNG."""
    from PIL import Image

    pixels = _digits()[int(item_id.rsplit("-", 1)[-1]) % 1797]
    buffer = BytesIO()
    Image.fromarray((255 - pixels * 15.9).astype("uint8")).save(buffer, "PNG")
    return buffer.getvalue()


@lru_cache(maxsize=1)
def _digits() -> Any:
    from sklearn.datasets import load_digits

    return load_digits().images


def _moved(winner: Any, k: int) -> Any:
    before = winner.copy()
    before[::53] = (before[::53] + 1) % k
    return before


def _consensus(ids: list[str], classes: tuple[str, ...], winner: Any, share: Any, counts: Any) -> pa.Table:
    label = [classes[w] for w in winner]
    return table(
        "consensus_labels",
        {
            "item_id": ids,
            "label": label,
            "voted_label": label,
            "probabilities": (counts / counts.sum(1, keepdims=True)).tolist(),
            "confidence": share,
            "agreement": share,
            "n_annotations": counts.sum(1),
            "method": ["dawid_skene"] * len(ids),
            "status": ["accepted" if s == 1 else "open" if s > 0.5 else "disputed" for s in share],
        },
    )


def _people_and_gold(annotators: list[str], skill: Any, classes: tuple[str, ...], ids: list[str], truth: Any) -> Any:
    n, k = len(annotators), len(classes)
    people = {
        "annotator_id": annotators,
        "group": ["vendor" if i % 3 == 0 else "in-house" for i in range(n)],
        "role": ["annotator"] * n,
        "n": [120 + 3 * i for i in range(n)],
        "quality": skill,
        "quality_low": np.maximum(skill - 0.05, 0),
        "quality_high": np.minimum(skill + 0.04, 1),
        "agreement_with_consensus": skill,
        "gold_n": [20] * n,
        "gold_accuracy": skill,
        "gold_low": np.maximum(skill - 0.1, 0),
        "gold_high": np.minimum(skill + 0.08, 1),
        "worst_class": [classes[i % k] for i in range(n)],
        "confusion": [np.eye(k).ravel().tolist()] * n,
        "spammer_score": skill,
        "too_fast_share": [0.0] * n,
        "longest_run": [3] * n,
        "drift": [None] * n,
        "median_duration_s": [4.5 + i for i in range(n)],
        "flags": [[] for _ in range(n - 2)] + [[f"confuses {classes[1]} and {classes[-1]}"], ["spammer", "too fast"]],
    }
    g = min(120, len(ids))
    gold = {
        "item_id": ids[:g],
        "version": [1] * g,
        "label": [classes[t] if t != 8 else classes[0] for t in truth[:g]],
        "origin": ["seed"] * g,
        "role": ["evaluation" if i % 2 else "check" for i in range(g)],
        "valid_from": [DAY - timedelta(days=10)] * g,
        "valid_to": [None if i else DAY + timedelta(days=9) for i in range(g)],
        "evidence": ["gold/seeds.csv:1"] * g,
    }
    return {
        "annotator_quality": table("annotator_quality", people),
        "gold_set": table("gold_set", gold),
    }


def _noise_and_queue(ids: list[str], classes: tuple[str, ...], winner: Any, truth: Any, share: Any) -> Any:
    issue = winner != truth
    noise = {
        "item_id": ids,
        "given_label": [classes[w] for w in winner],
        "suggested_label": [classes[t] for t in truth],
        "label_quality": np.where(issue, 0.05 + share / 3, 0.8 + share / 6),
        "is_issue": issue,
        "kind": ["label" if i else "" for i in issue],
    }
    order = np.argsort(share, kind="stable")[:60]
    queue = {
        "rank": np.arange(1, len(order) + 1),
        "item_id": [ids[i] for i in order],
        "value": np.linspace(0.6, 0.1, len(order)),
        "gain": np.linspace(0.6, 0.1, len(order)),
        "ask_annotators": [[]] * len(order),
        "reason": [f"2 of 3 say {classes[winner[i]]}, the model says {classes[truth[i]]} with 0.97" for i in order],
        "route": [("annotator", "adjudicator", "guideline")[i % 5 // 2] for i in range(len(order))],
        "suggested_label": [classes[truth[i]] for i in order],
        "within_budget": [i < 25 for i in range(len(order))],
        "exclude_annotators": [["ann_00"]] * len(order),
    }
    return {"label_issues": table("label_issues", noise), "relabel_queue": table("relabel_queue", queue)}


def _numbers(rng: Any, classes: tuple[str, ...]) -> Any:
    def rows(step: int) -> list[tuple[Any, ...]]:
        drift = 0.004 * step
        found = [
            ("label_accuracy", "all", "", 0.86 + drift, 0.83 + drift, 0.89 + drift, 212, 0.95, "missed"),
            ("alpha", "all", "", 0.7 + drift * 2, 0.66 + drift * 2, 0.74 + drift * 2, 400, 0.67, "met"),
            ("throughput", "all", "", float(80 + rng.integers(0, 40)), None, None, 1, None, "no target"),
            ("turnaround_p50", "all", "", 52_000.0 - 900 * step, 48_000.0, 56_000.0, 80, 43_200.0, "unsure"),
            ("dispute_rate", "all", "", 0.09 - drift / 2, 0.07 - drift / 2, 0.12 - drift / 2, 400, 0.1, "met"),
            ("model_lift", "all", "", None, None, None, 0, 0.0, "no data"),
        ]
        found += [("recall", "class", c, 0.9, 0.8, 0.95, 20, None, "no target") for c in classes]
        return found

    names = TABLES["kpis"].names
    frames = [pd.DataFrame(rows(i), columns=names).assign(day=DAY - timedelta(days=13 - i)) for i in range(14)]
    history = pa.concat_tables(
        [
            TABLES["kpis"].conform(f).append_column("day", pa.array(f["day"].head(1).tolist() * len(f), pa.date32()))
            for f in frames
        ]
    )
    evidence = {
        "method": ["dawid_skene", "majority", "crowdlab"],
        "wins": [0.9, 0.0, 0.1],
        "agreement": [0.74, 0.7, 0.73],
        "words": ["Dawid–Skene agrees best with annotators left out."] * 3,
    }
    return {
        "kpis": TABLES["kpis"].conform(frames[-1]),
        "kpi_history": history,
        "evidence": table("consensus_evidence", evidence),
    }


def _landing() -> Any:
    landings = {
        "landed_file": ["label_studio/export.json", "mturk/batch_7.csv", "mturk/batch_8.csv"],
        "source": ["label_studio", "mturk", "mturk"],
        "sha256": ["0" * 64] * 3,
        "bytes": [1000, 2000, 3],
        "landed": [120, 60, 1],
        "accepted": [110, 30, 0],
        "quarantined": [4, 2, 1],
        "duplicates": [6, 28, 0],
        "problem": [None, None, "the file ends in the middle of a row"],
    }
    bad = [
        (
            "mturk/batch_7.csv",
            12,
            1,
            "mturk",
            "known class",
            "Answer.label",
            "'seven' is not a class; nearest '7'",
            "{}",
        ),
        (
            "label_studio/export.json",
            3,
            1,
            "label_studio",
            "no future",
            "annotated_at",
            "2031-01-01 is after the day",
            "{}",
        ),
        (
            "label_studio/export.json",
            9,
            1,
            "label_studio",
            "no future",
            "annotated_at",
            "2031-01-02 is after the day",
            "{}",
        ),
    ]
    quarantine = pd.DataFrame(bad, columns=TABLES["quarantine"].names)
    return {"landings": table("landings", landings), "quarantine": TABLES["quarantine"].conform(quarantine)}
