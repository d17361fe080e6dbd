"""The command line itself: it answers at once, finds its data folder, and its exit codes mean what they say."""

from __future__ import annotations

import resource
import subprocess
import sys
from pathlib import Path

import pytest

from label_pipeline.cli import main, parser
from label_pipeline.commands import status
from label_pipeline_tests.orchestration.runs import pets

HEAVY = ("dagster", "pandas", "numpy", "duckdb", "pyarrow", "pydantic", "sklearn", "cleanlab", "great_expectations")
COMMANDS = ("init", "land", "pull", "nightly", "status", "ui", "simulate", "kpis")


def cli(*arguments: str, script: str = "") -> subprocess.CompletedProcess[str]:
    code = script or "import sys; from label_pipeline.cli import main; sys.exit(main())"
    return subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True, timeout=60)


def test_help_answers_at_once() -> None:
    """Loss: a command line that takes seconds to say how it is used is not asked."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    said = cli("--help")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    seconds = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    assert said.returncode == 0
    assert all(command in said.stdout for command in COMMANDS)
    assert seconds < 0.5


def test_help_imports_nothing_heavy() -> None:
    """Loss: one careless import at the top makes every command wait for all of them."""
    script = (
        f"import sys; from label_pipeline.cli import parser; parser(); print([m for m in {HEAVY} if m in sys.modules])"
    )
    assert cli(script=script).stdout == "[]\n"


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Loss: a command without --data works on the wrong folder one day."""
    with pytest.raises(SystemExit) as ended:
        parser().parse_args([command, "--help"])
    assert ended.value.code == 0
    assert "--data DIR" in capsys.readouterr().out


@pytest.mark.parametrize(
    "arguments", [[], ["nigthly"], ["land", "p"], ["nightly", "--dya", "x"], ["ui", "--port", "x"]]
)
def test_a_wrong_call_is_exit_two(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """Loss: a mistyped call in a crontab that exits 0 or 1 is taken for a night that ran."""
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2
    assert "usage: label-pipeline" in capsys.readouterr().err


def test_the_data_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Loss: the argument, then the environment, then ./data: any other order works on data nobody meant."""
    pets(tmp_path / "data", days=0)
    pets(tmp_path / "named", days=1)
    pets(tmp_path / "asked", days=2)
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("LABEL_PIPELINE_DATA", raising=False)
    assert main(["status"]) == 0
    assert "nothing yet" in capsys.readouterr().out
    monkeypatch.setenv("LABEL_PIPELINE_DATA", "named")
    assert main(["status"]) == 0
    assert "1 days" in capsys.readouterr().out
    assert main(["status", "--data", "asked"]) == 0
    assert "2 days" in capsys.readouterr().out


def test_a_closed_pipe_is_no_fault(tmp_path: Path) -> None:
    """Loss: `label-pipeline status | head -1` ends in a traceback."""
    pets(tmp_path, days=0)
    command = f"{sys.executable} -m label_pipeline.cli status --data {tmp_path} | true"
    said = subprocess.run(["bash", "-o", "pipefail", "-c", command], capture_output=True, text=True, timeout=60)
    assert (said.returncode, said.stderr) == (0, "")


def test_a_fault_is_exit_three_and_keeps_its_traceback(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Loss: Python's own exit code for a bug is 1, which says that a gate stopped the night."""

    def breaks(_: object) -> int:
        raise ZeroDivisionError("a bug")

    monkeypatch.setattr(status, "run", breaks)
    assert main(["status"]) == 3
    assert "ZeroDivisionError: a bug" in capsys.readouterr().err


def test_an_interrupt_says_what_stays(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Loss: someone who presses Ctrl-C fears for the data."""

    def interrupted(_: object) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr(status, "run", interrupted)
    assert main(["status"]) == 3
    assert "what was computed stays" in capsys.readouterr().err
