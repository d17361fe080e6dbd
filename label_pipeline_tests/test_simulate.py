"""The simulator and the committed sample project: same bytes, real faults, people who are what they are said to be."""

from __future__ import annotations

import csv
import io
import json
from collections import Counter, defaultdict
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from label_pipeline.errors import UserError
from label_pipeline.simulate import Item, Person, Planted, label_chances, sample_files, simulate_project, work
from label_pipeline.simulate.digits import png
from label_pipeline.simulate.draws import pick, seconds, shuffled, stream

DATA = Path(__file__).resolve().parents[1] / "data"
CLASSES = tuple("abcd")
SHARES = st.floats(0, 1)
Sample = tuple[dict[str, bytes], Planted]


@pytest.fixture(scope="module")
def sample() -> Sample:
    return sample_files()


@pytest.fixture(scope="module")
def truth() -> dict[str, str]:
    from sklearn.datasets import load_digits

    return {f"digit-{k:04d}": str(c) for k, c in enumerate(load_digits().target)}


# Draws


def test_draws_are_pinned() -> None:
    """Loss: a Python whose streams differ would make another sample, and every figure in the documents would be off."""
    rng = stream(7, "pinned")
    assert [round(rng.random(), 6) for _ in range(3)] == [0.195131, 0.757627, 0.662763]
    assert shuffled(stream("s"), "abcdef") == list("efadbc")
    assert seconds(stream("s"), 6.0, 0.4) == 5.86


@settings(deadline=None, max_examples=50)
@given(st.dictionaries(st.sampled_from(CLASSES), st.floats(0, 1e6), min_size=1), st.integers(0, 1000))
def test_pick_never_takes_what_has_no_chance(chances: dict[str, float], seed: int) -> None:
    """Loss: an answer that a person cannot give would spoil every planted confusion."""
    if sum(chances.values()) > 0:
        assert chances[pick(stream(seed), chances)] > 0


# People


def test_label_chances_by_hand() -> None:
    """Loss: wrong chances would make careful people careless and teach false figures."""
    person = Person("s", "p", "g", skill=0.9, confuses={"a": {"d": 0.5}})
    plain = label_chances(person, "b", CLASSES)
    assert plain == pytest.approx({"a": 0.1 / 3, "b": 0.9, "c": 0.1 / 3, "d": 0.1 / 3})
    like = label_chances(person, "b", CLASSES, hardness=2.0, resembles="c")
    assert like == pytest.approx({"a": 0.05 / 3, "b": 0.8, "c": 0.15 + 0.05 / 3, "d": 0.05 / 3})
    mixed = label_chances(person, "a", CLASSES, hardness=0.0, unclear={"a": {"c": 0.2}})
    assert mixed == pytest.approx({"a": 0.4, "b": 0.0, "c": 0.1, "d": 0.5})


def test_drift_starts_on_its_day_and_a_spammer_sees_nothing() -> None:
    """Loss: a drift from the first day, or a spammer who sees, could not be told from plain carelessness."""
    drifting = Person("s", "p", "g", skill=0.9, drift=0.1, drifts_from=3)
    assert [round(label_chances(drifting, "a", CLASSES, day=d)["a"], 6) for d in (0, 3, 5)] == [0.9, 0.9, 0.7]
    spammer = Person("s", "p", "g", blind={"b": 3.0, "c": 1.0})
    assert {tuple(label_chances(spammer, c, CLASSES).items()) for c in CLASSES} == {
        (("a", 0.0), ("b", 0.75), ("c", 0.25), ("d", 0.0))
    }
    assert label_chances(drifting, "only", ["only"]) == {"only": 1.0}


