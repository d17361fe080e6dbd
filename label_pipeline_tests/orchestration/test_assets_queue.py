"""What the queue is made for: prices and importance, from the project file and what is known of people and items."""

from collections.abc import Sequence
from datetime import date
from types import SimpleNamespace
from typing import Any

import pandas as pd
import pyarrow as pa
import pytest

from label_pipeline.errors import UserError
from label_pipeline.orchestration.assets_queue import importance, spending
from label_pipeline.project import parse_project
from label_pipeline.relabel.budget import Limit

DAY = date(2026, 10, 8)
PROJECT = """\
project: pets
start: 2026-10-05
labels: {classes: [cat, dog]}
items: {fields: [text, product, weight], slices: [product]}
sources: {crowd: {format: csv}}
costs: {crowd: {per_annotation: 0.03}, staff: {per_hour: 30}, experts: {per_hour: 60}}
"""


def desk(
    queue: str, events: Sequence[tuple[str, str, float | None]] = (), people: Sequence[tuple[str, str]] = ()
) -> Any:
    """A desk with a project, answers (role, status, seconds) and a roster (group, role)."""
    columns = pa.schema([("role", pa.string()), ("status", pa.string()), ("duration_s", pa.float64())])
    table = pa.Table.from_pandas(pd.DataFrame(list(events), columns=columns.names), columns, preserve_index=False)
    return SimpleNamespace(
        project=parse_project(PROJECT + queue, "project.yaml"),
        events=lambda day: table,
        people=pd.DataFrame(list(people), columns=["group", "role"], dtype=object),
    )


def test_prices_by_hand() -> None:
    """Guards against a budget in money that holds for the cheapest group only, and against hours of nobody's work."""
    answers = [
        ("annotator", "submitted", 10.0), ("annotator", "submitted", 50.0), ("annotator", "submitted", None),
        ("annotator", "skipped", 900.0), ("model", "submitted", 0.01),
    ]  # fmt: skip
    roster = [("crowd", "annotator"), ("staff", "annotator"), ("experts", "adjudicator")]
    asked = "queue: {budget: {annotations: 9, money: 5, routes: {adjudicator: {hours: 1}}}, seconds: 36}\n"
    budget, prices = spending(desk(asked, answers, roster), DAY)
    assert budget.night == Limit(9, None, 5.0)
    assert budget.routes == {"adjudicator": Limit(None, 1.0, None)}
    # 30 seconds on average; staff cost 0.25 for them, the crowd 0.03. Adjudicators have not been timed: 36 seconds.
    assert prices["annotator"].hours == pytest.approx(30 / 3600)
    assert prices["annotator"].money == pytest.approx(0.25)
    assert (prices["adjudicator"].hours, prices["adjudicator"].money) == (0.01, pytest.approx(0.6))
    assert (prices["guideline"].hours, prices["guideline"].money) == (0.0, 0.0)
    # Without a roster anybody may answer: the dearest of all.
    assert spending(desk(asked, answers), DAY)[1]["annotator"].money == pytest.approx(0.5)


def test_importance_by_hand() -> None:
    """Guards against weights that fall on other items, and against a missing number that makes an item worthless."""
    items = pa.table(
        {
            "slice_product": ["books", "toys", None, "books"],
            "payload": ['{"weight": 3}', '{"weight": "many"}', "{}", '{"weight": -1}'],
        }
    )
    both = "queue: {importance: {slices: {product: {books: 2}}, field: weight}}\n"
    found = importance(desk(both), items)
    assert found is not None
    assert found.tolist() == [6.0, 1.0, 1.0, 2.0]
    assert importance(desk(""), items) is None


@pytest.mark.parametrize(
    ("queue", "message"),
    [
        ("importance: {classes: {cow: 2}}", "'cow' is no class"),
        ("importance: {slices: {prodct: {books: 2}}}", "'prodct' is not among items.slices. Did you mean 'product'"),
        ("importance: {field: wieght}", "'wieght' is not among items.fields"),
        ("importance: {classes: {cat: -1}}", "greater than or equal to 0"),
        ("budget: {routes: {expert: {annotations: 1}}}", "no known value"),
        ("budget: {hours: -1}", "greater than or equal to 0"),
        ("load: 0.5", "greater than or equal to 1"),
    ],
)
def test_a_mistake_in_the_queue_is_one_clear_error(queue: str, message: str) -> None:
    """Guards against a weight or a limit that is misspelt and never holds."""
    with pytest.raises(UserError, match=message.replace("(", r"\(")):
        desk(f"queue: {{{queue}}}\n")


def test_money_needs_costs() -> None:
    """Guards against a budget in money that buys nothing because nobody said what an answer costs."""
    text = PROJECT[: PROJECT.index("costs")] + "queue: {budget: {routes: {annotator: {money: 5}}}}\n"
    with pytest.raises(UserError, match="money can be budgeted only where 'costs' says"):
        parse_project(text, "project.yaml")
