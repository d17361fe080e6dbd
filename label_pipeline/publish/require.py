"""What a training job asks of a version, as short expressions: `label_accuracy.ci_low>=0.9`.

One syntax for the loader and the command line's gate. Light to import.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Iterable, Mapping
from datetime import date
from typing import Any

from label_pipeline.errors import UserError, nearest

_OPERATORS: dict[str, Callable[[Any, Any], bool]] = {
    ">=": operator.ge,
    "<=": operator.le,
    "==": operator.eq,
    "!=": operator.ne,
    ">": operator.gt,
    "<": operator.lt,
}
_EXPRESSION = re.compile(r"\s*([\w.\-]+)\s*(>=|<=|==|!=|>|<)\s*(\S.*?)\s*")


def numbers(manifest: Mapping[str, Any], today: date) -> dict[str, Any]:
    """Every figure that may be asked for, by name.

    `day`, `age_days` (days from the version's day to `today`), `guideline_version`; `gates_failed` and
    `gates_overridden` (how many), `gate.<name>` (passed, failed or overridden); the profile's totals as
    `profile.<name>`; `rows.<split>`; and each overall KPI as `<kpi>` and `<kpi>.ci_low`, `.ci_high`, `.n`, `.target`,
    `.status`. A total goes by its bare name too, where no KPI has it.
    """
    gates = {gate["name"]: _state(gate) for gate in manifest["gates"]}
    totals = manifest["profile"]["totals"]
    found: dict[str, Any] = {
        "day": manifest["day"],
        "age_days": (today - date.fromisoformat(manifest["day"])).days,
        "guideline_version": manifest["guideline_version"],
        "gates_failed": sum(state != "passed" for state in gates.values()),
        "gates_overridden": sum(state == "overridden" for state in gates.values()),
        **{f"gate.{name}": state for name, state in gates.items()},
        **{f"profile.{name}": value for name, value in totals.items()},
        **totals,
    }
    found |= {f"rows.{split}": rows for split, rows in manifest["counts"]["by_split"].items()}
    for row in manifest["kpis"]:
        found[row["kpi"]] = row["value"]
        found |= {f"{row['kpi']}.{part}": row[part] for part in ("ci_low", "ci_high", "n", "target", "status")}
    return found


def _state(gate: Mapping[str, Any]) -> str:
    return "passed" if gate["passed"] else "overridden" if gate.get("overridden") else "failed"


Requirements = Iterable[str] | Mapping[str, str | float]


def unmet(manifest: Mapping[str, Any], require: Requirements, today: date) -> list[str]:
    """The requirements that the version does not meet, each with the figure seen; empty when all are met.

    `require` are expressions, or a mapping from a figure's name to the rest of the expression; a bare number there is
    the least it must be.

    Raises UserError for an expression that cannot be read or asks for a figure that does not exist.
    """
    known = numbers(manifest, today)
    failed = []
    for expression in expressions(require):
        name, sign, asked = _parse(expression, known)
        seen = known[name]
        if seen is None or not _OPERATORS[sign](seen, asked):
            failed.append(f"{name} is {_words(seen)}, asked: {sign} {_words(asked)}")
    return failed


def expressions(require: Requirements) -> list[str]:
    """The requirements, each as one expression."""
    if isinstance(require, str):
        return [require]
    if isinstance(require, Mapping):
        return [f"{name}{rest}" if isinstance(rest, str) else f"{name}>={rest}" for name, rest in require.items()]
    return list(require)


def _words(value: Any) -> str:
    return "not known" if value is None else value if isinstance(value, str) else f"{value:.6g}"


def _parse(expression: str, known: Mapping[str, Any]) -> tuple[str, str, Any]:
    matched = _EXPRESSION.fullmatch(expression)
    if not matched:
        raise UserError(
            f"'{expression}' cannot be read",
            rule="name, sign (>= <= > < == !=), value",
            do="Write it like label_accuracy.ci_low>=0.9 or age_days<=2.",
        )
    name, sign, asked = matched.groups()
    if name not in known:
        raise UserError(f"'{expression}' asks for '{name}', which is unknown", do=nearest(name, known))
    if isinstance(known[name], str):
        return name, sign, asked
    try:
        return name, sign, float(asked)
    except ValueError:
        raise UserError(f"'{expression}' compares a number with '{asked}'", do="Write a number.") from None
