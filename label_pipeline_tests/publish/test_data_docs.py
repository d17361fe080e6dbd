"""The pages of a verdict: rendered by Great Expectations without a fault, kept for ever, asking the network nothing."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from label_pipeline.publish.data_docs import INDEX, pages
from label_pipeline.publish.verdict import Verdict
from label_pipeline_tests.publish.tables import DAY, gold, kpis
from label_pipeline_tests.publish.test_acceptance import queue, results, with_total

MISSED = kpis(("label_accuracy", "all", "", 0.85, "missed"), ("label_accuracy", "class", "dog", 0.7, "missed"))


@pytest.fixture(scope="module")
def failing() -> Verdict:
    """A verdict in which every kind of expectation fails."""
    return results(
        seen=with_total(coverage=0.3, max_sum_error=float("nan")),
        settled=gold([("a", "cat", "check"), ("a", "cat", "check")]),
        figures=MISSED,
        waiting=queue(items=("a", "a", "c"), values=(0.1, 0.5, 0.2), within=(True, True, True)),
    )[0]


def test_every_kind_of_failure_is_rendered(failing: Verdict, caplog: pytest.LogCaptureFixture) -> None:
    """Loss: a page with a stack trace of the renderer where the reason for a stopped night should stand."""
    made = pages(failing, project="demo", day=DAY)
    assert set(made) == {INDEX, "totals.html", "gold.html", "queue.html", "kpis.html"}
    assert not [r for r in caplog.records if "rendering" in r.getMessage()]
    assert not any("Traceback" in page or "Exception" in page for page in made.values())
    assert "unexpected: missed" in made["kpis.html"]
    assert "missing: alpha" in made["kpis.html"]
    assert "2 unexpected values found" in made["gold.html"]


def test_the_index_names_each_gate_what_it_saw_and_what_to_do(failing: Verdict) -> None:
    """Loss: pages of expectations from which nobody learns what stopped the night, or who let it pass."""
    index = pages(failing, project="demo", day=DAY)[INDEX]
    assert "It was not accepted." in index
    for gate in failing.results:
        assert f"<td>{gate.name}</td>" in index
    assert "Send the head of the relabel queue" in index
    signed = [replace(r, overridden="ann: <b>known</b>", words=f"{r.words} <b>") for r in failing.results]
    index = pages(Verdict.of(signed, failing.validations), project="demo", day=DAY)[INDEX]
    assert "It was accepted." in index
    assert ">overridden</td>" in index
    assert "<b>" not in index


def test_pages_are_the_same_again_and_open_offline(failing: Verdict) -> None:
    """Loss: equal content under another version's name; or a page that tells others who looks at it, and when."""
    again = results(
        seen=with_total(coverage=0.3, max_sum_error=float("nan")),
        settled=gold([("a", "cat", "check"), ("a", "cat", "check")]),
        figures=MISSED,
        waiting=queue(items=("a", "a", "c"), values=(0.1, 0.5, 0.2), within=(True, True, True)),
    )[0]
    made = pages(failing, project="demo", day=DAY)
    assert pages(again, project="demo", day=DAY) == made
    for name, page in made.items():
        assert not re.search(r"https?://|<script|<link|<img", page), name
        links = set(re.findall(r'href="([^"]*)"', page))
        assert all(link.startswith("#") or link in made for link in links), links
