"""Shards from a lake, on disk: the same votes and results as in memory, whatever has happened to an answer."""

from datetime import UTC, date, datetime, timedelta

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from label_pipeline.contracts.tables import ANNOTATION_EVENTS, ITEMS, PREDICTIONS
from label_pipeline.files import TEMPORARY
from label_pipeline.folders import DataFolder
from label_pipeline.lake import Lake
from label_pipeline.shards.build import Facts, lake_shards
from label_pipeline.shards.disk import write_consensus
from label_pipeline.shards.runners import Processes
from label_pipeline.state import counted, current_events, hidden_questions
from label_pipeline.votes import Votes
from label_pipeline_tests.shards.made import METHODS, assert_equal

DAYS = [date(2026, 3, 1) + timedelta(days=k) for k in range(3)]
CLASSES = ("no", "yes", "unsure", "never used")


def events(rng: np.random.Generator, day: date, n: int = 400) -> pd.DataFrame:
    """Answers that are changed, skipped, deleted, given twice on one item, and by people, a model and an expert."""
    item, who = rng.integers(0, 60, n), rng.integers(0, 8, n)
    status = rng.choice(["submitted", "submitted", "submitted", "skipped", "deleted"], n)
    source = rng.choice(["tool", "quiz"], n)
    moment = datetime(2026, 3, 1, tzinfo=UTC)
    return pd.DataFrame(
        {
            "event_id": [f"{day}-{k:032d}" for k in range(n)],
            "source": source,
            # Two answers of one person on one item where the numbers differ, versions of one where they are equal.
            "annotation_id": [f"{i}-{w}-{k}" for i, w, k in zip(item, who, rng.integers(0, 2, n), strict=True)],
            "item_id": [f"item {i:03d}" for i in item],
            "annotator_id": [f"p{w}" for w in who],
            "label": np.where(status == "submitted", rng.choice(CLASSES[:3], n), None),
            "status": status,
            "is_gold_check": rng.random(n) < 0.1,
            "annotated_at": [None if rng.random() < 0.2 else moment + timedelta(hours=int(rng.integers(0, 9)))
                             for _ in range(n)],
            "started_at": None,
            "duration_s": None,
            "duration_source": "none",
            "guideline_version": None,
            "batch_id": None,
            "landed_file": "a.json",
            "landed_row": np.arange(1, n + 1),
        }
    )  # fmt: skip


@pytest.fixture(scope="module")
def lake(tmp_path_factory):
    folder = Lake(DataFolder(tmp_path_factory.mktemp("data")), "reviews")
    rng = np.random.default_rng(7)
    for day in DAYS:
        folder.write(ANNOTATION_EVENTS, day, events(rng, day))
        shown = pd.DataFrame({"item_id": [f"item {i:03d}" for i in range(70)], "payload": "{}", "landed_file": "a"})
        folder.write(ITEMS, day, shown.assign(arrived_at=pd.NaT, content_hash=""))
    for model in ("a", "b"):
        rows = rng.dirichlet(np.ones(len(CLASSES)), 50).tolist()
        frame = pd.DataFrame({"item_id": [f"item {i:03d}" for i in range(50)], "model": model, "probabilities": rows})
        folder.write(PREDICTIONS, DAYS[-1], frame, part=model)
    return folder


@pytest.fixture(scope="module")
def facts(lake):
    people = pd.DataFrame({"annotator_id": ["p0", "p1"], "group": "x", "role": ["adjudicator", "model"]})
    return Facts(
        people,
        truth={"item 001": "yes", "item 065": "no", "item 002": "unheard of"},
        checks=["item 001", "item 002", "item 065"],
        evaluation=["item 003"],
        test_sources=["quiz"],
        predictions=lake.files(PREDICTIONS, DAYS[-1]),
    )


