"""The report's numbers: verdict, KPI cards, what changed, accounting, gold coverage.

Facts for the templates; no markup.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from label_pipeline.annotators.standing import COUNTING
from label_pipeline.gold.life import in_force
from label_pipeline.kpis.change import NIGHTS_BACK, beyond_interval
from label_pipeline.publish.typed import by_class
from label_pipeline.publish.verdict import GateResult
from label_pipeline.report import words
from label_pipeline.report.data import ReportData, Unit
from label_pipeline.report.marks import Point, Sparkline, sparkline

if TYPE_CHECKING:
    import pandas as pd

    from label_pipeline.label_meaning import Meaning

NIGHTS = 30
"""Nights that a trend goes back."""

HEADLINES = (
    "label_accuracy",
    "estimated_label_accuracy",
    "alpha",
    "coverage",
    "dispute_rate",
    "noise_rate",
    "annotations_last_7_days",
    "queue_size",
)
"""The KPIs that have a card, and a place in every index; so have those with a target."""

CHANGED_SHOWN = 6
_REASONS_SHOWN = 8
_ASKS_SHOWN = 8
_STATUS_ORDER = {"missed": 0, "unsure": 1, "no data": 2, "withheld": 2, "met": 3, "no target": 4}


@dataclass(frozen=True)
class Evidence:
    """How the consensus was made: in words, and the figures of each method compared."""

    words: str
    columns: list[str]
    rows: list[tuple[str, list[str]]]


@dataclass(frozen=True)
class VerdictView:
    """May a model train on tonight's labels: `tone` good, bad or open; `headline`, `state`, gates, evidence."""

    tone: str
    headline: str
    state: str
    blockers: list[GateResult]
    warnings: list[GateResult]
    gates: list[GateResult]
    evidence: Evidence


def verdict(data: ReportData) -> VerdictView:
    """The answer on top of the report."""
    evidence = _evidence(data)
    kept = f"Training jobs keep {data.latest}." if data.latest else "Nothing has been published yet."
    if data.verdict is None:
        return VerdictView("open", "No candidate was judged tonight.", kept, [], [], [], evidence)
    blockers, warnings = data.verdict.failed("block"), data.verdict.failed("warn")
    if data.verdict.accepted:
        headline = "Yes, a model may train on tonight’s labels."
        published = f"Published as {data.version}." if data.version else "Not published yet."
        later = f" Training jobs keep the newer {data.latest}." if data.latest not in (data.version, None) else ""
        return VerdictView("good", headline, published + later, [], warnings, data.verdict.results, evidence)
    headline = "No, do not train on tonight’s labels."
    return VerdictView("bad", headline, kept, blockers, warnings, data.verdict.results, evidence)


def _evidence(data: ReportData) -> Evidence:
    """Whatever figures the consensus gives for its methods; those it could not give are left out."""
    frame = data.evidence.to_pandas()
    figures = [name for name in frame.columns if name not in ("method", "words") and frame[name].notna().any()]
    rows = [(str(row["method"]), [words.number(row[name]) for name in figures]) for _, row in frame.iterrows()]
    said = next((str(text) for text in frame["words"] if text), "")
    return Evidence(said, [name.replace("_", " ").capitalize() for name in figures], rows)


@dataclass(frozen=True)
class Card:
    """One KPI: all as it is shown. `trend` is None where there are not two nights.

    `moved` says since when it changed by more than its interval; empty where it did not. `chance` is the p-value of
    the figures that are tested, `no_data` why there is none. `family` is where it belongs unless it is a `headline`.
    """

    kpi: str
    family: str
    headline: bool
    title: str
    meaning: str
    value: str
    interval: str
    target: str
    status: str
    n: str
    chance: str
    delta: str
    moved: str
    trend: Sparkline | None
    trend_words: str
    no_data: str


def cards(data: ReportData) -> list[Card]:
    """The overall KPIs in the order of their definitions: first those that miss their target, last those without one
    that have nothing to show."""
    overall = data.kpis.to_pandas()
    overall = overall[overall["dimension"] == "all"]
    history = _history(data)
    tests = dict(zip(overall["kpi"], overall["value"], strict=True))
    # A test's p-value is shown with what it tests.
    shown = overall[[kpi.removesuffix("_p") not in tests or not kpi.endswith("_p") for kpi in overall["kpi"]]]
    found = [_card(data, row, history.get(row["kpi"], []), tests.get(f"{row['kpi']}_p")) for _, row in shown.iterrows()]
    defined = {kpi: place for place, kpi in enumerate(data.kpi_texts)}
    return sorted(found, key=lambda card: (_urgency(card), defined.get(card.kpi, len(defined))))


