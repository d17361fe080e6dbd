"""From the day's tables to one HTML file that opens anywhere: no network, no script, no clock.

Facts come from `figures`, `labels`, `audit`, `drift` and `items`; markup and colours stand in the templates.
"""

from __future__ import annotations

import base64
import hashlib
from functools import lru_cache
from typing import Any

from label_pipeline.report import figures, labels, marks, words
from label_pipeline.report.audit import audit
from label_pipeline.report.data import ReportData
from label_pipeline.report.drift import drift
from label_pipeline.report.items import ItemViews


def build_report(data: ReportData) -> str:
    """The report of a night as one self-contained HTML page; equal data gives equal text."""
    coded = labels.Labels(data)
    pairs, issues, queue = labels.pairs(coded), labels.issues(coded), labels.queue(coded)
    changes = figures.changes(data)
    shown = [item for pair in pairs for item in pair.items]
    shown += [row["item_id"] for row in (*issues.rows, *queue.rows)]
    shown += [item_id for item_id, _, _ in changes.relabelled]
    return page(
        "report.html",
        data=data,
        items=ItemViews(data, shown),
        verdict=figures.verdict(data),
        cards=figures.cards(data),
        changes=changes,
        accounting=figures.accounting(data),
        gold=figures.gold(data),
        audit=audit(data),
        drift=drift(data),
        matrix=labels.matrix(coded),
        pairs=pairs,
        classes=labels.by_class(coded),
        class_kpis=[data.text_of(kpi).title for kpi in labels.class_kpis(data)],
        parts=labels.agreement_parts(data),
        annotators=labels.annotators(data),
        issues=issues,
        queue=queue,
        votes_on=coded.votes_on,
    )


def page(template: str, **facts: Any) -> str:
    """One of the templates filled: a page that needs nothing but itself."""
    style = _style()
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    box = (marks.WIDTH, marks.HEIGHT)
    return str(_environment().get_template(template).render(style=style, style_hash=digest, box=box, **facts))


@lru_cache(maxsize=1)
def _environment() -> Any:
    """Templates with everything escaped."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("label_pipeline.report"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=StrictUndefined,
    )
    environment.filters |= {
        "count": words.count,
        "percent": words.percent,
        "duration": words.duration,
        "number": words.number,
    }
    environment.tests["known"] = words.known
    environment.globals["plural"] = words.plural
    return environment


@lru_cache(maxsize=1)
def _style() -> str:
    """The page's one style sheet; its hash is the only style the page allows."""
    source, _, _ = _environment().loader.get_source(_environment(), "report.css")
    return str(source)
