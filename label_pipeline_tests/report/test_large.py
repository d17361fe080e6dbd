"""The report of a million items: small enough to send, drawn before anybody waits."""

from __future__ import annotations

import pytest

from benchmarks.report import MEGABYTES, SECONDS, drawn, large
from label_pipeline.report.build import build_report
from label_pipeline_tests.report.synthetic import night


@pytest.mark.slow
def test_a_million_items() -> None:
    """Loss: a page that no phone opens, or a night that waits for its report; `benchmarks.report` measures it."""
    build_report(night(200))  # what is imported on the way is not the drawing
    html, cpu, _ = drawn(large(1_000_000))
    assert len(html.encode("utf-8")) < MEGABYTES * 1e6
    assert cpu < SECONDS
    assert "1,000,000" not in html or html.count("<li>") < 200, "only the few items that are shown"
