"""`check`: may a model be trained on a version? Asked by training repositories' pipelines: 0 yes, 1 no, 2 bad input."""

from __future__ import annotations

import argparse
import json
from typing import Any

from label_pipeline import clock
from label_pipeline.cli import OK, STOPPED
from label_pipeline.publish.load import TrainingSet, load_training_set
from label_pipeline.publish.manifest import UnfitError
from label_pipeline.publish.require import numbers


def run(arguments: argparse.Namespace) -> int:
    """Load the version as a training job would, and say what came of it."""
    require = [expression for given in arguments.require for expression in given.split(",")]
    try:
        training = load_training_set(arguments.project, arguments.version, arguments.data, require)
    except UnfitError as unfit:
        told: dict[str, Any] = {"project": arguments.project, "ok": False, "why": unfit.text()}
        print(json.dumps(told) if arguments.json else f"no: {unfit.text()}")
        return STOPPED
    figures = numbers(training.manifest, clock.today("UTC"))
    if arguments.json:
        about = {"project": arguments.project, "ok": True, "version": training.version, "path": str(training.path)}
        print(json.dumps(about | {"figures": figures}))
        return OK
    print(f"yes: {_words(training, figures)}")
    for expression in require:
        print(f"  {expression.strip()}")
    return OK


def _words(training: TrainingSet, figures: dict[str, Any]) -> str:
    rows = ", ".join(f"{n} {split}" for split, n in training.manifest["counts"]["by_split"].items())
    warned, signed = figures["gates_failed"] - figures["gates_overridden"], figures["gates_overridden"]
    gates = f"{warned} gates warn" + (f", {signed} overridden" if signed else "")
    return f"{training.version}, {figures['age_days']} days old, every checksum right; {rows}; {gates}"
