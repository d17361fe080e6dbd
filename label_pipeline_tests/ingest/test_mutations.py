"""Damaged samples of every format, landed together: no exception, no row astray, no file but the lake's."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import random
import tempfile
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import pytest

from label_pipeline.sources import ADAPTERS
from label_pipeline_tests.ingest.house import House, keeps_contracts
from label_pipeline_tests.ingest.samples import Sample, mutated, samples

QUICK, A_NIGHT = 60, 250  # files
CASES = int(os.environ.get("LABEL_PIPELINE_CASES", "1500"))


def test_every_format_has_a_sample() -> None:
    """Loss: a format that is in no campaign is one whose traps nobody has met."""
    assert {sample.format for sample in samples()} == ADAPTERS.keys()


def test_undamaged_samples_are_read(tmp_path: Path) -> None:
    """Loss: damage to a file that cannot be read anyway finds nothing."""
    made = samples()
    night = _house(tmp_path, [(k, sample.content) for k, sample in enumerate(made)], made).ingest()
    refused = [row["landed_file"] for row in night.landings.to_pylist() if row["problem"]]
    assert [name[-5:] for name in refused] == ["b.zip"]  # the one that is hostile
    assert all(row["accepted"] + row["quarantined"] > 0 for row in night.landings.to_pylist())


def test_a_night_of_damage(tmp_path: Path) -> None:
    """Loss: one odd file that stops the night of all others."""
    campaign(tmp_path, range(QUICK), QUICK)


@pytest.mark.slow(seconds=100)
def test_a_campaign_of_damage(tmp_path: Path) -> None:
    """Loss: as above, for what is met once in thousands of files. LABEL_PIPELINE_CASES=20000 runs them all."""
    workers = os.cpu_count() or 1
    share = CASES // workers + 1
    with ProcessPoolExecutor(workers, multiprocessing.get_context("spawn")) as pool:
        runs = []
        for k in range(workers):
            folder = tmp_path / str(k)
            folder.mkdir()
            runs.append(pool.submit(campaign, folder, range(1000 + k * share, 1000 + (k + 1) * share), A_NIGHT))
        for run in runs:
            run.result()


def campaign(folder: Path, seeds: range, a_night: int) -> None:
    """Nights of damaged files, one a seed; what they leave behind anywhere is a failure."""
    made = samples()
    work, temporary = folder / "work", folder / "temporary"
    for place in (work, temporary):
        place.mkdir()
    before = tempfile.tempdir
    tempfile.tempdir = str(temporary)
    try:
        with contextlib.chdir(work):
            for start in range(seeds.start, seeds.stop, a_night):
                chosen = [(seed % len(made), seed) for seed in range(start, min(start + a_night, seeds.stop))]
                cases = [(k, mutated(made[k], random.Random(seed))) for k, seed in chosen]
                with tempfile.TemporaryDirectory(dir=folder) as root:
                    _night(Path(root), cases, made, start)
                assert sorted(p.name for p in folder.iterdir()) == ["temporary", "work"]
                assert not list(work.iterdir()), "something in a file made a file"
                assert not list(temporary.iterdir()), "a temporary file was left behind"
    finally:
        tempfile.tempdir = before


def _night(root: Path, cases: list[tuple[int, bytes]], made: list[Sample], first: int) -> None:
    house = _house(root, cases, made)
    before = sorted(root.rglob("*"))
    try:
        night = house.ingest()
        keeps_contracts(night, house.project)
    except Exception:
        for turn, case in enumerate(cases):
            alone = _house(root / f"alone{turn}", [case], made)
            try:
                keeps_contracts(alone.ingest(), alone.project)
            except Exception as error:
                raise AssertionError(f"seed {first + turn}, {made[case[0]].settings}: {case[1][:2000]!r}") from error
        raise
    assert len(night.landings) == len(cases)
    assert sorted(root.rglob("*")) == before


def _house(root: Path, cases: list[tuple[int, bytes]], made: list[Sample]) -> House:
    sources = "".join(f"  s{k}: {sample.settings}\n" for k, sample in enumerate(made))
    house = House(root, sources, more="items: {fields: [text, t], arrived_at: t}")
    for turn, (k, content) in enumerate(cases):
        house.put(f"s{k}/{turn:03}-{made[k].name}", content)
    return house
