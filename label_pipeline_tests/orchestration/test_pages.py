"""The UI's pages in a real browser, against the real webserver: what somebody on call sees and reads.

`LABEL_PIPELINE_PICTURES` names a folder in which each page that is opened is left as a picture.
"""

from __future__ import annotations

import base64
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from label_pipeline.folders import DataFolder
from label_pipeline.orchestration.standing_checks import UP_TO_DATE, WELL
from label_pipeline_tests.browser import Page, browser
from label_pipeline_tests.orchestration.runs import D3, write
from label_pipeline_tests.orchestration.servers import Servers, ui

pytestmark = pytest.mark.slow

TEXT = "document.body.innerText"


@pytest.fixture(scope="module")
def servers(simulated: DataFolder, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    """The UI of the simulated project after three nights by the command line."""
    folder = DataFolder(tmp_path_factory.mktemp("seen"))
    shutil.copytree(simulated.root, folder.root, dirs_exist_ok=True)
    path = folder.project_file("sample")
    write(path, path.read_text().replace("end: 2026-10-11", f"end: {D3}"))
    environment = os.environ | {"DAGSTER_HOME": "", "LABEL_PIPELINE_DATA": str(folder.root)}
    command = [sys.executable, "-m", "label_pipeline.cli", "nightly", "--project", "sample"]
    subprocess.run(command, env=environment, check=True, capture_output=True, timeout=600)
    with pytest.MonkeyPatch.context() as ours:
        ours.setenv("DAGSTER_HOME", "")
        with ui(folder) as servers:
            yield servers


@pytest.fixture(scope="module")
def chromium(servers: Servers, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    with browser(tmp_path_factory.mktemp("profile")) as page:
        page.show(1500, 1000)
        yield page


def seen(page: Page, servers: Servers, path: str, *words: str) -> str:
    """What a page says once all `words` stand on it; it may complain of nothing, and ask no other machine."""
    page.open(f"http://127.0.0.1:{servers.port}{path}")
    said = " && ".join(f"{TEXT}.includes({word!r})" for word in words)
    page.until(f"{path} says {words}", said)
    if folder := os.environ.get("LABEL_PIPELINE_PICTURES"):
        name = path.strip("/").replace("/", "_").replace("?", "_").replace("=", "_").replace("&", "_") or "home"
        picture = base64.b64decode(page.call("Page.captureScreenshot", format="png")["data"])
        (Path(folder) / f"{name[:80]}.png").write_bytes(picture)
    assert page.logged == []
    others = [a for a in page.asked if not a.startswith((f"http://127.0.0.1:{servers.port}", "data:", "blob:"))]
    assert others == []
    return str(page.run(TEXT))


def test_figures_with_their_meaning_and_course(chromium: Page, servers: Servers) -> None:
    """Loss: a number in the UI that nobody can read: no meaning, no formula, no interval, no owner."""
    text = seen(chromium, servers, "/assets/sample/kpis_accuracy?view=overview", "label_accuracy", "Wilson", "labels")
    assert "measured on evaluation gold" in text, "the description teaches"
    assert "evaluation gold items with an annotation" in text, "and has the formula"
    assert "estimated_label_accuracy" in text


def test_tables_with_their_columns(chromium: Page, servers: Servers) -> None:
    """Loss: an analyst who guesses what a column holds."""
    text = seen(chromium, servers, "/assets/sample/consensus_labels?view=overview", "voted_label", "n_annotations")
    assert "cleanlab" in text.lower(), "its kinds"
    assert "one a class, in the project's order" in text, "what its columns mean"


def test_checks_say_what_they_saw(chromium: Page, servers: Servers) -> None:
    """Loss: a red check without a word about what failed."""
    checks = "/assets/sample/kpis_accuracy?view=checks&checkDetail=targets_accuracy"
    text = seen(chromium, servers, checks, "targets_accuracy", "contract", "by its whole interval")
    assert "Passed" in text


def test_what_is_broken_now_needs_no_run(chromium: Page, servers: Servers) -> None:
    """Loss: checks that wait for somebody to press a button on the morning when nothing ran."""
    text = seen(chromium, servers, "/assets/sample/mart?view=checks", UP_TO_DATE, WELL, "All is well.")
    assert "Never executed" not in text
    execute = "[...document.querySelectorAll('button')].find(b => b.innerText.trim() == 'Execute')"
    chromium.until("it can be asked at once", f"{execute} && !{execute}.disabled")


def test_the_graph_and_the_runs(chromium: Page, servers: Servers) -> None:
    """Loss: a page that opens empty, or with an error, on the night when it is needed."""
    seen(chromium, servers, "/asset-groups", "kpis", "publish")
    seen(chromium, servers, "/runs", "nightly__sample", "Success")
    seen(chromium, servers, "/automation", "nightly__sample__schedule", "standing__sample")
