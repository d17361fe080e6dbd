"""The whole page."""

import base64
import hashlib
import re
import time
from dataclasses import replace
from datetime import timedelta
from html.parser import HTMLParser
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest

from label_pipeline.contracts.tables import TABLES
from label_pipeline.report.build import build_report
from label_pipeline.report.labels import Labels, by_class, matrix, pairs
from label_pipeline.votes import Votes
from label_pipeline_tests.report.synthetic import CLASSES, DAY, night, table, verdict

NASTY = "<script>alert('x')</script> & \"quoted\" {{ 7 * 7 }} {% raw %}"
VOID = {"meta", "link", "br", "img", "input", "path", "circle", "rect"}


class Page(HTMLParser):
    """Reads a page and checks that its elements nest."""

    def __init__(self, text):
        super().__init__(convert_charrefs=True)
        self.open, self.elements, self.words = [], [], []
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if not self.open or self.open[-1] != "style":
            self.words.append(data)

    def all(self, tag):
        return [attributes for name, attributes in self.elements if name == tag]

    @property
    def text(self):
        return " ".join(" ".join(self.words).split())


def page(**changes):
    return Page(build_report(night(120, **changes)))


@pytest.fixture(scope="module")
def html():
    return build_report(night())


def test_the_verdict_is_on_top_and_says_why(html):
    """Loss: a model trained on bad labels because the reason stood on page nine."""
    text = Page(html).text
    assert (
        text.index("No, do not train on tonight’s labels.")
        < text.index("label_accuracy is 0.912")
        < text.index("KPIs Each")
    )
    assert "Training jobs keep 2026-10-13-0a1b2c3d." in text
    assert "Dawid–Skene agrees best with annotators left out." in text
    assert "Method Wins Agreement" in text
    accepted = page(verdict=verdict(accepted=True), version="2026-10-14-11111111", latest="2026-10-14-11111111").text
    assert "Yes, a model may train on tonight’s labels. Published as 2026-10-14-11111111." in accepted
    assert "Training jobs keep" not in accepted
    rerun = page(verdict=verdict(accepted=True), version="2026-10-14-11111111", latest="2026-10-20-22222222").text
    assert "Training jobs keep the newer 2026-10-20-22222222." in rerun
    assert "No candidate was judged tonight. Nothing has been published yet." in page(verdict=None, latest=None).text


def test_the_page_needs_nothing_from_outside(html):
    """Loss: a report that phones home, or shows nothing offline."""
    found = Page(html)
    policy = next(meta["content"] for meta in found.all("meta") if meta.get("http-equiv") == "Content-Security-Policy")
    style = re.search(r"<style>(.*?)</style>", html, re.S).group(1)
    assert policy.startswith("default-src 'none'; img-src data:; style-src 'sha256-")
    assert base64.b64encode(hashlib.sha256(style.encode()).digest()).decode() in policy
    assert not re.search(r"https?://|url\(|@import|javascript:", html)
    assert not found.all("script")
    for _, attributes in found.elements:
        assert "style" not in attributes
        assert not any(name.startswith("on") for name in attributes)
        assert attributes.get("src", "data:image/").startswith("data:image/")
        # The index lies beside the report; whoever was sent the report alone misses nothing of it.
        assert attributes.get("href", "#").startswith(("#", "data:,")) or attributes["href"] == "index.html"


def test_equal_data_is_equal_text(html):
    """Loss: a rebuild that differs, so that no difference means anything."""
    assert build_report(night()) == html


def test_markup_in_every_text_is_shown_as_text():
    """Loss: an item or a reason that runs code in the reader's browser."""
    classes = (f"0{NASTY}", *CLASSES[1:])
    data = night(
        120,
        classes=classes,
        project="p",
        description=NASTY,
        payloads=lambda ids: {i: {"text": NASTY + i, NASTY: NASTY} for i in ids},
    )
    found = Page(build_report(data))
    assert not found.all("script")
    assert "{{ 7 * 7 }} {% raw %}" in found.text
    assert found.text.count("<script>alert('x')</script>") > 20


@pytest.mark.parametrize("text", ["x" * 10_000, "שלום עולם", "👩‍👩‍👧‍👦 🏳️‍🌈", "a\x00\ud800b", "\u202eevil\u202c"])
def test_any_text_can_be_shown(text):
    """Loss: one strange item keeps the whole report from being written."""
    built = build_report(night(60, payloads=lambda ids: {i: {"text": text} for i in ids}))
    assert len(built.encode("utf-8")) < 3_000_000
    Page(built)


