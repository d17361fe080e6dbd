"""From the day's tables to one HTML file that opens anywhere: no network, no script, no clock.

Facts come from `figures`, `labels`, `typed`, `guidelines`, `audit`, `drift` and `items`; markup and colours stand in
the templates.
"""

from __future__ import annotations

import base64
import hashlib
from functools import lru_cache, partial
from typing import Any

from label_pipeline.label_meaning import SetMeaning
from label_pipeline.report import figures, labels, marks, typed, words
from label_pipeline.report.audit import audit
from label_pipeline.report.data import ReportData
from label_pipeline.report.drift import drift
from label_pipeline.report.guidelines import guidelines
from label_pipeline.report.items import ItemViews


def build_report(data: ReportData) -> str:
    """The report of a night as one self-contained HTML page; equal data gives equal text."""
    coded = labels.Labels(data)
    one, many = data.meaning.one_class, isinstance(data.meaning, SetMeaning)
    pairs = labels.pairs(coded) if one else []
    distances = None if one or many else typed.distances(coded)
    issues, queue = labels.issues(coded), labels.queue(coded)
    changes, cards = figures.changes(data), figures.cards(data)
    shown = [item for pair in pairs for item in pair.items] + (distances.items if distances else [])
    shown += [row["item_id"] for row in (*issues.rows, *queue.rows)]
    shown += [item_id for item_id, _, _ in changes.relabelled]
    return page(
        "report.html",
        data=data,
        items=ItemViews(data, shown),
        verdict=figures.verdict(data),
        cards=[card for card in cards if card.headline],
        families=figures.families(cards),
        changes=changes,
        accounting=figures.accounting(data),
        gold=figures.gold(data),
        audit=audit(data),
        drift=drift(data),
        guidelines=guidelines(data),
        on_gold=labels.on_gold(data),
        matrix=labels.matrix(coded) if one else None,
        pairs=pairs,
        class_errors=typed.class_errors(coded) if many else [],
        distances=distances,
        classes=labels.by_class(coded) if one else typed.by_class_of_sets(coded) if many else [],
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
    environment.globals |= {"plural": words.plural, "interval": partial(words.interval, words.percent)}
    return environment


@lru_cache(maxsize=1)
def _style() -> str:
    """The page's one style sheet; its hash is the only style the page allows."""
    source, _, _ = _environment().loader.get_source(_environment(), "report.css")
    return str(source)
