"""May the candidate be published: Great Expectations over the profile, the gold set, the queue and the KPIs.

A gate is one expectation with its severity, what is expected in words, and what to do when it fails. Only
tables of bounded size come here; rules on rows stand in the contracts.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Literal

from label_pipeline.gold.life import in_force
from label_pipeline.publish.profile import TOTALS, Profile
from label_pipeline.publish.verdict import GateResult, Severity, Verdict

if TYPE_CHECKING:
    import pandas as pd

STATUSES = {"met", "missed", "unsure", "no data", "no target", "withheld"}
"""What a KPI's status may be."""

SAMPLE = 1000
"""Rows of the queue's head that are looked at."""

_SHOWN = 5
_SUM_TOLERANCE = 1e-6


@dataclass(frozen=True)
class Policy:
    """What a project asks of a training set. `kpis` names the KPIs with a target and what a miss does."""

    classes: tuple[str, ...]
    min_coverage: float = 0.5
    min_class_share: float = 0.0
    max_issue_share: float = 0.25
    max_quarantined: float = 0.2
    min_gold_per_class: int = 1
    max_held_back: float = 0.1
    missing_class: Severity = "block"
    budget: int | None = None
    kpis: Mapping[str, Severity] = field(default_factory=dict)


@dataclass(frozen=True)
class Gate:
    """One expectation on one table, in the words of a person who must act on it."""

    name: str
    table: Literal["totals", "gold", "queue", "kpis"]
    severity: Severity
    expectation: str
    arguments: Mapping[str, Any]
    expected: str
    do: str
    kpi: str = ""


def gates(policy: Policy) -> list[Gate]:
    """All gates of a project, in the order they are shown."""
    parts = (_candidate_gates, _integrity_gates, _gold_gates, _queue_gates, _kpi_gates)
    return [gate for part in parts for gate in part(policy)]


def _total(name: str, severity: Severity, column: str, low: float | None, high: float | None, do: str) -> Gate:
    """A number of the profile, which has one row, between two bounds; a number that is missing fails."""
    expected = f"at most {high:g}" if high else "0" if low is None else f"at least {low:g}"
    arguments = {"column": column, "min_value": low, "max_value": high}
    return Gate(name, "totals", severity, "ExpectColumnMaxToBeBetween", arguments, expected, do)


def _candidate_gates(policy: Policy) -> Iterator[Gate]:
    yield _total("rows", "block", "learning_rows", 1, None, "Land annotations; items enter when they have a label.")
    yield _total("splits", "block", "empty_splits", None, 0, "Label more items, or declare fewer splits.")
    yield _total(
        "coverage",
        "block",
        "coverage",
        policy.min_coverage,
        None,
        "Send the head of the relabel queue to annotators; disputed items need an adjudicator.",
    )
    yield _total(
        "classes", policy.missing_class, "missing_classes", None, 0,
        "See rows per class: label items of the missing class, or take it out of the classes.",
    )  # fmt: skip
    if policy.min_class_share > 0:
        yield _total(
            "class_share", "warn", "min_class_share", policy.min_class_share, None,
            "See rows per class: label more items of the rarest class.",
        )  # fmt: skip
    yield _total(
        "held_back", "warn", "held_back_share", None, policy.max_held_back,
        "See splits for what each is near: an upload that holds the gold items again under other ids looks like this.",
    )  # fmt: skip
    yield _total(
        "issues", "warn", "issue_share", None, policy.max_issue_share,
        "Look at the label issues: one pair of classes or one annotator often explains most of them.",
    )  # fmt: skip


def _integrity_gates(policy: Policy) -> Iterator[Gate]:
    rebuild = "This is a fault of the pipeline, not of the labels: rebuild the day and report it."
    yield _total("contract", "block", "broken_rows", None, 0, rebuild)
    yield _total("probabilities", "block", "max_sum_error", None, _SUM_TOLERANCE, rebuild)
    yield _total("labels", "block", "unlabelled_rows", None, 0, rebuild)
    yield _total("items_once", "block", "repeated_items", None, 0, rebuild)
    yield _total("gold_leak", "block", "gold_leak", None, 0, rebuild)
    yield _total("split_leak", "block", "split_leak", None, 0, rebuild)
    yield _total("gold_truth", "block", "false_gold", None, 0, rebuild)
    yield _total(
        "count_equation", "block", "unaccounted", None, 0,
        "See landings: a file's answers are not all accepted, quarantined or duplicates. Land the day again.",
    )  # fmt: skip
    yield _total(
        "quarantine", "block", "quarantined_share", None, policy.max_quarantined,
        "See the quarantine's rules: one mistake in a mapping often explains all. Mend it and run the day again.",
    )  # fmt: skip


