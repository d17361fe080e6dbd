"""The pages in a real browser: no error, no request, no sideways scroll on a phone, and a tool's accessibility pass."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date
from importlib.resources import files
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from label_pipeline.annotators.own import OwnClass, OwnFigure, Quartiles
from label_pipeline.estimates import Estimate, wilson
from label_pipeline.label_meaning import Meaning
from label_pipeline.orchestration.annotator_data import OwnReport
from label_pipeline.report import annotator
from label_pipeline.report.build import build_report
from label_pipeline.report.index import project_index, projects_index
from label_pipeline_tests.browser import Page, browser
from label_pipeline_tests.report.synthetic import night
from label_pipeline_tests.report.test_guidelines import TABLES_OF
from label_pipeline_tests.report.test_index import nights

pytestmark = pytest.mark.slow

LONG = "p" * 40
MARKUP = "<script>window.hurt = 1</script><img src=x onerror='window.hurt = 2'> & </li></section>"
TEXTS = {
    "none": "",
    "one word": "x" * 10_000,
    "many words": "a long text of many words " * 400,
    "markup": MARKUP,
    "right to left": "هذا نص عربي طويل مع 123 و (أقواس) \u202eعكس\u202c וגם עברית",
    "emoji": "👩‍👩‍👧‍👦🏳️‍🌈 é́́́ 한국어 ไทย",
}

# Whatever is wider than the page and stands in nothing that scrolls by itself.
WIDE = """
[...document.querySelectorAll("body *")].filter(e => !e.closest(".scroll") && !e.closest(".skip")
  && e.getBoundingClientRect().right > document.documentElement.clientWidth + 1).map(e => e.tagName + "." + e.className)
"""
SIDEWAYS = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
OPEN_ALL = "document.querySelectorAll('details').forEach(d => d.open = true)"
AXE = """
axe.run(document).then(found => found.violations.map(v => v.id + ": " + v.help + ": " + v.nodes[0].html.slice(0, 200)))
"""
FOCUS = """
(e => [e.tagName + ":" + (e.getAttribute("href") || e.getAttribute("aria-label") || e.textContent.trim()),
       getComputedStyle(e).outlineStyle, e.getBoundingClientRect().height > 0])(document.activeElement)
"""


@pytest.fixture(scope="module")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    with browser(tmp_path_factory.mktemp("profile")) as page:
        yield page


def report(text: str = "") -> str:
    changes: dict[str, Any] = {"guidelines": TABLES_OF}
    if text:
        changes["payloads"] = lambda ids: {i: {"text": text, "key" * 12: text or "v"} for i in ids}
        changes["description"] = text
    return build_report(night(150, classes=(text[:500] or "negative", "neutral", LONG), **changes))


def own(text: str = MARKUP) -> str:
    """An annotator's own page, with everything that may stand in it."""
    figures = [
        OwnFigure("right, by all that was answered", wilson(90, 100), 20, Quartiles(0.8, 0.85, 0.9, 7, True)),
        OwnFigure("right on gold checks", Estimate(None, None, None, 4), 10, None),
        OwnFigure("seconds an answer (median)", Estimate(6.0, 5.0, None, 90), 20, Quartiles(3.0, 4.0, 5.0, 7, False)),
    ]
    classes = [OwnClass(name, wilson(9, 12), text, wilson(0, 0)) for name in (text, LONG)]
    stood = {"from_day": date(2026, 10, 5), "to_day": None, "state": "counting", "reason": text}
    missed = {"item_id": LONG, "given_on": pd.Timestamp(2026, 10, 6), "label": text, "true_label": LONG}
    made = OwnReport(
        "reviews", "team:labels", date(2026, 10, 7), "a-0123456789abcdef", text,
        {"submitted": 100, "skipped": 2, "rejected": 0}, date(2026, 10, 5), date(2026, 10, 7), figures, classes,
        ["spammer", "too_fast"], [stood], [missed],
    )  # fmt: skip
    return annotator.page(made, Meaning(), checks=True)


PAGES: dict[str, Callable[[], str]] = {
    "report": report,
    "annotator": own,
    "nights": lambda: project_index(nights()),
    "projects": lambda: projects_index([nights(), nights(project=LONG)]),
}


def opened(chromium: Page, folder: Path, text: str) -> Page:
    path = folder / "page.html"
    path.write_text(text, encoding="utf-8")
    chromium.open(path.as_uri())
    return chromium


