"""What Dagster loads: one graph a project, and a broken project file that stops no other."""

from __future__ import annotations

import importlib

import dagster as dg
import pytest

from label_pipeline.contracts.tables import TABLES
from label_pipeline.folders import DataFolder
from label_pipeline.orchestration.assets_kpis import FAMILIES
from label_pipeline.orchestration.build import build_definitions
from label_pipeline_tests.orchestration.runs import pets, write

ONLY_NUMBERS = {"consensus_numbers"}
ONLY_CLASSES = {name for name in TABLES if name.startswith("guideline_")} | {"kpis_lift"}
TABLE_ASSETS = (
    (set(TABLES) - {"kpis", "gates"} - ONLY_NUMBERS) | {f"kpis_{family}" for family in FAMILIES} | {"candidate"}
)
ASSETS = TABLE_ASSETS | {"training_set", "mart", "report"}
ISSUE_ASKS = {
    "annotation_events",
    "items",
    "quarantine",
    "predictions",
    "consensus_labels",
    "annotator_quality",
    "label_issues",
    "relabel_queue",
    "gold_set",
    "training_set",
    "mart",
}


@pytest.fixture
def definitions(folder: DataFolder) -> dg.Definitions:
    """Two projects: `pets`, and `toys` whose file has a mistake."""
    pets(folder.root, days=0)
    mistaken = "project: toys\nstart: 2026-10-05\nlabels: {clases: [a, b]}\nsources: {s: {format: csv}}\n"
    write(folder.project_file("toys"), mistaken)
    return build_definitions(folder)


def specs(definitions: dg.Definitions, project: str) -> dict[str, dg.AssetSpec]:
    every = definitions.resolve_all_asset_specs()
    return {spec.key.path[1]: spec for spec in every if spec.key.path[0] == project}


def test_everything_loads(definitions: dg.Definitions) -> None:
    """Loss: a graph that does not load is a UI without any project, and a night without a run."""
    dg.Definitions.validate_loadable(definitions)
    assert ISSUE_ASKS <= ASSETS
    assert set(specs(definitions, "pets")) == ASSETS


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        ("type: ordinal, classes: [low, high]", ASSETS),
        ("type: multi_label, classes: [a, b]", ASSETS - ONLY_CLASSES),
        ("type: number, tolerance: 0.5", ASSETS - ONLY_CLASSES | ONLY_NUMBERS),
    ],
)
def test_every_type_with_a_consensus_has_one_graph(folder: DataFolder, labels: str, expected: set[str]) -> None:
    """Loss: a project of ratings, sets or numbers that has no queue, no figures or no training set."""
    text = f"project: one\nstart: 2026-10-05\nlabels: {{{labels}}}\nsources: {{s: {{format: csv}}}}\n"
    write(folder.project_file("one"), text)
    assert set(specs(build_definitions(folder), "one")) == expected


def test_a_folder_without_projects_loads(folder: DataFolder) -> None:
    """Loss: on the first day there is no project yet, and the UI must open all the same."""
    dg.Definitions.validate_loadable(build_definitions(folder))