def _gold_gates(policy: Policy) -> Iterator[Gate]:
    one_truth = {"column": "item_id"}
    yield Gate(
        "gold_one_truth", "gold", "block", "ExpectColumnValuesToBeUnique", one_truth, "one truth in force an item",
        "Settle which truth holds: adjudicate the item, or mend the seed file.",
    )  # fmt: skip
    if policy.min_gold_per_class > 0:
        yield Gate(
            "gold_classes", "gold", "warn", "ExpectColumnDistinctValuesToContainSet",
            {"column": "enough", "value_set": list(policy.classes)},
            f"at least {policy.min_gold_per_class} of every class",
            "Add gold items of these classes; until then nothing measures them.",
        )  # fmt: skip


def _queue_gates(policy: Policy) -> Iterator[Gate]:
    yield Gate(
        "queue_items_once", "queue", "warn", "ExpectColumnValuesToBeUnique", {"column": "item_id"}, "each item once",
        "Do not send this queue: the same work would be paid twice. Rebuild the day.",
    )  # fmt: skip
    yield Gate(
        "queue_order", "queue", "warn", "ExpectColumnValuesToBeDecreasing", {"column": "value", "strictly": False},
        "worth most first", "Do not send this queue: rebuild the day.",
    )  # fmt: skip
    if policy.budget is not None:
        yield Gate(
            "queue_budget", "queue", "warn", "ExpectColumnSumToBeBetween",
            {"column": "within_budget", "max_value": policy.budget}, f"at most {policy.budget} within tonight's budget",
            "Do not send this queue: rebuild the day.",
        )  # fmt: skip


def _kpi_gates(policy: Policy) -> Iterator[Gate]:
    if policy.kpis:
        yield Gate(
            "kpis_present", "kpis", "block", "ExpectColumnDistinctValuesToContainSet",
            {"column": "kpi", "value_set": list(policy.kpis)}, "every KPI with a target is computed",
            "A target names a KPI that was not computed: see the names in the project file's kpis.",
        )  # fmt: skip
    for kpi, severity in policy.kpis.items():
        yield Gate(
            f"kpi_{kpi}", "kpis", severity, "ExpectColumnDistinctValuesToBeInSet",
            {"column": _status_of(kpi), "value_set": sorted(STATUSES - {"missed"})}, "target not missed",
            f"Look at {kpi} by class, slice and annotator, and at the head of the relabel queue.", kpi,
        )  # fmt: skip
        yield Gate(
            f"kpi_{kpi}_certain", "kpis", "warn", "ExpectColumnDistinctValuesToBeInSet",
            {"column": _status_of(kpi), "value_set": sorted(STATUSES - {"unsure", "no data", "withheld"})},
            "measured, and not short of its target within its interval",
            "Nothing is proven yet: measure on more gold items or annotations.", kpi,
        )  # fmt: skip


def _status_of(kpi: str) -> str:
    return f"status of {kpi}"


def judge(
    policy: Policy, *, profile: Profile, gold: pd.DataFrame, queue: pd.DataFrame, kpis: pd.DataFrame, day: date
) -> Verdict:
    """The verdict on a candidate.

    `gold`, `queue` and `kpis` are the tables gold_set, relabel_queue and kpis as of `day`; of the queue the
    `SAMPLE` items worth most and all within the budget are looked at.
    """
    frames = {
        "totals": profile.totals,
        "gold": _gold_frame(gold, policy, day),
        "queue": _queue_frame(queue),
        "kpis": _kpi_frame(kpis, policy),
    }
    results: dict[str, GateResult] = {}
    validations: dict[str, Any] = {}
    every = gates(policy)
    for table, frame in frames.items():
        asked = [gate for gate in every if gate.table == table]
        if asked:
            rows = frame.reset_index(drop=True)
            validations[table] = _validate(table, rows, asked)
            found = zip(asked, _outcomes(validations[table], asked), strict=True)
            results |= {gate.name: _result(gate, rows, outcome) for gate, outcome in found}
    return Verdict.of([results[gate.name] for gate in every], validations)


def _gold_frame(gold: pd.DataFrame, policy: Policy, day: date) -> pd.DataFrame:
    """Gold in force; `enough` repeats the label where its class has the wanted number."""
    settled = in_force(gold, day)[["item_id", "label"]]
    label = settled["label"].astype(object)
    return settled.assign(enough=label.where(label.map(label.value_counts()) >= policy.min_gold_per_class))


def _queue_frame(queue: pd.DataFrame) -> pd.DataFrame:
    ranked = queue.sort_values("rank")
    looked_at = ranked[(ranked["rank"] <= SAMPLE) | ranked["within_budget"].astype(bool)]
    return looked_at[["item_id", "value"]].assign(within_budget=looked_at["within_budget"].astype("int64"))


