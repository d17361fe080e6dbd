"""On a standalone Spark cluster: what one process says, also where a worker dies in the middle of a pass.

With LABEL_PIPELINE_WHOLE=1 (`make spark`) on eight real sets and three million synthetic annotations, else on one of
them and two hundred thousand.
"""

from __future__ import annotations

import importlib.util
import os
import pickle
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from benchmarks.synthetic import synthetic
from label_pipeline.agreement.alpha import alpha
from label_pipeline.annotators.table import annotator_report
from label_pipeline.consensus.crowdlab import CROWDLAB
from label_pipeline.consensus.dawid_skene import DawidSkene
from label_pipeline.consensus.majority import Majority
from label_pipeline.errors import UserError
from label_pipeline.noise.issues import label_noise
from label_pipeline.shards.disk import Stored, write_shard
from label_pipeline.shards.spark import spark
from label_pipeline.votes import Votes
from label_pipeline_tests.shards.cluster import HOME, cluster, environment, missing
from label_pipeline_tests.shards.held import scattered
from label_pipeline_tests.shards.on_cluster import EM, Case

WHOLE = os.environ.get("LABEL_PIPELINE_WHOLE") == "1"
ITEMS = 1_030_000 if WHOLE else 70_000
REAL = (
    "rte",
    "weather_amt",
    "weather_cf",
    "bluebirds",
    "tweet_sentiment",
    "web_search",
    "sentiment_sp",
    "zencrowd_all",
)[: None if WHOLE else 1]


def test_without_spark_one_line_says_what_to_install():
    """Guards against a traceback, or pyspark imported by those who never asked for it."""
    if importlib.util.find_spec("pyspark"):
        pytest.skip("pyspark is installed here")
    with pytest.raises(UserError, match=r"^Spark is not installed. Install it: pip install 'label-pipeline\[spark\]'$"):
        spark("spark://127.0.0.1:7077").__enter__()


def test_nothing_of_spark_is_imported_before_it_is_asked_for():
    """Guards against an import of pyspark by the engine that needs none of it."""
    code = "import sys, label_pipeline.shards.spark, label_pipeline.shards.build; print('pyspark' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=HOME, check=True)
    assert done.stdout.strip() == "False"


@pytest.fixture(scope="module")
def cases(request: pytest.FixtureRequest) -> dict[str, tuple[Votes, np.ndarray, np.ndarray]]:
    """Votes, gold and a model of each data set."""
    rng = np.random.default_rng(5)
    made = synthetic(ITEMS, 1_000, per_item=2.95)
    items, people = ([f"{kind}{k:07d}" for k in range(n)] for kind, n in (("i", ITEMS), ("a", 1_000)))
    votes = replace(
        made.votes, items=np.array(items, dtype=object), annotators=np.array(people, dtype=object), _cache={}
    )
    found = {"synthetic": (votes, np.where(rng.random(votes.n_items) < 0.01, made.truth, -1), made.probabilities())}
    default = HOME.parent / "shared" / "datasets"
    folder = Path(os.environ.get("LABEL_PIPELINE_DATASETS", default))
    for name in REAL if folder.is_dir() else ():
        votes = Votes.build(pd.read_csv(folder / name / "annotations.csv", dtype=str))
        gold = np.where(rng.random(votes.n_items) < 0.05, rng.integers(0, votes.n_classes, votes.n_items), -1)
        found[name] = votes, gold, rng.dirichlet(np.full(votes.n_classes, 0.5), votes.n_items)
    return found


@pytest.fixture(scope="module")
def answered(cases: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, dict[Any, Any]]]:
    """Where Spark wrote its labels, and its fits."""
    if why := missing():
        pytest.skip(why)
    folder, asked = tmp_path_factory.mktemp("spark"), {}
    for name, (votes, gold, model) in reversed(cases.items()):  # the one with the kill last
        n = 12 if name == "synthetic" else 3
        shards = scattered(votes, np.arange(votes.n_items) % n, gold=gold, model=model)
        for shard in shards:
            write_shard(folder / "shards" / name, shard.index, shard.votes, shard.gold, shard.model)
        equal = np.full(votes.n_classes, 1 / votes.n_classes)
        source = Stored(folder / "shards" / name, n, votes.annotators, votes.classes, equal)
        methods = ("dawid_skene", "crowdlab") if name == "synthetic" else ("majority", "dawid_skene", "crowdlab")
        asked[name] = Case(source, methods, beside=name == "rte")
    with cluster(folder / "cluster") as started:
        asked["synthetic"] = replace(asked["synthetic"], kill=started.workers[0].pid)
        (folder / "asked.pickle").write_bytes(pickle.dumps((started.url, asked)))
        command = [sys.executable, "-m", "label_pipeline_tests.shards.on_cluster", str(folder)]
        done = subprocess.run(command, env=environment(), cwd=folder, capture_output=True, text=True, timeout=1200)
    told = [line for line in done.stderr.splitlines() if not line.startswith("\tat ")]
    assert done.returncode == 0, "\n".join(told[-60:])
    yield folder, pickle.loads((folder / "found.pickle").read_bytes())
    shutil.rmtree(folder)


@pytest.mark.slow(seconds=80)
def test_a_cluster_says_what_one_process_says(cases, answered):
    """Guards against another result on Spark than here, a task done twice or never, and a worker's death that shows."""
    folder, found = answered
    assert found["refused"] == "wrong. Mend it."
    assert found["killed"], "the worker did not die in the middle of a pass"
    local = {"majority": Majority(), "dawid_skene": DawidSkene(**EM), "crowdlab": CROWDLAB()}
    for (name, method), fit in ((key, fit) for key, fit in found.items() if key[-1] in local):
        votes, gold, model = cases[name]
        expected = local[method].fit(votes, probabilities=model, gold=gold)
        written = pq.ParquetDataset(sorted((folder / name / method).glob("*.parquet"))).read().sort_by("item_id")
        assert np.array_equal(written["item_id"].to_numpy(), votes.items.astype(str).astype(object))
        labels = np.array([*votes.classes, None], dtype=object)[expected.labels_]
        assert np.array_equal(written["label"].to_numpy(), labels), (name, method)
        rows = written["probabilities"].combine_chunks().values.to_numpy().reshape(len(written), -1)
        np.testing.assert_allclose(rows, expected.probabilities_, rtol=0, atol=1e-9)
        np.testing.assert_allclose(fit.annotator_quality_, expected.annotator_quality_, rtol=0, atol=1e-9)
        np.testing.assert_allclose(fit.annotator_weight_, expected.annotator_weight_, rtol=1e-9, atol=1e-9)
        if (name, "beside") in found and method == "crowdlab":
            patterns, report, judged = found[name, "beside"]
            assert alpha(patterns, replicates=20) == alpha(votes, replicates=20)
            theirs = annotator_report(votes, expected.probabilities_, gold=gold.astype(np.int64))
            pd.testing.assert_frame_equal(report.table, theirs.table, rtol=1e-9, atol=1e-9)
            noisy = label_noise(expected.labels_, model, votes.classes)
            np.testing.assert_allclose(judged.noise_matrix, noisy.noise_matrix, rtol=0, atol=1e-9)
            pd.testing.assert_frame_equal(judged.by_class, noisy.by_class)
