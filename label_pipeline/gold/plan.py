"""How much gold there is, and how much more a wanted exactness takes.

Here belong counts by class and role, and the size of an evaluation set. Intervals are those of `estimates`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import pandas as pd

from label_pipeline.contracts.tables import GOLD_PLAN
from label_pipeline.estimates import Estimate, wilson, wilson_bounds
from label_pipeline.gold.checks import Right
from label_pipeline.gold.life import in_force

WITHIN = 0.02
"""Half the width of the interval that is planned for unless told otherwise: ± 2 points."""
SOON = timedelta(days=30)
"""Gold that is due within this time is told as expiring."""


@dataclass(frozen=True, slots=True)
class Line:
    """Gold of one class, or of all ('').

    `check` and `evaluation` are in force; `challenged` and `due` wait for a re-check, in force or not; `expiring` will
    be due within `SOON`. `accuracy` is the share of evaluation items (of the class) that annotations alone give the
    true label; `more` evaluation items are needed for its interval to be within the wanted half width.
    """

    name: str
    check: int
    evaluation: int
    challenged: int
    due: int
    expiring: int
    accuracy: Estimate
    more: int


def gold_plan(
    gold: pd.DataFrame,
    voted: pd.DataFrame,
    classes: Sequence[str],
    day: date,
    *,
    within: float = WITHIN,
    expire_after: int | None = None,
    right: Right = pd.Series.eq,
) -> list[Line]:
    """The state of the gold set as of `day`: a line for all, then one a class.

    `gold` is a frame of gold_set, `voted` has item_id and voted_label (as consensus_labels has them);
    `right` says which labels are.
    """
    now = in_force(gold, day).merge(voted[["item_id", "voted_label"]], on="item_id", how="left")
    last = gold.drop_duplicates("item_id", keep="last")
    until = pd.to_datetime(now["valid_from"]) + pd.to_timedelta(expire_after or 0, unit="D")
    soon = until.le(pd.Timestamp(day + SOON)) & now["due_on"].isna() & now["challenged_on"].isna()
    known = now["voted_label"].notna()
    now = now.assign(
        expiring=soon if expire_after is not None else False,
        measured=known & (now["role"] == "evaluation"),
        right=known & right(now["voted_label"], now["label"]),
    )
    return [_line(name, now, last, within) for name in ("", *classes)]


def _line(name: str, now: pd.DataFrame, last: pd.DataFrame, within: float) -> Line:
    ours, history = (frame if not name else frame[frame["label"] == name] for frame in (now, last))
    measured = ours[ours["measured"].astype(bool)]
    right, n = int(measured["right"].sum()), len(measured)
    challenged = history["challenged_on"].notna()
    return Line(
        name,
        int((ours["role"] == "check").sum()),
        int((ours["role"] == "evaluation").sum()),
        int(challenged.sum()),
        int((history["due_on"].notna() & ~challenged).sum()),
        int(ours["expiring"].sum()),
        wilson(right, n),
        max(needed(right, n, within) - n, 0),
    )


def plan_table(lines: Sequence[Line]) -> pd.DataFrame:
    """The lines as a frame of the table gold_plan."""
    flat = [
        {"class": line.name, **{name: getattr(line, name) for name in GOLD_PLAN.names if hasattr(line, name)}}
        | {"accuracy": line.accuracy.value, "ci_low": line.accuracy.ci_low, "ci_high": line.accuracy.ci_high}
        | {"n": line.accuracy.n}
        for line in lines
    ]
    return pd.DataFrame(flat, columns=GOLD_PLAN.names)


def needed(right: int, n: int, within: float) -> int:
    """The smallest number of items whose Wilson interval is at most ± `within`, if they go as those `n` did.

    The share is taken as (right + 1) / (n + 2): without any item as one half, the worst case, and after a run of right
    ones not as perfect. Raises ValueError unless 0 < within < 0.5.
    """
    if not 0.0 < within < 0.5:
        raise ValueError(f"within {within}")
    share = (right + 1) / (n + 2)
    low, high = 1, 2
    while _half(share, high) > within:
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if _half(share, middle) > within else (low, middle)
    return high


def _half(share: float, n: int) -> float:
    low, high = wilson_bounds(np.asarray([share * n]), np.asarray([float(n)]))
    return float(high[0] - low[0]) / 2


def plan_words(lines: Sequence[Line], within: float = WITHIN) -> list[str]:
    """What the plan asks for, in sentences; empty where nothing is missing."""
    overall, *each = lines
    points = f"±{100 * within:g} points"
    words = []
    if overall.more:
        words.append(f"{overall.more} more evaluation items make label accuracy exact to {points}.")
    lacking = [line for line in each if not line.evaluation]
    if lacking:
        words.append(f"No evaluation item: {', '.join(line.name for line in lacking)}.")
    worst = max(each, key=lambda line: line.more, default=None)
    if worst and worst.more:
        total = sum(line.more for line in each)
        words.append(f"{total} more make recall of every class so exact; {worst.name} lacks most, {worst.more}.")
    return words
