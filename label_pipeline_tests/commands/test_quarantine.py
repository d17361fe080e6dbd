"""`quarantine`: what is set aside can be found, counted, mended and run again, and says what is left."""

from __future__ import annotations

import pytest

from label_pipeline.cli import main
from label_pipeline.folders import DataFolder
from label_pipeline.publish.manifest import latest
from label_pipeline_tests.orchestration.runs import D1, D2, INTAKE, PETS, partition, pets, put, run, write

HEAD = "item_id,annotator_id,label,at,weight\n"


@pytest.fixture
def spoiled(folder: DataFolder) -> DataFolder:
    """Two nights: an answer of no class on the first; three of another, and one without an item, on the second."""
    pets(folder.root, days=2)
    put(folder, D1, "odd.csv", HEAD + f"i01,d,wolf\x1b[31m,{D1}T11:00:00,1\n")
    put(folder, D2, "odd.csv", HEAD + "".join(f"i0{k},d,kitten,{D2}T11:00:00,1\n" for k in range(3)) + ",d,cat,,\n")
    assert run(folder, D1, D2, only=INTAKE).success
    return folder


def said(capsys: pytest.CaptureFixture[str]) -> list[str]:
    return [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]


def test_rows_are_listed_and_counted(spoiled: DataFolder, capsys: pytest.CaptureFixture[str]) -> None:
    """Loss: a thousand lines of one cause hide the one line of another."""
    none = "the label is none of the classes cat, dog: "
    assert main(["quarantine", "pets", "--limit", "2"]) == 0
    assert said(capsys) == [
        "day file row rule reason",
        f"2026-10-05 crowd/odd.csv 1 label_unknown {none}'wolf?[31m'",  # no sign of a file steers a terminal
        f"2026-10-06 crowd/odd.csv 1 label_unknown {none}'kitten'",
        "5 in quarantine; the first 2 are shown, --limit N for more",
    ]
    assert main(["quarantine", "pets", "--by", "rule", "--from", "2026-10-06"]) == 0
    assert said(capsys) == [
        "rule rows first day last day for example",
        f"label_unknown 3 2026-10-06 2026-10-06 {none}'kitten'",
        "item_missing 1 2026-10-06 2026-10-06 the item is empty",
        "4 in quarantine",
    ]
    assert main(["quarantine", "pets", "--by", "column", "--rule", "label_unknown"]) == 0
    assert said(capsys)[1].startswith("label_raw 4 2026-10-05 2026-10-06 ")
    assert main(["quarantine", "pets", "--by", "file", "--day", "2026-10-05"]) == 0
    assert said(capsys)[1].startswith("crowd/odd.csv 1 2026-10-05")
    assert main(["quarantine", "pets", "--to", "2026-10-05", "--from", "2026-10-05"]) == 0
    assert said(capsys)[-1] == "1 in quarantine"

    # A typo answered with nothing would look like a clean house.
    wrong = {
        ("--rule", "label_unknwon"): "no row broke 'label_unknwon'. Did you mean 'label_unknown'?",
        ("--day", "2026-10-05", "--to", "2026-10-06"): "--day goes without --from and --to",
        ("--to", "2026-10-01"): "no such day has been computed",
        ("--day", "yesterday"): "'yesterday' is not a day",
        ("--limit", "0"): "--limit 0 shows nothing",
    }
    for arguments, words in wrong.items():
        assert main(["quarantine", "pets", *arguments]) == 2
        assert words in capsys.readouterr().err


MARKS = """\
project: marks
start: 2026-10-05
labels: {type: text}
sources: {s: {format: csv}}
people: {roster: people.csv, unknown: quarantine}
"""


def roster(folder: DataFolder, *names: str) -> None:
    """The people of the project `marks`."""
    lines = "".join(f"s,{name},in-house,annotator\n" for name in names)
    write(folder.project("marks") / "people.csv", "source,identity,group,role\n" + lines)


def test_a_replay_runs_what_the_mended_file_accepts(folder: DataFolder, capsys: pytest.CaptureFixture[str]) -> None:
    """Loss: a fix that is not run again leaves the answers lost; one that is run from the wrong day loses others."""
    write(folder.project_file("marks"), MARKS)
    roster(folder, "ann")
    first = "item_id,annotator_id,label\ni1,ann,one\ni2,eve,two\n"
    second = "item_id,annotator_id,label\ni3,ann,three\ni3,bob,drei\ni4,bob,vier\ni5,ann,\ni6,cem,six\n"
    for day, text in ((D1, first), (D2, second)):
        put(folder, day, f"{day}.csv", text, project="marks", source="s")
    assert run(folder, D1, D2, project="marks", only=INTAKE).success
    assert main(["quarantine", "marks", "--replay"]) == 0
    assert said(capsys) == ["None of 5 rows would be accepted by the project file as it is; nothing was run."]
    roster(folder, "ann", "bob")
    assert main(["quarantine", "marks", "--replay", "--rule", "label_missing"]) == 0
    assert said(capsys)[0].startswith("None of 1 rows")
    assert main(["quarantine", "marks", "--replay"]) == 0
    shown = capsys.readouterr()
    assert "2026-10-06 is the first day of which rows would now be accepted." in shown.err
    assert "marks: 2026-10-06 to 2026-10-06" in shown.err  # the first day has nothing to gain
    assert [" ".join(line.split()) for line in shown.out.splitlines()][-4:] == [
        "rule before after",
        "annotator_unknown 4 2",
        "label_missing 1 1",
        "all 5 3",
    ]
    events = partition(folder, "annotation_events", D2, "marks")
    assert sorted(e["label"] for e in events) == ["drei", "three", "vier"]


@pytest.mark.slow
def test_a_flood_is_replayed(folder: DataFolder, capsys: pytest.CaptureFixture[str]) -> None:
    """Loss: a night that was stopped must go on where it stopped, once the project file is mended."""
    write(folder.project_file("marks"), MARKS)
    roster(folder, "ann")
    head = "item_id,annotator_id,label\n"
    put(folder, D1, "a.csv", head + "".join(f"i{k},eve,x\n" for k in range(30)), project="marks", source="s")
    put(folder, D2, "b.csv", head + "i1,ann,x\n", project="marks", source="s")
    assert main(["nightly", "--project", "marks", "--from", "2026-10-05", "--to", "2026-10-06"]) == 1
    assert "annotator_unknown 30 (source s)" in capsys.readouterr().err
    assert main(["status"]) == 0
    assert "flooded: 2026-10-05: label-pipeline quarantine marks --day 2026-10-05" in said(capsys)
    roster(folder, "ann", "eve")
    assert main(["quarantine", "marks", "--replay"]) == 0
    assert said(capsys)[-1] == "all 30 0"
    assert main(["status"]) == 0
    assert not any(line.startswith("flooded") for line in said(capsys))


@pytest.mark.slow
def test_a_replay_publishes(spoiled: DataFolder, capsys: pytest.CaptureFixture[str]) -> None:
    """Loss: answers that are accepted again must reach the training set by the same gates."""
    assert run(spoiled, D1, D2).success
    before = latest(spoiled.published("pets"))
    write(spoiled.project_file("pets"), PETS.replace("[cat, dog]", "[cat, dog], aliases: {kitten: cat}"))
    assert main(["quarantine", "pets", "--replay"]) == 0
    assert said(capsys)[-1] == "all 5 2"
    assert latest(spoiled.published("pets")) != before