def families(cards: Sequence[Card]) -> list[tuple[str, list[Card]]]:
    """The KPIs that are no headline, by family, in the order of the first of each; what has no data comes last."""
    found: dict[str, list[Card]] = {}
    for card in cards:
        if not card.headline:
            found.setdefault(card.family, []).append(card)
    return list(found.items())


def _urgency(card: Card) -> int:
    shown = card.status if card.target or card.status not in ("no data", "withheld") else ""
    return _STATUS_ORDER.get(shown, len(_STATUS_ORDER))


def _history(data: ReportData) -> dict[str, list[Point]]:
    """The nights before of each overall KPI, oldest first."""
    past = data.kpi_history.to_pandas()
    past = past[(past["dimension"] == "all") & (past["day"] < data.day)].sort_values("day")
    past = past[past["day"] > data.day - timedelta(days=NIGHTS)]
    return {
        str(kpi): [_point(row["day"], row) for _, row in rows.iterrows()]
        for kpi, rows in past.groupby("kpi", sort=True)
    }


def _point(day: Any, row: pd.Series[Any]) -> Point:
    value, low, high = (float(row[name]) if words.known(row[name]) else None for name in ("value", "ci_low", "ci_high"))
    return Point(day, value, low, high)


def _card(data: ReportData, row: pd.Series[Any], before: Sequence[Point], p_value: float | None) -> Card:
    text = data.text_of(row["kpi"])
    shown = words.FORMATS[text.unit]
    points = [*before, _point(data.day, row)]
    target = float(row["target"]) if words.known(row["target"]) else None
    seen = [p for p in points if words.known(p.value)]
    last_night = before[-1].value if before and before[-1].day == data.day - timedelta(days=1) else None
    limit = {"lower": "at most ", "higher": "at least ", "": ""}[text.better]
    return Card(
        kpi=row["kpi"],
        family=text.family or "others",
        headline=target is not None or row["kpi"] in HEADLINES,
        title=text.title,
        meaning=text.meaning,
        value=shown(row["value"]),
        interval=words.interval(shown, row["ci_low"], row["ci_high"]),
        target=limit + shown(target) if target is not None else "",
        status=row["status"],
        n=words.count(row["n"]),
        chance=words.number(p_value) if words.known(p_value) else "",
        delta=words.change(last_night, points[-1].value, text.unit),
        moved=_moved(data, text.unit, points),
        trend=sparkline(points, target),
        trend_words=f"{text.title} over {len(seen)} nights, from {shown(seen[0].value)} to {shown(seen[-1].value)}"
        if seen
        else "",
        no_data=text.no_data if row["status"] == "no data" else "",
    )


def _moved(data: ReportData, unit: Unit, points: Sequence[Point]) -> str:
    """Since when a KPI moved beyond its interval, and from what."""
    by_day = {p.day: p for p in points}
    shown, now, since = words.FORMATS[unit], points[-1], []
    for name, back in NIGHTS_BACK.items():
        then = by_day.get(data.day - timedelta(days=back))
        if then and beyond_interval((now.value, now.low, now.high), (then.value, then.low, then.high)):
            since.append(f"{name} ({shown(then.value)})")
    return " and ".join(since)


@dataclass(frozen=True)
class Changes:
    """Consensus against the day before: `counts` of what happened, and the relabelled items shown."""

    counts: list[tuple[str, int]]
    relabelled: list[tuple[str, str, str]]
    first: bool


