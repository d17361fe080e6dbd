"""Column lineage: every source is a column of a table that the asset rests on."""

from __future__ import annotations

from pathlib import Path

import dagster as dg

from label_pipeline.contracts.tables import TABLES
from label_pipeline.orchestration.build import build_definitions
from label_pipeline.orchestration.lineage import DERIVED, column_lineage
from label_pipeline_tests.orchestration.runs import pets


def table_of(asset: str) -> str:
    return "kpis" if asset.startswith("kpis_") else "gates" if asset == "candidate" else asset


def test_every_source_is_a_column_of_an_asset_upstream(tmp_path: Path) -> None:
    """Loss: the UI sends somebody who looks for the cause of a wrong label to a column that had no part in it."""
    graph = build_definitions(pets(tmp_path, days=0)).resolve_asset_graph()
    for asset, columns in DERIVED.items():
        above = {key.path[1] for key in graph.get_ancestor_asset_keys(dg.AssetKey(["pets", asset]))} | {asset}
        for column, sources in columns.items():
            assert column in TABLES[table_of(asset)].names, (asset, column)
            for source in sources:
                name, its = source.split(".")
                assert name in above, (asset, source)
                assert its in TABLES[table_of(name)].names, (asset, source)


def test_identifiers_pass_through() -> None:
    """Loss: a table whose item_id leads nowhere, so that nobody finds the answers behind a row."""
    lineage = column_lineage("pets", "label_issues", TABLES["label_issues"], ("consensus_labels", "predictions"))
    assert lineage is not None
    deps = {name: [(d.asset_key.path[1], d.column_name) for d in deps] for name, deps in lineage.deps_by_column.items()}
    assert deps["item_id"] == [("consensus_labels", "item_id"), ("predictions", "item_id")]
    assert deps["given_label"] == [("consensus_labels", "label")]
    assert "kind" not in deps
    assert column_lineage("pets", "landings", TABLES["landings"], ()) is None