def test_what_dagster_loads_is_the_data_folder(folder: DataFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    """Loss: servers that load another folder than the command line works on show an empty or a wrong project."""
    pets(folder.root, days=0)
    monkeypatch.setenv("LABEL_PIPELINE_DATA", str(folder.root))
    module = importlib.reload(importlib.import_module("label_pipeline.definitions"))
    assert set(specs(module.defs, "pets")) == ASSETS


def test_assets_are_grouped_owned_and_described(definitions: dg.Definitions) -> None:
    """Loss: a graph of thirty assets without groups, owners and meaning is one nobody on call can read."""
    found = specs(definitions, "pets")
    assert {spec.group_name for spec in found.values()} == {"intake", "labels", "loop", "guidelines", "kpis", "publish"}
    assert {tuple(spec.owners) for spec in found.values()} == {("team:labels",)}
    assert all(spec.description for spec in found.values())


@pytest.mark.parametrize("asset", ["consensus_labels", "kpis_accuracy", "quarantine"])
def test_tables_show_their_columns(definitions: dg.Definitions, asset: str) -> None:
    """Loss: an analyst who cannot see a table's columns, kinds and meaning in the UI guesses them."""
    table = TABLES.get(asset, TABLES["kpis"])
    schema = specs(definitions, "pets")[asset].metadata["dagster/column_schema"]
    assert [c.name for c in schema.columns] == table.names
    assert [c.constraints.nullable for c in schema.columns] == [c.nullable for c in table.columns]
    assert all(c.description for c in schema.columns)


def test_every_table_has_a_blocking_contract(definitions: dg.Definitions) -> None:
    """Loss: a table without a contract lets a faulty kernel's rows through to a training job."""
    checks = definitions.resolve_asset_graph().asset_check_keys
    contracts = {key.asset_key.path[1] for key in checks if key.name == "contract"}
    assert contracts == TABLE_ASSETS
    graph = definitions.resolve_asset_graph()
    assert all(graph.get_check_spec(key).blocking for key in checks if key.name == "contract")


def test_a_backfill_is_one_run_in_one_process(definitions: dg.Definitions) -> None:
    """Loss: a run a day may walk the days out of order, and pays every import again on each of them."""
    graph = definitions.resolve_asset_graph()
    for key in (dg.AssetKey(["pets", name]) for name in ASSETS):
        node = graph.get(key)
        assert node.backfill_policy == dg.BackfillPolicy.single_run()
        assert node.pools == {"project_pets"}
    assert definitions.resolve_job_def("nightly__pets").executor_def.name == "alone_in_process"


def test_days_end_in_the_project_timezone(definitions: dg.Definitions) -> None:
    """Loss: partitions in another timezone name another day than the landing folder."""
    partitions = definitions.resolve_asset_graph().get(dg.AssetKey(["pets", "mart"])).partitions_def
    assert isinstance(partitions, dg.DailyPartitionsDefinition)
    assert partitions.timezone == "Europe/Berlin"
    assert partitions.get_first_partition_key() == "2026-10-05"


def test_an_ended_project_has_no_more_days(folder: DataFolder) -> None:
    """Loss: a project that ended would be due every night for ever."""
    pets(folder.root, days=0)
    path = folder.project_file("pets")
    write(path, path.read_text() + "end: 2026-10-09\n")
    partitions = build_definitions(folder).resolve_asset_graph().get(dg.AssetKey(["pets", "mart"])).partitions_def
    assert partitions is not None
    assert partitions.get_partition_keys() == [f"2026-10-{d:02d}" for d in range(5, 10)]


def test_schedule_and_sensor_run_by_themselves(definitions: dg.Definitions) -> None:
    """Loss: a schedule that somebody must first switch on is a night that does not happen."""
    repository = definitions.get_repository_def()
    assert [(s.name, s.cron_schedule, s.execution_timezone) for s in repository.schedule_defs] == [
        ("nightly__pets__schedule", "30 2 * * *", "Europe/Berlin")
    ]
    assert repository.schedule_defs[0].default_status == dg.DefaultScheduleStatus.RUNNING
    assert {s.name: s.default_status for s in repository.sensor_defs} == {
        "nightly__pets__landing": dg.DefaultSensorStatus.RUNNING,
        "standing__pets": dg.DefaultSensorStatus.RUNNING,
        "killed_runs": dg.DefaultSensorStatus.RUNNING,
    }


def test_a_broken_project_file_is_one_failing_asset(definitions: dg.Definitions) -> None:
    """Loss: one person's typo would stop everybody's night, or vanish without a word."""
    found = specs(definitions, "toys")
    assert set(found) == {"project_file"}
    words = "labels.clases: unknown field. Did you mean 'classes'?"
    assert words in str(found["project_file"].description)
    broken = definitions.resolve_assets_def(dg.AssetKey(["toys", "project_file"]))
    with dg.DagsterInstance.ephemeral() as instance:
        result = dg.materialize([broken], instance=instance, raise_on_error=False)
    assert not result.success
    failure = result.failure_data_for_node("toys__project_file").user_failure_data
    assert failure is not None
    assert words in failure.description
    assert failure.description.startswith("projects/toys/project.yaml:3: ")


def test_project_names_with_signs_are_no_clash(folder: DataFolder) -> None:
    """Loss: `a-b` and `a_b` are both names; one Dagster name for both would load neither."""
    for name in ("a-b", "a_b", "7", "c-d", "c_d"):
        start = "some day" if name.startswith("c") else "2026-10-05"
        text = f"project: {name}\nstart: {start}\nlabels: {{classes: [x, y]}}\nsources: {{s: {{format: csv}}}}\n"
        write(folder.project_file(name), text)
    definitions = build_definitions(folder)
    dg.Definitions.validate_loadable(definitions)
    assert len(specs(definitions, "a-b")) == len(specs(definitions, "a_b")) == len(ASSETS)
    assert set(specs(definitions, "c-d")) == set(specs(definitions, "c_d")) == {"project_file"}