def changes(data: ReportData) -> Changes:
    """What a night did to the labels; relabelled items are those most confident before."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if data.previous is None:
        return Changes([], [], first=True)
    now, before = data.consensus, data.previous
    rows = pc.index_in(now["item_id"], before["item_id"].combine_chunks())
    was = before.select(["label", "status", "confidence"]).take(rows)
    had, has = pc.is_valid(was["label"]), pc.is_valid(now["label"])
    # A number may move within its tolerance and still be the same label.
    same = data.meaning.right(was["label"].to_pandas(), now["label"].to_pandas())
    relabelled = pc.and_(pc.and_(had, has), pa.array(~same))
    settled = pa.array(["accepted", "adjudicated", "gold"])
    is_settled, was_settled = pc.is_in(now["status"], settled), pc.is_in(was["status"], settled)
    disputed, was_disputed = (pc.fill_null(pc.equal(s, "disputed"), False) for s in (now["status"], was["status"]))
    masks = {
        "items new": pc.is_null(rows),
        "labelled for the first time": pc.and_not(has, had),
        "with another label": relabelled,
        "settled": pc.and_not(is_settled, was_settled),
        "no longer settled": pc.and_not(was_settled, is_settled),
        "newly disputed": pc.and_not(disputed, was_disputed),
    }
    moved = pa.table({"item_id": now["item_id"], "was": was["label"], "is": now["label"], "sure": was["confidence"]})
    moved = moved.filter(relabelled).sort_by([("sure", "descending"), ("item_id", "ascending")]).slice(0, CHANGED_SHOWN)
    shown = [(row["item_id"], *map(data.meaning.words, (row["was"], row["is"]))) for row in moved.to_pylist()]
    return Changes([(name, pc.sum(mask).as_py() or 0) for name, mask in masks.items()], shown, first=False)


@dataclass(frozen=True)
class Accounting:
    """What became of every landed answer, by source, and why answers were quarantined."""

    balanced: bool
    total: dict[str, int]
    sources: list[dict[str, Any]]
    reasons: list[dict[str, Any]]
    problems: list[tuple[str, str]]


def accounting(data: ReportData) -> Accounting:
    """Tonight's landing in numbers that must add up."""
    parts = ["landed", "accepted", "quarantined", "duplicates"]
    landed = data.landings.to_pandas()
    by_source = landed.groupby("source")[parts].sum().assign(files=landed.groupby("source").size()).reset_index()
    total = {name: int(landed[name].sum()) for name in parts}
    rows = landed["accepted"] + landed["quarantined"] + landed["duplicates"]
    broken = landed[landed["problem"].notna()]
    return Accounting(
        balanced=bool((landed["landed"] == rows).all()),
        total=total,
        sources=by_source.to_dict("records"),
        reasons=_reasons(data),
        problems=[(str(row["landed_file"]), str(row["problem"])) for _, row in broken.iterrows()],
    )


def _reasons(data: ReportData) -> list[dict[str, Any]]:
    """The rules most often broken, each with a first example."""
    bad = data.quarantine.select(["rule", "column", "reason", "landed_file", "landed_row"]).to_pandas()
    bad = bad.sort_values(["landed_file", "landed_row"], kind="stable")
    grouped = bad.groupby(["rule", "column"], as_index=False).agg(
        n=("reason", "size"), example=("reason", "first"), file=("landed_file", "first"), row=("landed_row", "first")
    )
    reasons: list[dict[str, Any]] = (
        grouped.sort_values(["n", "rule"], ascending=[False, True]).head(_REASONS_SHOWN).to_dict("records")
    )
    return reasons


def _by_class(settled: pd.DataFrame, meaning: Meaning) -> pd.DataFrame:
    """Label and role of each truth, once for each class in it."""
    import pyarrow as pa

    table = pa.Table.from_pandas(settled[["label", "role"]].astype("string"), preserve_index=False)
    frame: pd.DataFrame = by_class(table, meaning).to_pandas()
    return frame


@dataclass(frozen=True)
class Gold:
    """Settled truth in force: one row a class, what more of it takes, what waits for adjudicators, who fell below.

    A row has name, check, evaluation, `most` (the scale of both) and, where it is planned, accuracy with ci_low,
    ci_high and n, and `more`. `asks` are the first of `waiting`; `fallen` are annotators whose votes count for less.
    """

    rows: list[dict[str, Any]]
    total: int
    without: list[str]
    expiring: int = 0
    more: int = 0
    asks: list[dict[str, Any]] = field(default_factory=list)
    waiting: int = 0
    fallen: list[dict[str, Any]] = field(default_factory=list)


def gold(data: ReportData) -> Gold:
    """Gold by class and role, its plan, its doubts, and annotators below the limit of gold checks."""
    settled = in_force(data.gold_set.to_pandas(), data.day)
    per_class = _by_class(settled, data.meaning).groupby(["label", "role"]).size().unstack(fill_value=0)
    per_class = per_class.reindex(index=list(data.classes), columns=["check", "evaluation"], fill_value=0)
    most = max(int(per_class.to_numpy().max(initial=0)), 1)
    plan = {row["class"]: row for row in data.gold_plan.to_pylist()} if data.gold_plan else {}
    rows = [
        plan.get(str(name), {})
        | {"name": str(name), "check": int(row["check"]), "evaluation": int(row["evaluation"]), "most": most}
        for name, row in per_class.iterrows()
    ]
    overall = plan.get("", {"expiring": 0, "more": 0})
    asks = data.gold_asks.sort_by("rank").to_pylist() if data.gold_asks else []
    stood = data.standing.to_pylist() if data.standing else []
    return Gold(
        rows,
        len(settled),
        [str(row["name"]) for row in rows if not row["evaluation"]],
        overall["expiring"],
        overall["more"],
        asks[:_ASKS_SHOWN],
        len(asks),
        [row for row in stood if row["to_day"] is None and row["state"] != COUNTING],
    )
