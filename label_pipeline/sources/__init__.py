"""Adapters: one small file an export format, registered by name, each turning a landed file into answers.

An adapter reads; it decides nothing. What answers mean for the project (classes, pseudonyms, rules,
duplicates) is `ingest`'s. To add one: write a module with `read(con, path, source, fields) -> Reading` and
name it in `ADAPTERS` and in `project_sources.SourceFormat`.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

from label_pipeline.project_sources import Source
from label_pipeline.sources.reading import Reading

ADAPTERS = {
    "csv": "tabular",
    "jsonl": "tabular",
    "parquet": "tabular",
    "mturk_csv": "mturk",
    "label_studio_json": "label_studio",
    "label_studio_min": "label_studio_min",
    "label_studio_csv": "label_studio_csv",
    "argilla": "argilla",
    "prodigy": "prodigy",
    "doccano": "doccano",
    "cvat": "cvat",
    "ground_truth_manifest": "ground_truth",
    "ground_truth_responses": "ground_truth",
    "labelbox": "labelbox",
    "toloka": "toloka",
    "appen": "appen",
    "items": "items",
    "predictions": "predictions",
}

Adapter = Callable[[Any, Path, Source, tuple[str, ...]], Reading]


def adapter(format_name: str) -> Adapter:
    """The adapter of a format that the project model has already checked."""
    module = import_module(f"label_pipeline.sources.{ADAPTERS[format_name]}")
    read: Adapter = module.read
    return read