def local(lake, facts) -> tuple[Votes, np.ndarray, np.ndarray]:
    """What a night makes of the same lake: votes, gold, model."""
    current = current_events(lake, DAYS[-1], facts.people)
    annotations = counted(current, test_sources=facts.test_sources, gold=facts.checks, evaluation=facts.evaluation)
    gold = [*facts.checks, *facts.evaluation]
    hidden = hidden_questions(current, test_sources=facts.test_sources, gold=gold)["item_id"].to_pylist()
    items = sorted({f"item {i:03d}" for i in range(70)} - set(hidden))
    votes = Votes.build(annotations, classes=CLASSES, items=items)
    truth = np.array([{"item 001": 1, "item 065": 0}.get(item, -1) for item in votes.items])
    frame = lake.read(PREDICTIONS, DAYS[-1]).to_pandas()
    matrix = pd.DataFrame(np.stack(frame["probabilities"]), index=frame["item_id"]).groupby(level=0).mean()
    model = matrix.reindex(votes.items).fillna(matrix.mean()).to_numpy()
    return votes, truth, model / model.sum(axis=1, keepdims=True)


def test_shards_of_a_lake_are_its_votes(lake, facts):
    """Guards against a vote lost, doubled or outdated on its way into a shard, and items, gold or model beside it."""
    votes, truth, model = local(lake, facts)
    with lake_shards(lake, DAYS[-1], CLASSES, facts, size=300) as shards:
        assert len(shards) == 4
        assert len(list(lake.folder.lake.glob(f"annotation_events/project=reviews/{TEMPORARY}shards-*"))) == 1
        parts = list(shards)
        found = sorted(
            (item, votes.annotators[a], CLASSES[k])
            for part in parts
            for item, a, k in zip(
                part.votes.items[part.votes.item], part.votes.annotator, part.votes.label, strict=True
            )
        )
        assert shards.annotators.tolist() == votes.annotators.tolist()
        assert found == list(
            zip(votes.items[votes.item], votes.annotators[votes.annotator], np.array(CLASSES)[votes.label], strict=True)
        )
        for name in ("majority", "dawid_skene", "crowdlab"):
            assert_equal(shards, votes, name, gold=truth, model=model)


def test_consensus_is_written_and_shards_are_gone(lake, facts, tmp_path):
    """Guards against shards that stay beside the lake, and items missing from what is written."""
    votes, truth, model = local(lake, facts)
    with lake_shards(lake, DAYS[-1], CLASSES, facts, size=300) as shards:
        fit = METHODS["crowdlab"][0](shards)
        written = pq.ParquetDataset(write_consensus(shards, fit, tmp_path)).read().sort_by("item_id")
    expected = METHODS["crowdlab"][1].fit(votes, probabilities=model, gold=truth)
    assert written["item_id"].to_pylist() == votes.items.tolist()
    assert written["label"].to_pylist() == [CLASSES[k] for k in expected.labels_]
    np.testing.assert_allclose(written["probabilities"].to_pylist(), expected.probabilities_, rtol=0, atol=1e-9)
    assert not list(lake.folder.root.rglob(f"{TEMPORARY}*"))


def test_a_lake_without_events_has_one_empty_shard(tmp_path):
    """Guards against a traceback on a project's first day."""
    people = pd.DataFrame({"annotator_id": [], "group": [], "role": []}, dtype=str)
    with lake_shards(Lake(DataFolder(tmp_path), "new"), DAYS[0], CLASSES, Facts(people)) as shards:
        assert [shard.votes.n_items for shard in shards] == [0]
        assert METHODS["dawid_skene"][0](shards).annotator_quality_.tolist() == []


@pytest.mark.slow(seconds=15)
def test_processes_give_the_same_bits(lake, facts):
    """Guards against a result that depends on how many work, and functions other processes do not find."""
    found = []
    with Processes(2) as two:
        for runner in (None, two):
            with lake_shards(lake, DAYS[-1], CLASSES, facts, size=100, runner=runner) as shards:
                fit = METHODS["dawid_skene"][0](shards)
                found.append((fit.annotator_weight_.tobytes(), fit.confusion_.tobytes(), fit.diagnostics_))
    assert found[0] == found[1]