def test_it_can_be_read_without_eyes(html):
    """Loss: a report that a screen reader or a keyboard cannot use."""
    found = Page(html)
    assert found.all("html") == [{"lang": "en"}]
    assert len(found.all("h1")) == 1
    assert all(image["alt"] for image in found.all("img"))
    assert all(mark["aria-label"] and mark["role"] == "img" for mark in found.all("svg"))
    assert len(found.all("caption")) == len(found.all("table"))
    assert all("scope" in cell for cell in found.all("th"))
    anchors = {section["id"] for section in found.all("section")}
    assert {link["href"][1:] for link in found.all("a") if link["href"].startswith("#")} <= anchors
    headings = [int(tag[1]) for tag, _ in found.elements if re.fullmatch(r"h\d", tag)]
    assert all(after - before <= 1 for before, after in pairwise(headings))


def colours(css, block):
    found = dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6})", block))
    return {name: tuple(int(value[i : i + 2], 16) / 255 for i in (1, 3, 5)) for name, value in found.items()}


def contrast(one, other):
    """WCAG 2.1 contrast ratio."""

    def luminance(colour):
        linear = [c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in colour]
        return float(np.dot(linear, [0.2126, 0.7152, 0.0722]))

    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def test_contrast_in_light_and_dark(html):
    """Loss: grey on grey."""
    css = re.search(r"<style>(.*?)</style>", html, re.S).group(1)
    for block in re.findall(r":root \{(.*?)\}", css, re.S)[:2]:
        c = colours(css, block)
        pairs = [
            ("ink", "panel"),
            ("ink", "page"),
            ("soft", "panel"),
            ("soft", "page"),
            ("accent", "panel"),
            ("accent", "page"),
        ]
        pairs += [(tone, f"{tone}-wash") for tone in ("good", "bad", "open", "accent")]
        pairs += [("ink", f"{tone}-wash") for tone in ("good", "bad", "open")]
        pairs += [("accent", f"{tone}-wash") for tone in ("good", "bad", "open")]
        for ink, ground in pairs:
            assert contrast(c[ink], c[ground]) >= 4.5, (ink, ground)
        for shade in ("hit", "miss"):
            darkest = tuple(0.52 * a + 0.48 * b for a, b in zip(c[shade], c["panel"], strict=True))
            assert contrast(c["ink"], darkest) >= 4.5, shade


def small(rows, classes=("cat", "dog", "fox")):
    """Labels of a night from (item, annotator, label) and a consensus given by hand."""
    votes = Votes.build(pd.DataFrame(rows, columns=["item_id", "annotator_id", "label"]), classes=classes)
    consensus = table(
        "consensus_labels",
        {
            "item_id": ["a", "b", "c"],
            "label": ["cat", "dog", None],
            "n_annotations": [3, 2, 0],
            "method": ["majority"] * 3,
            "status": ["open", "disputed", "unlabelled"],
        },
    )
    return Labels(night(20, classes=classes, votes=votes, consensus=consensus))


def test_confusion_by_hand():
    """Loss: the wrong pair of classes gets a new guideline."""
    rows = [
        ("a", "x", "cat"),
        ("a", "y", "cat"),
        ("a", "z", "dog"),
        ("b", "x", "dog"),
        ("b", "y", "cat"),
        ("c", "x", "fox"),
    ]
    labels = small(rows)
    assert labels.confusion.tolist() == [[2, 1, 0], [1, 1, 0], [0, 0, 0]]
    first = pairs(labels)[0]
    assert (first.first, first.second, first.items) == ("cat", "dog", ["a", "b"])
    assert "2 annotations of 5" in first.words
    assert labels.votes_on("a") == "2 say cat, 1 says dog"
    assert (labels.votes_on("zebra"), labels.votes_on("c")) == ("", "1 says fox")
    shown = matrix(labels)
    assert [cell[1] for cell in shown.rows[0][2]] == ["67", "33", ""]


def test_many_classes_are_folded_and_nothing_is_lost():
    """Loss: a page as wide as a thousand classes."""
    classes = tuple(f"class {i}" for i in range(300))
    data = night(300, classes=classes)
    labels = Labels(data)
    shown = matrix(labels)
    assert len(shown.names) == 12
    assert shown.names[-1] == "others"
    assert sum(int(total.replace(",", "")) for _, total, _ in shown.rows) == labels.confusion.sum()
    assert len(build_report(data)) < 1_000_000


def test_an_empty_night_is_a_page_that_says_so():
    """Loss: the first night of a project, when there is nothing yet, fails on its report."""
    names = (
        "kpis",
        "consensus",
        "evidence",
        "annotator_quality",
        "label_issues",
        "relabel_queue",
        "gold_set",
        "landings",
        "quarantine",
    )
    registry = {"consensus": "consensus_labels", "evidence": "consensus_evidence"}
    empty = {name: TABLES[registry.get(name, name)].empty() for name in names}
    votes = Votes.build(pd.DataFrame({"item_id": [], "annotator_id": [], "label": []}, dtype=object), classes=CLASSES)
    data = night(20, **empty, votes=votes, previous=None, verdict=None, kpi_history=night(20).kpi_history.slice(0, 0))
    text = Page(build_report(data)).text
    for said in ("No KPI was computed", "first night", "Nothing landed tonight", "No two classes", "0 items queued"):
        assert said in text


