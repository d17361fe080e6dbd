"""The sample project: who works in it, its project file, roster, gold seeds, and fourteen landed days.

How people answer, what the tools write and what goes wrong is said in the modules beside this one.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from importlib.resources import files
from itertools import accumulate
from pathlib import Path

from label_pipeline.errors import UserError
from label_pipeline.files import replacing
from label_pipeline.simulate import label_studio, vendor
from label_pipeline.simulate.digits import Digit, digits, png
from label_pipeline.simulate.draws import pick, shuffled, stream
from label_pipeline.simulate.faults import Planted, Sheet, Tasks, plant_in_exports, plant_in_sheets
from label_pipeline.simulate.people import Confusion, Person
from label_pipeline.simulate.work import Answer, Item, work

NAME = "sample"
START = date(2026, 10, 5)
CLASSES = tuple("0123456789")
SEEDS_PER_CLASS = 6  # half of them checks, half for evaluation
LABELS_PER_ITEM = {2: 0.08, 3: 0.17, 4: 0.3, 5: 0.45}
SECOND_GUIDELINE = 7  # day
EXPANDED_DAYS = (3, 8)  # exports that name people by an object with an e-mail address

UNCLEAR: tuple[Confusion, Confusion] = (
    {"4": {"9": 0.15}, "9": {"4": 0.15}},
    {"4": {"9": 0.02}, "9": {"4": 0.02}},
)
"""What each guideline leaves unclear: v1 left 4 and 9 to taste."""

PROJECT_FILE = """\
# The worked example of the documentation. Its landing files come from `label-pipeline simulate`.
project: sample
description: Handwritten digits labelled by simulated people; the worked example of the documentation
owner: team:labels
start: {start}
end: {end}
schedule: {{cron: "30 2 * * *", timezone: Europe/Berlin}}

labels:
  type: single_choice
  classes: ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"]
  aliases: {{four: "4", nine: "9"}}          # one of the vendor's people writes words
items:
  fields: [image, pixels, received_at, writer_batch]
  slices: [writer_batch]
  arrived_at: received_at
  image: image
sources:
  label_studio: {{format: label_studio_json, label: digit, item: item_id}}
  vendor:
    format: csv
    item: image_id
    annotator: worker
    label: answer
    annotation_id: row_id
    annotated_at: finished_at
    started_at: started_at
people: {{roster: people.csv}}
guidelines: {{current: v2, since: {{v1: {start}, v2: {second}}}}}
predictions: {{baseline: {{features: pixels}}}}

