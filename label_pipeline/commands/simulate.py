"""`simulate`: the sample project, made by the seeded simulator."""

from __future__ import annotations

import argparse

from label_pipeline.clock import parse_day
from label_pipeline.folders import DataFolder
from label_pipeline.simulate import simulate_project


def run(arguments: argparse.Namespace) -> int:
    """Write the sample project into the data folder and say what was planted in it."""
    folder = DataFolder.choose(arguments.data)
    planted = simulate_project(
        folder.root,
        seed=arguments.seed,
        days=arguments.days,
        items=arguments.items,
        start=parse_day(arguments.start),
    )
    print(f"Project 'sample' is in {folder.place}: {planted.landed} answers in {arguments.days} landing days.")
    print("Planted: " + ", ".join(f"{name} {n}" for name, n in {**planted.quarantined, **planted.duplicates}.items()))
    print("Next: label-pipeline nightly --project sample")
    return 0