def _kpi_frame(kpis: pd.DataFrame, policy: Policy) -> pd.DataFrame:
    """The KPIs with one more column a target: a row condition would cost Great Expectations 25 ms each."""
    return kpis.assign(**{_status_of(kpi): kpis["status"].where(kpis["kpi"] == kpi) for kpi in policy.kpis})


@lru_cache(maxsize=1)
def _batches() -> Any:
    """Great Expectations in memory, once a process: no analytics, no progress bars, no files."""
    os.environ.setdefault("GX_ANALYTICS_ENABLED", "false")
    import great_expectations as gx
    from great_expectations.data_context.types.base import ProgressBarsConfig

    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = ProgressBarsConfig(globally=False, metric_calculations=False)
    source = context.data_sources.add_pandas("tables")
    return source.add_dataframe_asset("table").add_batch_definition_whole_dataframe("whole")


def _validate(table: str, frame: pd.DataFrame, asked: Sequence[Gate]) -> Any:
    """Great Expectations' result on one frame; each expectation's notes say what to do when it fails."""
    batches = _batches()
    import great_expectations as gx
    import great_expectations.expectations as gxe

    suite = gx.ExpectationSuite(name=table)
    for gate in asked:
        severity = "critical" if gate.severity == "block" else "warning"
        expectation = getattr(gxe, gate.expectation)
        about = {"meta": {"gate": gate.name}, "notes": f"{gate.name}: {gate.do}"}
        suite.add_expectation(expectation(**gate.arguments, severity=severity, **about))
    return batches.get_batch(batch_parameters={"dataframe": frame}).validate(suite, result_format="BASIC")


def _outcomes(validated: Any, asked: Sequence[Gate]) -> list[dict[str, Any]]:
    """The outcome of each gate."""
    outcomes = {r.expectation_config.meta["gate"]: r for r in validated.results}
    broken = [r for r in validated.results if r.exception_info.get("raised_exception")]
    if broken:
        raise RuntimeError(f"a gate could not be evaluated: {broken[0].exception_info}")
    return [{"passed": bool(outcomes[gate.name].success), **outcomes[gate.name].result} for gate in asked]


def _result(gate: Gate, frame: pd.DataFrame, outcome: Mapping[str, Any]) -> GateResult:
    passed = bool(outcome["passed"])
    observed = _observed(gate, frame, outcome)
    column = gate.arguments["column"]
    if gate.table == "totals":
        seen = f"{column} is {observed} ({TOTALS[column]}), asked: {gate.expected}."
    elif gate.kpi:
        seen = f"{gate.kpi} is {observed}; asked: {gate.expected}."
    else:
        seen = f"{gate.name}: {observed}; asked: {gate.expected}."
    words = seen if passed else f"{seen} {gate.do}"
    return GateResult(gate.name, gate.severity, passed, observed, gate.expected, words)


def _observed(gate: Gate, frame: pd.DataFrame, outcome: Mapping[str, Any]) -> str:
    """What was seen, in words."""
    if gate.table == "totals":
        return _number(frame[gate.arguments["column"]].iloc[0])
    if gate.kpi:
        rows = frame[frame["kpi"] == gate.kpi]
        shown = rows["target"].notna() if outcome["passed"] else ~rows["status"].isin(gate.arguments["value_set"])
        return _several([_kpi_words(row) for _, row in rows[shown].iterrows()]) or "not computed"
    if "partial_missing_list" in outcome:
        missing = sorted(set(gate.arguments["value_set"]) - set(frame[gate.arguments["column"]].dropna()))
        return "without " + _several(missing) if missing else "all there"
    if "observed_value" in outcome:
        return _number(outcome["observed_value"] or 0)
    wrong = [str(value) for value in dict.fromkeys(outcome.get("partial_unexpected_list", []))]
    return f"{outcome.get('unexpected_count', 0)} of {len(frame)} rows" + (f": {_several(wrong)}" if wrong else "")


def _kpi_words(row: pd.Series[Any]) -> str:
    """`positive 0.91 (0.88 to 0.94, n 412), target 0.95, missed`."""
    who = "" if row["dimension"] == "all" else f"{row['dimension']} {row['member']}: "
    interval = f"{_number(row['ci_low'])} to {_number(row['ci_high'])}, " if _known(row["ci_low"]) else ""
    target = f", target {_number(row['target'])}" if _known(row["target"]) else ""
    return f"{who}{_number(row['value'])} ({interval}n {_number(row['n'])}){target}, {row['status']}"


def _several(words: Sequence[str]) -> str:
    more = f" and {len(words) - _SHOWN} more" if len(words) > _SHOWN else ""
    return "; ".join(words[:_SHOWN]) + more


def _known(value: Any) -> bool:
    return value is not None and not (isinstance(value, float) and math.isnan(value))


def _number(value: Any) -> str:
    return f"{value:,.4g}" if _known(value) and value % 1 else f"{int(value):,}" if _known(value) else "no data"
