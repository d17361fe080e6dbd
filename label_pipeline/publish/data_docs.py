"""Great Expectations' Data Docs of a verdict: its own pages, made to be kept for ever, and an index of the gates.

Rendering is Great Expectations'. What would differ from run to run (the time of loading) is taken from the result, and
what would be fetched from other servers or run in the browser (scripts, styles, a logo) from the page, which then opens
offline, asks the network for nothing, and is the same bytes for the same result.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from copy import deepcopy
from datetime import date
from functools import cache
from html import escape
from typing import Any

from label_pipeline.publish.verdict import GateResult, Verdict

INDEX = "index.html"
STYLE = (
    "body{font:16px/1.5 system-ui,sans-serif;max-width:75rem;margin:2rem auto;padding:0 1rem}"
    "table{border-collapse:collapse;width:100%;margin:.5rem 0 1.5rem}"
    "th,td{border-bottom:1px solid #ccc;padding:.4rem .6rem;text-align:left;vertical-align:top}"
    "nav,footer,#ge-cta-footer,.modal,.sticky,.collapse{display:none}"
    ".fa-check-circle::before{content:'✓'}.fa-times::before{content:'✗'}"
    ".fa-exclamation-triangle::before{content:'!'}.text-success{color:#17703c}.text-danger{color:#b3261e}"
)
_AWAY = (
    re.compile(r"<script\b.*?</script>", re.DOTALL),
    re.compile(r"<link\b[^>]*>"),
    re.compile(r"<img\b[^>]*https?://[^>]*>", re.DOTALL),
    re.compile(r"<footer>.*?</footer>", re.DOTALL),
    re.compile(r"@import[^;]*;"),
    re.compile(r"\bbackground(?:-image)?:\s*url\(\s*'?https?://[^;]*;"),
)
_DEAD_LINK = re.compile(r'<a href="\.\./[^"]*"[^>]*>(.*?)</a>', re.DOTALL)  # to pages of a site that is not here


def pages(verdict: Verdict, *, project: str, day: date) -> dict[str, str]:
    """HTML by file name: one page a table of the verdict's validations, and an index of its gates."""
    from great_expectations.render.renderer.page_renderer import ValidationResultsPageRenderer

    made = {}
    for table, result in verdict.validations.items():
        kept = deepcopy(result)
        kept.meta = {name: value for name, value in result.meta.items() if name != "batch_markers"}
        kept.meta["run_id"] = {"run_name": f"{project} {day}", "run_time": f"{day}T00:00:00+00:00"}
        for one in kept.results:
            one.result = _showable(one.result)
        document = ValidationResultsPageRenderer(run_info_at_end=True).render(kept)
        made[f"{table}.html"] = _alone(_view().render(document))
    return {INDEX: _index(verdict, project, day), **made}


@cache
def _view() -> Any:
    """The view of all pages: one would compile the templates anew for each."""
    from great_expectations.render.view.view import DefaultJinjaPageView

    view: Any = DefaultJinjaPageView  # it has no types
    return view()


def _showable(result: Mapping[str, Any]) -> dict[str, Any]:
    """One expectation's result as the renderer can show it: Python's own numbers, and no count without its percentage.

    Expectations on distinct values count values, not rows, and observe nothing: what was amiss is shown as observed.
    """
    shown = {name: value.item() if hasattr(value, "item") else value for name, value in result.items()}
    for amiss, words in (("partial_unexpected_list", "unexpected"), ("partial_missing_list", "missing")):
        if amiss in shown and "unexpected_percent" not in shown:
            found = ", ".join(map(str, shown.pop(amiss)))
            shown |= {"unexpected_count": 0, "observed_value": f"{words}: {found}" if found else f"nothing {words}"}
    return shown


def _alone(page: str) -> str:
    for pattern in _AWAY:
        page = pattern.sub("", page)
    return _DEAD_LINK.sub(r"\1", page).replace("</head>", f"<style>{STYLE}</style></head>", 1)


def _index(verdict: Verdict, project: str, day: date) -> str:
    title = f"{escape(project)}, {day}: what was expected of the candidate"
    said = "It was accepted." if verdict.accepted else "It was not accepted."
    gates = "".join(_gate(gate) for gate in verdict.results)
    tables = " ".join(f'<a href="{table}.html">{table}</a>' for table in verdict.validations)
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{title}</title><style>{STYLE}</style>'
        f"</head><body><h1>{title}</h1><p>{said} Great Expectations' pages, one a table: {tables}</p>"
        "<table><tr><th>gate</th><th>severity</th><th>result</th><th>what it saw</th></tr>"
        f"{gates}</table></body></html>\n"
    )


def _gate(gate: GateResult) -> str:
    kind = "text-success" if gate.passed else "text-danger"
    return (
        f'<tr><td>{escape(gate.name)}</td><td>{gate.severity}</td><td class="{kind}">{gate.state}</td>'
        f"<td>{escape(gate.words)}</td></tr>"
    )
