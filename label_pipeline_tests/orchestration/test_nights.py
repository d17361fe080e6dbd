"""Three nights of the sample project, run for real: what a person sees of them, and what is there afterwards."""

from __future__ import annotations

import base64
from collections import Counter
from typing import Any

import pytest

from label_pipeline.contracts.tables import TABLES
from label_pipeline.files import TEMPORARY
from label_pipeline.folders import DataFolder
from label_pipeline.lake import Lake
from label_pipeline.orchestration.assets_kpis import FAMILIES
from label_pipeline.publish.load import load_training_set
from label_pipeline_tests.orchestration.runs import D1, D2, D3, Run, mart, partition
from label_pipeline_tests.orchestration.test_definitions import ASSETS, TABLE_ASSETS

Nights = tuple[DataFolder, Run]
FIGURES = {
    "annotation_events": {"files", "landed", "accepted", "quarantined", "duplicates"},
    "gold_set": {"in_force", "evaluation", "adjudicated", "conflicts"},
    "predictions": {"items", "mean_top_probability"},
    "consensus_labels": {"annotations", "mean_confidence"},
    "annotator_quality": {"annotators", "flagged", "median_quality"},
    "label_issues": {"labelled", "issues"},
    "relabel_queue": {"items", "tonight"},
    "kpis_accuracy": {"label_accuracy"},
    "kpis_agreement": {"alpha"},
    "kpis_throughput": {"annotations_per_day"},
    "kpis_turnaround": {"turnaround_p50"},
    "kpis_noise": {"dispute_rate"},
    "kpis_queue": {"queue_size"},
    "kpis_cost": {"automation_rate"},
    "kpis_fairness": {"gaps_beyond_chance"},
    "candidate": {"rows", "coverage", "mean_confidence"},
}


def test_every_asset_is_materialized_for_every_day(nights: Nights) -> None:
    """Loss: an asset that a range leaves out shows a gap in the UI and is run again and again."""
    _, run = nights
    assert run.success, run.failures
    assert set(run.materialized) == ASSETS
    for asset, each in run.materialized.items():
        assert sorted(str(m.partition) for m in each) == [str(D1), str(D2), str(D3)], asset


def test_all_checks_were_made_and_see_what_is_planted(nights: Nights) -> None:
    """Loss: a check that is declared and never evaluated guards nothing and looks as if it did."""
    _, run = nights
    assert {asset for asset, name in run.checks if name == "contract"} == TABLE_ASSETS
    others = {name for _, name in run.checks} - {"contract"}
    assert {"every_row_accounted_for", "all_files_readable", "gold_consistent", "accepted"} <= others
    assert len([name for name in others if name.startswith("targets_")]) == len(FAMILIES)
    assert run.failed_checks == {("gold_set", "gold_unchallenged")}  # the sample has one wrong gold seed


@pytest.mark.parametrize("asset", sorted(TABLE_ASSETS))
def test_row_counts_are_those_of_the_lake(nights: Nights, asset: str) -> None:
    """Loss: a row count in the UI that is not the table's hides the night on which rows went missing."""
    folder, run = nights
    table = TABLES["kpis" if asset.startswith("kpis_") else "gates" if asset == "candidate" else asset]
    part = asset.removeprefix("kpis_") if asset.startswith("kpis_") else "part"
    import pyarrow.parquet as pq

    paths = [Lake(folder, "sample").path(table, day, part) for day in (D1, D2, D3)]
    rows = [pq.ParquetFile(path).metadata.num_rows for path in paths]
    shown = run.metadata(asset)
    assert (shown["dagster/partition_row_count"], shown["dagster/row_count"], shown["days"]) == (rows[-1], sum(rows), 3)


@pytest.mark.parametrize("asset", sorted(FIGURES))
def test_figures_and_a_small_plot_are_shown(nights: Nights, asset: str) -> None:
    """Loss: figures that are no floats are not charted, and a large picture makes the UI crawl."""
    shown = nights[1].metadata(asset)
    assert FIGURES[asset] <= set(shown)
    assert all(isinstance(shown[name], float) for name in FIGURES[asset])
    head, _, picture = shown["plot"].partition("base64,")
    assert head == f"![{D3}](data:image/png;"
    content = base64.b64decode(picture.removesuffix(")"))
    assert content.startswith(b"\x89PNG")
    assert len(content) < 12_000