consensus: {{method: auto, accept_at: 0.9, annotations: {{min: 2, max: 5}}}}
gold: {{seeds: gold/*.csv}}
queue: {{budget: {{annotations: 60}}, adjudicate_after: 4}}
kpis:
  label_accuracy: {{at_least: 0.9, otherwise: block}}
  alpha: {{at_least: 0.67, otherwise: warn}}
costs:
  in-house: {{per_hour: 28}}
  experts: {{per_hour: 60}}
  crowd: {{per_annotation: 0.03}}
  vendor: {{per_annotation: 0.06}}
publish: {{splits: {{train: 0.8, validation: 0.1, test: gold}}, min_coverage: 0.5, license: CC-BY-4.0}}
"""


def simulate_project(folder: Path, *, seed: int = 7, days: int = 14, items: int = 600, start: date = START) -> Planted:
    """Write the sample project below a data folder: its project files and its landed days.

    `days` (at least 7) are counted from `start`; `items` is 200 to 1,797. Returns what was planted. Files that are
    there already are left alone where they hold the same bytes; where one differs, nothing is written and a UserError
    says so, because landed files are never changed.
    """
    contents, planted = sample_files(seed=seed, days=days, items=items, start=start)
    there = {path for path in contents if (folder / path).exists()}
    differing = sorted(path for path in there if (folder / path).read_bytes() != contents[path])
    if differing:
        raise UserError(
            f"files of another sample project are here ({len(differing)} differ)",
            where=str(folder / differing[0]),
            rule="landed files are never changed",
            do="Choose another data folder, or remove the project's folders first.",
        )
    for path in sorted(contents.keys() - there):
        with replacing(folder / path) as beside:
            beside.write_bytes(contents[path])
    return planted


def sample_files(
    *, seed: int = 7, days: int = 14, items: int = 600, start: date = START
) -> tuple[dict[str, bytes], Planted]:
    """The sample project's files, by path below the data folder, and what was planted; see `simulate_project`."""
    if days < 7:
        raise UserError(f"{days} days are too few", rule="days >= 7", do="Simulate at least a week.")
    if not 200 <= items <= 1797:
        raise UserError(f"{items} items cannot be drawn", rule="200 <= items <= 1797", do="There are 1,797 digits.")
    people = crew()
    chosen = _choose(seed, items)
    checks, evaluation = _gold(chosen)
    dates = [start + timedelta(days=day) for day in range(days)]
    shown = _items(chosen, checks, evaluation, seed=seed, dates=dates)
    log = work(shown, people, CLASSES, start=start, days=days, seed=seed, unclear=unclear)

    by_id = {digit.item_id: digit for digit in chosen}
    exports, sheets = _deliveries([(item, by_id[item.item_id]) for item in shown], log, dates)
    repeated = label_studio.repeats(exports.values())
    bad_rows, again, sheet_marks = plant_in_sheets(sheets)
    bad_annotations, export_marks = plant_in_exports(exports)

    project = f"projects/{NAME}"
    contents = {f"{project}/items/digits/{digit.item_id}.png": png(digit.pixels) for digit in chosen}
    contents |= _project_files(project, people, checks, evaluation, dates)
    for day, tasks in exports.items():
        name = f"project-{label_studio.PROJECT}-at-{dates[day]}-16-30.json"
        contents[f"landing/{NAME}/{dates[day]}/{label_studio.SOURCE}/{name}"] = label_studio.write(tasks)
    for sheet in sheets:
        contents[f"landing/{NAME}/{dates[sheet.day]}/{vendor.SOURCE}/{sheet.name}"] = vendor.write(sheet.rows)

    annotations = sum(len(task["annotations"]) for tasks in exports.values() for task in tasks)
    return contents, Planted(
        landed=annotations + sum(len(sheet.rows) for sheet in sheets),
        accepted=len(log),
        quarantined=dict(sorted((bad_rows + bad_annotations).items())),
        duplicates=dict(sorted((again + Counter({"exported_again": repeated})).items())),
        marks=dict(sorted((sheet_marks + export_marks + _marks(log)).items())),
    )


def crew() -> list[Person]:
    """The sample's people: an expert, the house, the crowd, and a vendor's workers."""
    tool = label_studio.SOURCE
    expert = Person(tool, "1", "experts", "adjudicator", skill=0.998, seconds=14.0, skips=0.0, per_day=3)
    house = Person(tool, "", "in-house", per_day=22, mends=0.25)
    crowd = Person(tool, "", "crowd", per_day=15, skips=0.02, weekends=True)
    sent = Person(vendor.SOURCE, "", "vendor", per_day=26, skips=0.0)
    mixes_up = {"4": {"9": 0.35}, "9": {"4": 0.25}}
    spam = {"1": 5.0, "0": 2.0, "7": 2.0, "3": 1.0, "8": 1.0}
    return [
        expert,
        replace(house, identity="2", skill=0.985, seconds=8.0),
        replace(house, identity="3", skill=0.98, seconds=7.0),
        replace(house, identity="4", skill=0.97, seconds=5.5),
        replace(house, identity="5", skill=0.975, seconds=6.0, confuses=mixes_up),
        replace(house, identity="6", skill=0.98, seconds=6.5, drift=0.03, drifts_from=4),
        replace(crowd, identity="11", skill=0.96, seconds=6.0),
        replace(crowd, identity="12", skill=0.95, seconds=5.0),
        replace(crowd, identity="13", skill=0.84, seconds=3.2),
        replace(crowd, identity="14", seconds=1.1, spread=0.2, blind=spam, from_day=2),
        replace(sent, identity="w-301", skill=0.97, seconds=5.0),
        replace(sent, identity="w-302", skill=0.96, seconds=4.5),
        replace(sent, identity="w-303", skill=0.95, seconds=4.2),
        replace(sent, identity="w-304", skill=0.88, seconds=2.8),
    ]


def unclear(day: int) -> Confusion:
    """What the guideline in force on a day leaves unclear."""
    return UNCLEAR[day >= SECOND_GUIDELINE]


def _choose(seed: int, n: int) -> list[Digit]:
    """`n` digits in order of arrival."""
    return shuffled(stream(seed, "choice"), digits())[:n]


def _gold(chosen: Sequence[Digit]) -> tuple[list[Digit], list[Digit]]:
    """Gold seeds, as many of each class: those to hide as checks, and those that only measure."""
    by_class = {c: [d for d in chosen if d.truth == c][:SEEDS_PER_CLASS] for c in CLASSES}
    half = SEEDS_PER_CLASS // 2
    return [d for c in CLASSES for d in by_class[c][:half]], [d for c in CLASSES for d in by_class[c][half:]]


def _items(
    chosen: Sequence[Digit], checks: Sequence[Digit], evaluation: Sequence[Digit], *, seed: int, dates: Sequence[date]
) -> list[Item]:
    """The digits as work: gold arrives first, three days' worth on the first day, half as many on weekends."""
    gold = {*checks, *evaluation}
    order = [*checks, *evaluation, *(d for d in chosen if d not in gold)]
    rng = stream(seed, "overlap")
    shares = [3.0, *(0.5 if day.weekday() >= 5 else 1.0 for day in dates[1:])]
    until = [len(order) * share / sum(shares) for share in accumulate(shares)]
    return [
        Item(
            item_id=digit.item_id,
            truth=digit.truth,
            arrives=bisect_right(until[:-1], k),
            overlap=pick(rng, LABELS_PER_ITEM),
            hardness=digit.hardness,
            resembles=digit.resembles,
            check=digit in checks,
        )
        for k, digit in enumerate(order)
    ]


def _deliveries(
    shown: Sequence[tuple[Item, Digit]], log: Sequence[Answer], dates: Sequence[date]
) -> tuple[dict[int, Tasks], list[Sheet]]:
    """What the tool exports every day, and what the vendor sends on working days."""
    midnight = datetime.combine(dates[0], time(), UTC)
    tasks = []
    for number, (item, digit) in enumerate(shown, start=1):
        received = midnight + timedelta(days=item.arrives, hours=4, seconds=7 * number)
        data = {
            "item_id": digit.item_id,
            "image": f"digits/{digit.item_id}.png",
            "received_at": received.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "writer_batch": digit.batch,
            "pixels": list(digit.pixels),
        }
        tasks.append(label_studio.Task(number, item.arrives, received + timedelta(minutes=15), data))
    exports = {
        day: label_studio.export(tasks, log, day=day, expanded=day in EXPANDED_DAYS) for day in range(len(dates))
    }
    sent = {day: vendor.sheet(log, day=day) for day in range(len(dates))}
    return exports, [Sheet(day, f"answers_{dates[day]}.csv", rows) for day, rows in sent.items() if rows]


def _project_files(
    project: str, people: Sequence[Person], checks: Sequence[Digit], evaluation: Sequence[Digit], dates: Sequence[date]
) -> dict[str, bytes]:
    """The project's own files by name. The label of the last gold check is wrong, as a seed can be."""
    roster = ["source,identity,group,role"]
    roster += [f"{p.source},{p.identity},{p.group},{p.role}" for p in people]
    seeds = ["item_id,label,role"]
    seeds += [f"{d.item_id},{d.truth},check" for d in checks[:-1]]
    seeds += [f"{checks[-1].item_id},{checks[-1].resembles},check"]
    seeds += [f"{d.item_id},{d.truth},evaluation" for d in evaluation]
    text = PROJECT_FILE.format(start=dates[0], end=dates[-1], second=dates[0] + timedelta(days=SECOND_GUIDELINE))
    home = files("label_pipeline.simulate")
    contents: Mapping[str, str] = {
        "project.yaml": text,
        "people.csv": "\n".join(roster) + "\n",
        "gold/seeds.csv": "\n".join(seeds) + "\n",
        "datasheet.yaml": (home / "datasheet.yaml").read_text("utf-8"),
        **{f"guidelines/{v}.md": (home / "guidelines" / f"{v}.md").read_text("utf-8") for v in ("v1", "v2")},
    }
    return {f"{project}/{name}": content.encode() for name, content in contents.items()}


def _marks(log: Sequence[Answer]) -> Counter[str]:
    """What is in the log that is neither fault nor plain."""
    return Counter(
        skipped=sum(a.label is None for a in log),
        mended=sum(a.revised is not None for a in log),
        adjudicated=len({a.item_id for a in log if a.person.role == "adjudicator"}),
        wrong_gold_seeds=1,
    )
