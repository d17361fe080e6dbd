"""`check`: may a model be trained on a version? Asked by training repositories' pipelines: 0 yes, 1 no, 2 bad input."""

from __future__ import annotations

import argparse
import json
from typing import Any

from label_pipeline import clock
from label_pipeline.cli import BAD_INPUT, OK, STOPPED
from label_pipeline.errors import UserError
from label_pipeline.publish.load import TrainingSet, load_training_set
from label_pipeline.publish.manifest import UnfitError
from label_pipeline.publish.require import numbers


def run(arguments: argparse.Namespace) -> int:
    """Load the version as a training job would, and say what came of it."""
    require = [expression.strip() for given in arguments.require for expression in given.split(",")]
    try:
        training = load_training_set(arguments.project, arguments.version, arguments.data, require)
    except UserError as error:
        code = STOPPED if isinstance(error, UnfitError) else BAD_INPUT
        if arguments.json:
            print(json.dumps({"project": arguments.project, "ok": False, "code": code, **_why(error)}))
        elif code == BAD_INPUT:
            raise
        else:
            print(f"no: {error.text()}")
        return code
    figures = numbers(training.manifest, clock.today("UTC"))
    if arguments.json:
        about = {"project": arguments.project, "ok": True, "code": OK}
        print(json.dumps(about | {"version": training.version, "path": str(training.path), "figures": figures}))
        return OK
    print(f"yes: {_words(training, figures)}")
    for expression in require:
        print(f"  {expression}")
    return OK


def _why(error: UserError) -> dict[str, Any]:
    return {"why": error.text(), "unmet": list(error.unmet) if isinstance(error, UnfitError) else []}


def _words(training: TrainingSet, figures: dict[str, Any]) -> str:
    rows = ", ".join(f"{n:,} {split}" for split, n in training.manifest["counts"]["by_split"].items())
    said = [f"{figures['age_days']} days old", "every checksum right", rows]
    gates = {name.removeprefix("gate."): state for name, state in figures.items() if name.startswith("gate.")}
    for state, words in (("failed", "warnings of"), ("overridden", "overridden")):
        named = [name for name, of in gates.items() if of == state]
        said += [f"{words} {', '.join(named)}"] if named else []
    return f"{training.version}; " + "; ".join(said)