def test_every_step_tells_what_it_took(nights: Nights) -> None:
    """Loss: a night that grew slow, or nearly too large for the machine, does not say in which of its steps."""
    _, run = nights
    took = [facts for facts in map(run.metadata, ASSETS) if "seconds" in facts]
    assert len(took) > len(ASSETS) / 3  # one asset of each step tells
    for facts in took:
        assert facts["cpu_seconds"] > 0
        assert 0 < facts["seconds"] < 600
        assert 50 < facts["peak_memory_mb"] < 20_000


def test_each_day_has_its_own_figures(nights: Nights) -> None:
    """Loss: after a backfill the UI charts a flat line, the last day's figure on every day."""
    folder, run = nights
    for asset, kpi in (("kpis_throughput", "annotations_per_day"), ("kpis_queue", "queue_size")):
        shown = {str(m.partition): m.metadata[kpi].value for m in run.materialized[asset]}
        rows = {str(d): partition(folder, "kpis", d, "sample") for d in (D1, D2, D3)}
        kept = {d: next(r["value"] for r in rs if (r["kpi"], r["dimension"]) == (kpi, "all")) for d, rs in rows.items()}
        assert shown == kept
    assert len(set(shown.values())) > 1, "three equal days would show nothing"
    counts = {str(m.partition): m.metadata["dagster/partition_row_count"].value for m in run.materialized["quarantine"]}
    assert counts == {str(d): len(partition(folder, "quarantine", d, "sample")) for d in (D1, D2, D3)}


def test_columns_have_their_lineage(nights: Nights) -> None:
    """Loss: nobody can follow a doubtful figure back to the answers it was made from."""
    lineage = nights[1].metadata("label_issues")["dagster/column_lineage"]
    assert [(d.asset_key.path[1], d.column_name) for d in lineage.deps_by_column["given_label"]] == [
        ("consensus_labels", "label")
    ]


def test_figures_agree_with_each_other(nights: Nights) -> None:
    """Loss: one night with two numbers for one thing, and nobody knows which to believe."""
    folder, run = nights
    intake = run.metadata("annotation_events")
    landings = partition(folder, "landings", D3, "sample")
    assert intake["landed"] == sum(r["landed"] for r in landings)
    assert intake["landed"] == intake["accepted"] + intake["quarantined"] + intake["duplicates"]
    assert intake["accepted"] == len(partition(folder, "annotation_events", D3, "sample"))
    consensus = partition(folder, "consensus_labels", D3, "sample")
    statuses = Counter(r["status"] for r in consensus)
    shown = run.metadata("consensus_labels")
    assert {name: shown[name] for name in statuses} == statuses
    kpis = {r["kpi"]: r["value"] for r in partition(folder, "kpis", D3, "sample") if r["dimension"] == "all"}
    assert run.metadata("kpis_accuracy")["label_accuracy"] == kpis["label_accuracy"]


def test_the_mart_is_the_lake(nights: Nights) -> None:
    """Loss: a dashboard that differs from the pipeline's own tables is trusted, and wrong."""
    folder, _ = nights
    tables = mart(folder.mart("sample"))
    newest = ("relabel_queue", "gold_set", "consensus_labels", "label_issues", "annotator_quality")
    for name in newest:
        expected = [(D3, *row.values()) for row in partition(folder, name, D3, "sample")]
        assert _plain(tables[name]) == _plain(expected), name
    for name in ("kpis", "quarantine", "landings", "gates"):
        rows = [(day, *row.values()) for day in (D1, D2, D3) for row in partition(folder, name, day, "sample")]
        assert sorted(map(repr, tables[name])) == sorted(map(repr, rows)), name


def _plain(rows: Any) -> list[Any]:
    return sorted((repr(row) for row in rows), key=str)


def test_what_is_published_can_be_trained_on(nights: Nights) -> None:
    """Loss: a published set that does not load, or that tests on what it learnt, spoils the model of the day."""
    folder, run = nights
    training = load_training_set("sample", data=folder.root)
    assert training.version == run.metadata("training_set")["LATEST"]
    assert training.version.startswith(str(D3))
    splits = {name: set(training.arrow(name)["item_id"].to_pylist()) for name in training.splits}
    assert set(splits) == {"train", "validation", "test"}
    assert all(splits.values())
    assert len(set().union(*splits.values())) == sum(map(len, splits.values()))


def test_every_day_has_a_report_and_nothing_is_left_over(nights: Nights) -> None:
    """Loss: a backfill without reports leaves nights nobody can look at; leftovers fill the disk."""
    folder, _ = nights
    assert all(folder.report("sample", day).stat().st_size > 10_000 for day in (D1, D2, D3))
    assert not list(folder.root.rglob(f"{TEMPORARY}*"))
