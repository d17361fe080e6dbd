"""`init`: a project file made from a table of annotations, and the table landed."""

from __future__ import annotations

import argparse
import shutil
from datetime import date
from pathlib import Path
from typing import Any

import yaml

from label_pipeline.clock import last_night
from label_pipeline.errors import UserError, nearest
from label_pipeline.files import replacing_folder
from label_pipeline.folders import DataFolder
from label_pipeline.landing import land
from label_pipeline.project import NAME, load_project, parse_project
from label_pipeline.project_sources import Source
from label_pipeline.sources.landed import open_table
from label_pipeline.sql import connect

MOST_CLASSES = 1000
SOURCE = "table"


def run(arguments: argparse.Namespace) -> int:
    """Write the project file and land the table on the last day that is over, so that `nightly` takes it in."""
    folder = DataFolder.choose(arguments.data)
    name, table = str(arguments.project), Path(arguments.table)
    if not NAME.fullmatch(name):
        raise UserError(f"'{name}' is not a project name", rule="project", do="Use small letters, digits, '-' and '_'.")
    if folder.project(name).exists():
        raise UserError(f"project '{name}' is there already", do="Choose another name, or `land` the table into it.")
    if not table.is_file():
        raise UserError(f"there is no file '{table}'", rule="--from")
    wanted = {
        "item": arguments.item,
        "annotator": arguments.annotator,
        "label": arguments.label,
        "annotated-at": arguments.annotated_at,
        "text": arguments.text,
    }
    day = last_night("UTC")
    text = project_file(name, table, {k: v for k, v in wanted.items() if v}, day)
    parse_project(text, f"{name}/project.yaml")
    with replacing_folder(folder.project(name)) as beside:
        (beside / "project.yaml").write_text(text, encoding="utf-8")
    project = load_project(folder, name)
    try:
        land(folder, project, [table], SOURCE, day)
    except BaseException:
        shutil.rmtree(folder.project(name))
        raise
    print(f"Project file: {folder.told(folder.project_file(name))}\nLanded: {table.name} on {day}, source '{SOURCE}'")
    print(f"Next: label-pipeline nightly --project {name}")
    return 0


def project_file(name: str, table: Path, columns: dict[str, str], day: date) -> str:
    """The text of a project file for a table, its classes the labels found in it."""
    endings = {".csv": "csv", ".tsv": "csv", ".jsonl": "jsonl", ".ndjson": "jsonl", ".parquet": "parquet"}
    kind = endings.get(table.suffix.lower())
    if kind is None:
        raise UserError(f"'{table.name}' is no table", rule="--from", do="Give a .csv, .tsv, .jsonl or .parquet file.")
    source: dict[str, Any] = {"format": kind, "item": columns["item"], "label": columns["label"]}
    source["annotator"] = columns["annotator"]
    if table.suffix.lower() == ".tsv":
        source["delimiter"] = "\t"
    if "annotated-at" in columns:
        source["annotated_at"] = columns["annotated-at"]
    document: dict[str, Any] = {
        "project": name,
        "start": day.isoformat(),
        "labels": {"classes": _classes(table, Source(**source), columns)},
        "sources": {SOURCE: source},
    }
    if "text" in columns:
        document["items"] = {"fields": [columns["text"]], "text": columns["text"]}
        document["predictions"] = {"baseline": {"text": columns["text"]}}
    return str(yaml.safe_dump(document, sort_keys=False, allow_unicode=True, default_flow_style=None, width=100))


def _classes(table: Path, source: Source, columns: dict[str, str]) -> list[str]:
    """The labels of the table in order of their spelling; a column that is no label column is refused."""
    try:
        with connect() as con:
            present, _ = open_table(con, table, source)
            for option, column in columns.items():
                if column not in present:
                    do = nearest(column, present)
                    raise UserError(f"there is no column '{column}'", rule=f"--{option}", do=do)
            label = f"trim({present.text(columns['label'])})"
            query = f"SELECT DISTINCT {label} AS label FROM landed_rows WHERE {label} <> '' ORDER BY label"
            found = [str(row[0]) for row in con.execute(query + f" LIMIT {MOST_CLASSES + 1}").fetchall()]
    except UserError as error:
        raise UserError(error.what, where=table.name, rule=error.rule, do=error.do) from None
    if len(found) > MOST_CLASSES:
        raise UserError(
            f"column '{columns['label']}' has more than {MOST_CLASSES} values", where=table.name, rule="--label"
        )
    if len(found) < 2:
        raise UserError(f"column '{columns['label']}' has fewer than two labels", where=table.name, rule="--label")
    return found