def quiet(page: Page) -> bool:
    """Whether nothing was complained about, and nothing fetched but the page itself."""
    assert page.logged == []
    fetched = [address for address in page.asked if not address.startswith("data:")]
    assert len(fetched) == 1
    assert fetched[0].startswith("file:")
    return True


@pytest.mark.parametrize("width", [375, 320, 1280])
@pytest.mark.parametrize("text", TEXTS)
def test_any_text_fits_every_window_and_is_text(chromium: Page, tmp_path: Path, width: int, text: str) -> None:
    """Loss: a report that nobody reads on the train, or an item that runs code in the reader's browser."""
    chromium.show(width)
    page = opened(chromium, tmp_path, report(TEXTS[text]))
    page.run(OPEN_ALL)
    assert page.run(SIDEWAYS) == 0
    assert page.run(WIDE) == []
    assert page.run("[...document.images].filter(i => !i.naturalWidth).length") == 0
    assert page.run("getComputedStyle(document.querySelector('section')).borderRadius") != "0px", "no style"
    assert page.run("window.hurt") is None
    if TEXTS[text]:
        assert TEXTS[text][:100] in page.run("document.querySelector('.text').textContent")
    quiet(page)


@pytest.mark.parametrize("name", PAGES)
@pytest.mark.parametrize(("width", "dark"), [(1280, False), (1280, True), (375, False), (375, True)])
def test_accessible_by_axe(chromium: Page, tmp_path: Path, name: str, width: int, dark: bool) -> None:
    """Loss: a page that a screen reader, a keyboard or tired eyes cannot use; the rules are those of axe-core."""
    chromium.show(width, dark=dark)
    page = opened(chromium, tmp_path, PAGES[name]())
    page.run(OPEN_ALL)
    page.run(files("axe_core_python").joinpath("axe.min.js").read_text(encoding="utf-8"))
    assert page.run(AXE) == []
    assert page.run(SIDEWAYS) == 0
    quiet(page)
    page.run("document.querySelector('h1').outerHTML = '<h1></h1><img src=\"data:,\">'")
    assert any("alternate text" in words for words in page.run(AXE)), "this test could not see a violation"


def test_all_can_be_reached_by_keyboard(chromium: Page, tmp_path: Path) -> None:
    """Loss: a table that scrolls for a mouse alone; or a reader who does not see where they are."""
    chromium.show(375)
    page = opened(chromium, tmp_path, report())
    wanted = page.run("document.querySelectorAll('a[href], summary, [tabindex=\"0\"]').length")
    seen = []
    for _ in range(wanted):
        for kind in ("keyDown", "keyUp"):
            page.call("Input.dispatchKeyEvent", type=kind, key="Tab", code="Tab", windowsVirtualKeyCode=9)
        seen.append(tuple(page.run(FOCUS)))
    reached = {name for name, _, _ in seen}
    assert seen[0][0] == "A:#verdict", "the first stop skips the navigation"
    assert {"A:#kpis", "A:index.html", "SUMMARY:All 3 gates", "DIV:Confusion matrix"} <= reached
    stops = [stop for stop in seen if not stop[0].startswith("BODY:")]  # the end, from which it begins anew
    assert all(outline == "solid" and shown for _, outline, shown in stops), stops


@pytest.mark.parametrize("dark", [False, True])
def test_on_paper(chromium: Page, tmp_path: Path, dark: bool) -> None:
    """Loss: a table cut off at the edge of the paper, or a page of ink because the screen was dark."""
    chromium.show(718, medium="print", dark=dark)  # A4 less its margins
    page = opened(chromium, tmp_path, report())
    assert page.run(SIDEWAYS) == 0
    assert page.run("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert page.run("getComputedStyle(document.querySelector('td')).color") == "rgb(0, 0, 0)"
    assert page.run("getComputedStyle(document.querySelector('nav')).display") == "none"
    assert page.call("Page.printToPDF", printBackground=False, paperWidth=8.27, paperHeight=11.69)["data"]


def test_a_request_and_a_complaint_would_be_seen(chromium: Page, tmp_path: Path) -> None:
    """Loss: tests of silence that are deaf."""
    chromium.show(1280)
    broken = report().replace("<main>", "<main><img src='https://example.org/x.png'><p style='color: red'>x</p>")
    page = opened(chromium, tmp_path, broken)
    assert any("Content Security Policy" in words for words in page.logged)
    with pytest.raises(AssertionError):
        quiet(page)
