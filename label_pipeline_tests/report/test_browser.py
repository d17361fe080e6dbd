"""The page in a real browser: no error, no request, no sideways scroll on a phone."""

import html as escaping
import shutil
import subprocess

import pytest

from label_pipeline.report.build import build_report
from label_pipeline_tests.report.synthetic import night

pytestmark = pytest.mark.slow

# The report allows no script, so a page around it, of the same origin, measures.
AROUND = """<!DOCTYPE html><title>not measured</title><body>
<iframe width="{width}" height="900" srcdoc="{page}"></iframe><script>
const errors = [];
addEventListener("load", () => {{
  const inner = document.querySelector("iframe").contentDocument, root = inner.documentElement;
  const wide = [...inner.querySelectorAll("body *")].filter(e => !e.closest(".scroll") && !e.closest(".skip")
    && e.getBoundingClientRect().right > root.clientWidth + 1).map(e => e.tagName + "." + e.className);
  document.body.textContent = JSON.stringify({{
    scroll: root.scrollWidth - root.clientWidth, wide,
    styled: getComputedStyle(inner.querySelector("section")).borderRadius,
    broken: [...inner.images].filter(i => !i.naturalWidth).length, images: inner.images.length}});
}});
</script>"""


@pytest.fixture
def chromium(tmp_path):
    program = shutil.which("chromium") or shutil.which("google-chrome")
    if not program:
        pytest.skip("no Chromium on this machine")

    def run(*arguments):
        command = [
            program, "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
            "--disable-background-networking", "--disable-component-update", "--disable-sync",
            # Chromium asks its maker for news all the same: no name resolves.
            "--host-resolver-rules=MAP * ~NOTFOUND", "--enable-logging=stderr",
            f"--user-data-dir={tmp_path / 'profile'}", *arguments,
        ]  # fmt: skip
        return subprocess.run(command, capture_output=True, text=True, timeout=120)

    return run


@pytest.mark.parametrize("width", [375, 320, 1280])
@pytest.mark.parametrize("text", ["", "x" * 5000, "a long text of many words " * 60])
def test_nothing_runs_off_a_phone(chromium, tmp_path, width, text):
    """Loss: a report that nobody reads on the train."""
    changes = {"payloads": lambda ids: {i: {"text": text, "key" * 12: "v" * 70} for i in ids}} if text else {}
    page = escaping.escape(build_report(night(150, classes=("negative", "neutral", "p" * 40), **changes)))
    around = tmp_path / "around.html"
    around.write_text(AROUND.format(width=width, page=page))
    run = chromium("--dump-dom", "--virtual-time-budget=3000", around.as_uri())
    assert '"scroll":0' in run.stdout, run.stdout[:2000]
    assert '"wide":[]' in run.stdout, run.stdout[:2000]
    assert '"broken":0' in run.stdout
    assert '"styled":"1' in run.stdout, "the style sheet was refused"


def test_no_error_and_no_request(chromium, tmp_path):
    """Loss: a page that asks a server for its font, or whose own policy refuses its style."""
    report = tmp_path / "report.html"
    report.write_text(build_report(night(150)))
    assert "CONSOLE" not in chromium("--dump-dom", report.as_uri()).stderr
    report.write_text(report.read_text().replace("<main>", "<main><img src='https://example.org/x.png'>"))
    assert "CONSOLE" in chromium("--dump-dom", report.as_uri()).stderr, "this test could not see a request"
