"""Great Expectations' Data Docs of a verdict: its own pages, made to be kept for ever.

Rendering is Great Expectations'. What would differ from run to run (the time of loading) is taken from the result, and
what would be fetched from other servers (scripts, styles, a logo) from the page, which then opens offline, asks the
network for nothing, and is the same bytes for the same result.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from copy import deepcopy
from datetime import date
from html import escape
from typing import Any

INDEX = "index.html"
STYLE = (
    "body{font:16px/1.5 system-ui,sans-serif;max-width:75rem;margin:2rem auto;padding:0 1rem}"
    "table{border-collapse:collapse;width:100%;margin:.5rem 0 1.5rem}"
    "th,td{border-bottom:1px solid #ccc;padding:.4rem .6rem;text-align:left;vertical-align:top}"
    "#ge-cta-footer,.modal,.navbar,.ge-navigation-sidebar-container,.collapse:not(.show) script{display:none}"
    ".fa-check-circle::before{content:'✓'}.fa-times::before{content:'✗'}"
    ".fa-exclamation-triangle::before{content:'!'}.text-success{color:#17703c}.text-danger{color:#b3261e}"
)
_REMOTE = (
    re.compile(r"<script\b[^>]*\bsrc=.*?</script>", re.DOTALL),
    re.compile(r"<link\b[^>]*https?://[^>]*>"),
    re.compile(r"<img\b[^>]*https?://[^>]*>", re.DOTALL),
    re.compile(r"@import[^;]*;"),
    re.compile(r"\bbackground(?:-image)?:\s*url\(\s*'?https?://[^;]*;"),
)


def pages(validations: Mapping[str, Any], *, project: str, day: date) -> dict[str, str]:
    """HTML by file name: one page a table, and an index of them. `validations` are Great Expectations' results."""
    from great_expectations.render.renderer.page_renderer import ValidationResultsPageRenderer
    from great_expectations.render.view.view import DefaultJinjaPageView

    made = {}
    for table, result in validations.items():
        kept = deepcopy(result)
        kept.meta = {name: value for name, value in result.meta.items() if name != "batch_markers"}
        kept.meta["run_id"] = {"run_name": f"{project} {day}", "run_time": f"{day}T00:00:00+00:00"}
        for one in kept.results:
            # The renderer takes Python's own numbers only.
            one.result = {name: value.item() if hasattr(value, "item") else value for name, value in one.result.items()}
        document = ValidationResultsPageRenderer(run_info_at_end=True).render(kept)
        view: Any = DefaultJinjaPageView()  # its methods have no types
        made[f"{table}.html"] = _alone(view.render(document))
    return {INDEX: _index(validations, project, day), **made}


def _alone(page: str) -> str:
    for pattern in _REMOTE:
        page = pattern.sub("", page)
    return page.replace("</head>", f"<style>{STYLE}</style></head>", 1)


def _index(validations: Mapping[str, Any], project: str, day: date) -> str:
    title = f"{escape(project)}, {day}: what was expected of the candidate"
    lines = []
    for table, result in validations.items():
        seen = result.statistics
        met = f"{seen['successful_expectations']} of {seen['evaluated_expectations']} expectations met"
        lines.append(f'<tr><td><a href="{table}.html">{table}</a></td><td>{met}</td></tr>')
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{title}</title><style>{STYLE}</style>'
        f"</head><body><h1>{title}</h1><table><tr><th>table</th><th>result</th></tr>{''.join(lines)}</table></body></html>\n"
    )