def test_what_changed_by_hand():
    """Loss: a relabelled item that nobody hears of."""
    from label_pipeline.report.figures import changes

    def state(rows):
        return table(
            "consensus_labels",
            {
                "item_id": [r[0] for r in rows],
                "label": [r[1] for r in rows],
                "confidence": [r[2] for r in rows],
                "n_annotations": [1] * len(rows),
                "method": ["m"] * len(rows),
                "status": [r[3] for r in rows],
            },
        )

    before = [
        ("a", "0", 0.9, "accepted"),
        ("b", "1", 0.6, "open"),
        ("c", None, None, "unlabelled"),
        ("d", "2", 0.7, "open"),
    ]
    after = [
        ("a", "1", 0.5, "disputed"),
        ("b", "1", 0.95, "accepted"),
        ("c", "3", 0.6, "open"),
        ("d", "0", 0.9, "open"),
        ("e", None, None, "unlabelled"),
    ]
    seen = changes(night(20, consensus=state(after), previous=state(before)))
    assert dict(seen.counts) == {
        "items new": 1,
        "labelled for the first time": 1,
        "with another label": 2,
        "settled": 1,
        "no longer settled": 1,
        "newly disputed": 1,
    }
    assert seen.relabelled == [("a", "0", "1"), ("d", "2", "0")]


def test_figures_of_later_nights_stay_out():
    """Loss: the rebuilt report of a past day that knows the future."""
    data = night(60)
    cut = night(60, day=DAY - timedelta(days=5)).day
    history = data.kpi_history.to_pandas()
    past = history[history["day"] <= cut]
    import pyarrow as pa

    known_then = pa.Table.from_pandas(past, schema=data.kpi_history.schema, preserve_index=False)
    assert build_report(night(60, day=cut)) == build_report(night(60, day=cut, kpi_history=known_then))


def test_accounting_that_does_not_add_up_is_shown():
    """Loss: a lost row behind a green equation."""
    broken = night(20).landings.to_pandas()
    broken.loc[0, "accepted"] -= 1
    assert (
        "181 landed ≠ 139 accepted + 7 quarantined + 34 duplicates"
        in page(landings=TABLES["landings"].conform(broken)).text
    )


def test_real_texts_and_labels_make_a_page_in_time(datasets):
    """Loss: a nightly run that waits for its report; 2,595 real items, 14,132 annotations."""
    folder = datasets / "emergent_stance"
    annotations = pd.read_csv(folder / "annotations.csv", dtype=str)
    texts = pd.read_csv(folder / "items.csv", dtype=str, keep_default_na=False).set_index("item_id")["text"]
    votes = Votes.build(annotations)
    counts = votes.counts()
    share = counts.max(axis=1) / counts.sum(axis=1)
    label = [votes.classes[i] for i in counts.argmax(axis=1)]
    consensus = table(
        "consensus_labels",
        {
            "item_id": votes.items,
            "label": label,
            "confidence": share,
            "n_annotations": counts.sum(axis=1),
            "method": ["majority"] * votes.n_items,
            "status": ["open"] * votes.n_items,
        },
    )
    noise = TABLES["label_issues"].empty()
    data = night(
        60, classes=votes.classes, votes=votes, consensus=consensus, label_issues=noise,
        relabel_queue=TABLES["relabel_queue"].empty(), previous=None, text_field="text",
        payloads=lambda ids: {i: {"text": texts[i]} for i in ids}, picture=lambda item_id: None,
    )  # fmt: skip
    build_report(data)
    start = time.process_time()
    html = build_report(data)
    assert time.process_time() - start < 1.0
    assert len(html) < 200_000
    assert "[SEP]" in Page(html).text


def test_without_a_model_no_label_is_trusted_for_not_being_doubted() -> None:
    """Loss: '0 labels are doubted' where nobody looked reads as if all had been found right."""
    data = night(60)
    assert any(row["doubted"] is not None for row in by_class(Labels(data)))
    unseen = replace(data, label_issues=data.label_issues.slice(0, 0))
    assert {row["doubted"] for row in by_class(Labels(unseen))} == {None}
    assert "are doubted by a model" in build_report(data)
    page = build_report(unseen)
    assert "No model was asked" in page
    assert "are doubted by a model" not in page