@settings(deadline=None, max_examples=100)
@given(SHARES, SHARES, st.integers(0, 30), st.floats(0, 5), st.sampled_from([None, *CLASSES]), SHARES)
def test_label_chances_are_chances(
    skill: float, drift: float, day: int, hardness: float, resembles: str | None, share: float
) -> None:
    """Loss: chances below zero or not summing to one draw impossible answers without a word."""
    person = Person("s", "p", "g", skill=skill, drift=drift, confuses={"a": {"b": share}})
    chances = label_chances(person, "a", CLASSES, day=day, hardness=hardness, resembles=resembles)
    assert sum(chances.values()) == pytest.approx(1)
    assert all(0 <= p <= 1 for p in chances.values())


# Work


def test_work_keeps_the_rules_of_the_house() -> None:
    """Loss: a second answer by one person, work before arrival or at night would look like faults nobody planted."""
    items = [Item(f"i{k:02d}", CLASSES[k % 4], arrives=k // 10, overlap=2 + k % 2, check=k < 3) for k in range(40)]
    people = [Person("s", str(k), "g", skill=0.7, skips=0.05, mends=0.5, weekends=k > 2) for k in range(6)]
    people.append(Person("s", "expert", "g", "adjudicator", per_day=2))
    log = work(items, people, CLASSES, start=date(2026, 10, 9), days=6, seed=1)
    assert log == work(items, people, CLASSES, start=date(2026, 10, 9), days=6, seed=1)
    assert log != work(items, people, CLASSES, start=date(2026, 10, 9), days=6, seed=2)

    by_id = {item.item_id: item for item in items}
    first = [a for a in log if a.revised is None]
    assert [a.number for a in first] == list(range(1, len(first) + 1))
    assert len({(a.item_id, a.person.key) for a in first}) == len(first)
    assert all(by_id[a.item_id].arrives <= a.day for a in log)
    assert all(6 <= a.began.hour < 16 and a.began < a.ended and a.began.day == 9 + a.day for a in first)
    assert all(a.person.weekends for a in first if a.began.weekday() >= 5)
    labels = Counter(a.item_id for a in first if a.label is not None and a.person.role == "annotator")
    assert all(labels[i.item_id] == i.overlap for i in items if not i.check and i.arrives < 3)
    one_a_day = Counter(a.item_id for a in first if a.label and a.day == by_id[a.item_id].arrives)
    assert {one_a_day[i.item_id] for i in items if not i.check} == {1}


def test_a_mended_slip_is_a_new_version_of_the_same_answer() -> None:
    """Loss: an edit under a new number would count one person twice."""
    items = [Item(f"i{k:02d}", CLASSES[k % 4]) for k in range(30)]
    log = work(items, [Person("s", "p", "g", skill=0.3, mends=1.0)], CLASSES, start=date(2026, 10, 5), days=3, seed=1)
    first = {a.number: a for a in log if a.revised is None}
    mended = [a for a in log if a.revised is not None]
    assert len(mended) > 5
    for a in mended:
        before = first[a.number]
        assert (a.item_id, a.person, a.began, a.day) == (before.item_id, before.person, before.began, before.day + 1)
        assert a.label != before.label
        assert a.revised is not None
        assert a.revised > before.ended


# Pictures


def test_pictures_are_pictures(sample: Sample) -> None:
    """Loss: a broken checksum shows a person an empty frame instead of the digit."""
    import matplotlib.image
    import numpy as np

    pixels = [k % 17 for k in range(64)]
    image = np.round(matplotlib.image.imread(io.BytesIO(png(pixels))) * 255)
    assert image.reshape(-1).tolist() == [255 - v * 255 // 16 for v in pixels]
    files, _ = sample
    shown = [path for path in files if path.endswith(".png")]
    assert len(shown) == 600
    assert max(len(files[path]) for path in shown) < 200
    data = {t["data"]["item_id"]: t["data"] for _, t in tasks_of(files)}
    for path in shown[::60]:
        assert files[path] == png(data[Path(path).stem]["pixels"])


# The sample project


def exports_of(files: dict[str, bytes]) -> list[tuple[str, list[dict[str, Any]]]]:
    return [(path.split("/")[2], json.loads(body)) for path, body in sorted(files.items()) if path.endswith(".json")]


def tasks_of(files: dict[str, bytes]) -> Iterator[tuple[str, dict[str, Any]]]:
    return ((day, task) for day, tasks in exports_of(files) for task in tasks)


def sheets_of(files: dict[str, bytes]) -> list[tuple[str, list[dict[str, str]]]]:
    paths = sorted(path for path in files if path.startswith("landing/") and path.endswith(".csv"))
    return [(path.split("/")[2], list(csv.DictReader(io.StringIO(files[path].decode())))) for path in paths]


def label_of(annotation: dict[str, Any]) -> str | None:
    return annotation["result"][0]["value"]["choices"][0] if annotation["result"] else None


def votes_of(files: dict[str, bytes]) -> list[tuple[str, str, str, str]]:
    """Day, item, person and label of every good answer, the newest version of each."""
    words = {"four": "4", "nine": "9"}
    votes: dict[tuple[str, str], tuple[str, str, str, str]] = {}
    for day, task in tasks_of(files):
        for a in task["annotations"]:
            who = a["completed_by"]
            person = str(who["id"] if isinstance(who, dict) else who)
            if a["id"] < 90000 and a["result"]:
                earlier = votes.get((task["data"]["item_id"], person), (day,))[0]
                votes[task["data"]["item_id"], person] = (earlier, task["data"]["item_id"], person, label_of(a) or "")
    for day, rows in sheets_of(files):
        for row in rows:
            if not row["row_id"].startswith("v-9") and row["worker"] and row["image_id"]:
                answer = words.get(row["answer"], row["answer"])
                votes.setdefault((row["image_id"], row["worker"]), (day, row["image_id"], row["worker"], answer))
    return list(votes.values())


def test_committed_sample_is_what_the_simulator_makes(sample: Sample) -> None:
    """Loss: a simulator that moved on would leave a sample nobody can make again, and figures nobody can check."""
    files, _ = sample
    committed = {
        path.relative_to(DATA).as_posix(): path
        for folder in ("projects/sample", "landing/sample")
        for path in (DATA / folder).rglob("*")
        if path.is_file()
    }
    assert sorted(committed) == sorted(files)
    assert [path for path in files if committed[path].read_bytes() != files[path]] == []
    assert sum(map(len, files.values())) < 2_600_000
    assert len({path.split("/")[2] for path in files if path.startswith("landing/")}) == 14


def test_every_planted_bad_answer_is_there_and_no_other(sample: Sample) -> None:
    """Loss: a pipeline test that asserts on faults which are not in the files proves nothing."""
    files, planted = sample
    bad: Counter[str] = Counter()
    known = {*"0123456789", "four", "nine"}
    for day, task in tasks_of(files):
        for a in task["annotations"]:
            bad["item_missing"] += not task["data"]["item_id"]
            bad["label_missing"] += not a["result"] and not a["was_cancelled"]
            bad["label_unknown"] += bool(a["result"]) and label_of(a) not in known
            bad["in_the_future"] += a["updated_at"][:10] > day
    owners: dict[str, tuple[str, str]] = {}
    for day, rows in sheets_of(files):
        for row in rows:
            bad["item_missing"] += not row["image_id"]
            bad["annotator_missing"] += not row["worker"]
            bad["label_unknown"] += row["answer"] not in known
            readable = row["finished_at"][:4].isdigit()
            bad["time_unreadable"] += not readable
            bad["in_the_future"] += readable and row["finished_at"][:10] > day
            bad["times_in_order"] += readable and row["started_at"] > row["finished_at"]
            pair = (row["image_id"], row["worker"])
            bad["id_reused"] += owners.setdefault(row["row_id"], pair) != pair
    assert dict(sorted(bad.items())) == planted.quarantined


def test_every_answer_is_accounted_for(sample: Sample) -> None:
    """Loss: counts that do not add up would let a pipeline lose rows and still pass."""
    files, planted = sample
    annotations = [a for _, task in tasks_of(files) for a in task["annotations"]]
    rows = [row for _, rows in sheets_of(files) for row in rows]
    assert planted.landed == len(annotations) + len(rows)
    quarantined, duplicates = sum(planted.quarantined.values()), sum(planted.duplicates.values())
    assert planted.landed == planted.accepted + quarantined + duplicates
    versions = {(a["id"], a["updated_at"]) for a in annotations} | {tuple(row.values()) for row in rows}
    assert len(versions) == planted.accepted + quarantined

    good = [a for a in annotations if a["id"] < 90000]
    assert planted.marks["skipped"] == len({a["id"] for a in good if a["was_cancelled"]})
    assert planted.marks["mended"] == len({a["id"] for a in good if a["updated_at"] != a["created_at"]})
    assert planted.marks["missing_lead_time"] == len({a["id"] for a in good if a["lead_time"] is None})
    answers: dict[str, str] = {}
    for row in rows:
        answers.setdefault(row["row_id"], row["answer"])
    assert planted.marks["aliased"] == sum(answers[k] in ("four", "nine") for k in answers if not k.startswith("v-9"))


def test_a_batch_is_delivered_twice_and_one_late(sample: Sample) -> None:
    """Loss: without a second delivery nothing would show that duplicates are recognised."""
    files, planted = sample
    again = [path for path in files if "/final_" in path]
    assert len(again) == planted.marks["late_file"] == 1
    name = again[0].rsplit("final_", 1)[1]
    once = next(path for path in files if path.endswith(f"/{name}"))
    assert files[again[0]] == files[once]
    assert once < again[0]
    assert planted.duplicates["redelivered_file"] == files[once].count(b"\n") - 1
    late = [path for path in files if "/answers_" in path and path.split("/")[2] not in path.split("/")[-1]]
    assert late == ["landing/sample/2026-10-07/vendor/answers_2026-10-06.csv"]


def test_the_tool_writes_people_both_ways_and_no_real_address(sample: Sample) -> None:
    """Loss: without both forms of completed_by one person would become two unnoticed."""
    files, _ = sample
    forms: dict[str, set[str]] = defaultdict(set)
    for _, task in tasks_of(files):
        for a in task["annotations"]:
            who = a["completed_by"]
            forms[str(who["id"] if isinstance(who, dict) else who)].add(type(who).__name__)
            assert isinstance(who, int) or who["email"].endswith("@example.com")
    roster = list(csv.DictReader(io.StringIO(files["projects/sample/people.csv"].decode())))
    assert all(forms[p["identity"]] == {"int", "dict"} for p in roster if p["source"] == "label_studio")
    workers = {row["worker"] for _, rows in sheets_of(files) for row in rows} - {""}
    assert workers == {p["identity"] for p in roster if p["source"] == "vendor"}
    assert [p["identity"] for p in roster if p["role"] == "adjudicator"] == ["1"]


def test_gold_seeds_are_balanced_and_one_is_wrong(sample: Sample, truth: dict[str, str]) -> None:
    """Loss: gold of few classes measures few classes; a seed nobody may doubt hides its own mistake."""
    files, planted = sample
    seeds = list(csv.DictReader(io.StringIO(files["projects/sample/gold/seeds.csv"].decode())))
    assert Counter((truth[s["item_id"]], s["role"]) for s in seeds) == {
        (c, role): 3 for c in "0123456789" for role in ("check", "evaluation")
    }
    wrong = [s for s in seeds if truth[s["item_id"]] != s["label"]]
    assert len(wrong) == planted.marks["wrong_gold_seeds"] == 1
    assert wrong[0]["role"] == "check"


def test_people_are_what_they_are_said_to_be(sample: Sample, truth: dict[str, str]) -> None:
    """Loss: a spammer who is right, or a drift that is none, would make every flag in the documents a lie."""
    files, planted = sample
    votes = votes_of(files)
    right: dict[str, list[bool]] = defaultdict(list)
    late: dict[str, list[bool]] = defaultdict(list)
    swaps: dict[str, list[bool]] = defaultdict(list)
    by_guideline: dict[bool, list[bool]] = defaultdict(list)
    for day, item, person, label in votes:
        right[person].append(label == truth[item])
        if day >= "2026-10-14":
            late[person].append(label == truth[item])
        if truth[item] in "49":
            swaps[person].append(label in "49" and label != truth[item])
            if person not in ("5", "14"):
                by_guideline[day >= "2026-10-12"].append(swaps[person][-1])

    def share(values: list[bool]) -> float:
        return sum(values) / len(values)

    assert share(right["14"]) < 0.2
    assert share(right["1"]) > 0.95
    assert all(share(right[p]) > 0.92 for p in ("2", "3", "4", "11", "12", "w-301", "w-302", "w-303"))
    assert all(0.75 < share(right[p]) < 0.92 for p in ("13", "w-304"))
    assert share(swaps["5"]) > 2.5 * share([x for p, v in swaps.items() if p not in ("5", "14") for x in v])
    assert share(late["6"]) < 0.85 < share(right["6"])
    assert share(by_guideline[True]) < 0.5 * share(by_guideline[False])
    assert planted.marks["adjudicated"] == len({item for _, item, person, _ in votes if person == "1"})


def test_items_end_open_and_covered(sample: Sample) -> None:
    """Loss: with every item finished the relabel queue would have nothing to order."""
    files, _ = sample
    per_item = Counter(item for _, item, _, _ in votes_of(files))
    assert len(per_item) == 600
    assert 0.05 <= sum(n == 1 for n in per_item.values()) / 600 <= 0.15
    assert 2400 <= sum(per_item.values()) <= 2700
    shown = {"item_id", "image", "received_at", "writer_batch", "pixels"}
    assert all(task["data"].keys() == shown for _, task in tasks_of(files))


def test_writing_is_safe_to_repeat_and_never_changes_landed_files(
    sample: Sample, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Loss: a second run over a user's data folder must not replace what has landed there."""
    files, planted = sample
    monkeypatch.setattr("label_pipeline.simulate.sample.sample_files", lambda **options: sample)
    assert simulate_project(tmp_path) == planted
    assert simulate_project(tmp_path) == planted
    written = {p.relative_to(tmp_path).as_posix(): p.read_bytes() for p in tmp_path.rglob("*") if p.is_file()}
    assert written == files

    roster = tmp_path / "projects/sample/people.csv"
    roster.write_text("mine")
    seeds = tmp_path / "projects/sample/gold/seeds.csv"
    seeds.unlink()
    with pytest.raises(UserError, match=r"people\.csv: .*1 differ.*never changed"):
        simulate_project(tmp_path)
    assert roster.read_text() == "mine"
    assert not seeds.exists()


def test_other_seeds_and_sizes(sample: Sample) -> None:
    """Loss: a simulator that only works for its one committed sample is no simulator."""
    files, planted = sample_files(seed=8, days=7, items=200)
    assert planted.landed == planted.accepted + sum(planted.quarantined.values()) + sum(planted.duplicates.values())
    assert planted.quarantined == sample[1].quarantined
    assert not {path for path in files if path.endswith(".json")} & {
        path for path, body in sample[0].items() if files.get(path) == body
    }
    started, later = sample_files(seed=8, days=7, items=200, start=date(2025, 10, 6))
    assert later.landed == planted.landed
    assert {path.split("/")[2] for path in started if path.startswith("landing/")} == {
        f"2025-10-{day:02d}" for day in range(6, 13)
    }
    assert b"start: 2025-10-06\nend: 2025-10-12\n" in started["projects/sample/project.yaml"]
    for options in ({"days": 6}, {"items": 199}, {"items": 1798}):
        with pytest.raises(UserError, match=str(next(iter(options.values())))):
            sample_files(**options)
