"""`diff`: what changed between two versions of a training set, in numbers and item by item."""

from __future__ import annotations

import argparse
import json

from label_pipeline.cli import OK
from label_pipeline.commands.columns import print_columns
from label_pipeline.folders import DataFolder
from label_pipeline.publish import manifest as manifests
from label_pipeline.publish.compare import KINDS, Difference, compare

HEAD = ("change", "item", "label", "confidence", "split")
SHOWN_PAIRS = 10


def run(arguments: argparse.Namespace) -> int:
    """Print the summary and the items that changed most; all of them as JSON."""
    folder = DataFolder.choose(arguments.data).published(arguments.project)
    before, after = (folder / manifests.find(folder, asked) for asked in (arguments.before, arguments.after))
    found = compare(before, after, least=arguments.least)
    if arguments.json:
        print(json.dumps({"before": found.before, "after": found.after, "counts": found.counts, "items": found.rows}))
        return OK
    _print(found, arguments.limit)
    return OK


def _print(found: Difference, limit: int) -> None:
    print(f"{found.before} -> {found.after}")
    for kind in (*KINDS, "same"):
        if found.counts[kind]:
            print(f"  {kind:<12}{found.counts[kind]:>9,}")
    for (before, after), n in list(found.relabelled.items())[:SHOWN_PAIRS]:
        print(f"  {before} -> {after}: {n}")
    if found.rows:
        print()
        print_columns([HEAD, *(_line(row) for row in found.rows[:limit])])
    if len(found.rows) > limit:
        print(f"... and {len(found.rows) - limit:,} more: --limit N, or --json for all")


def _line(row: dict[str, object]) -> tuple[str, ...]:
    return str(row["change"]), str(row["item_id"]), *(_step(row, of) for of in ("label", "confidence", "split"))


def _step(row: dict[str, object], of: str) -> str:
    ends = [_word(row[f"{of}_before"]), _word(row[of])]
    there = {"added": ends[1:], "removed": ends[:1]}.get(str(row["change"]), ends)
    return " -> ".join(dict.fromkeys(there))


def _word(value: object) -> str:
    return "-" if value is None else f"{value:.3f}" if isinstance(value, float) else str(value)
