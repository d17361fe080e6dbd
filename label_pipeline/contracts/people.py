"""Which columns are about people: pseudonyms, words that may name one, and what only one person's answer has.

A view for readers who are to find nothing about annotators leaves them out. Shapes only, as the tables themselves.
"""

from __future__ import annotations

from dataclasses import replace

from label_pipeline.contracts.table import Table

ABOUT_PEOPLE: dict[str, tuple[str, ...]] = {
    "annotation_events": (
        *("event_id", "annotation_id", "annotator_id"),  # ids are made of the pseudonym, or the tool's of its person
        *("started_at", "annotated_at", "duration_s", "duration_source", "landed_file", "landed_row"),
    ),
    "logins": ("login", "annotator_id", "key"),
    "quarantine": ("reason", "raw"),
    "landed_predictions": ("model",),  # an annotator who is a model
    "predictions": ("model",),
    "annotator_quality": ("annotator_id",),
    "annotator_standing": ("annotator_id", "reason"),
    "gold_scores": ("annotator_id",),
    "gold_set": ("evidence", "challenge"),
    "gold_asks": ("words", "exclude_annotators"),
    "relabel_queue": ("reason", "ask_annotators", "exclude_annotators"),
    "batches": ("exclude_annotators",),
    "dispatches": ("exclude_annotators", "answered_by"),
    "gates": ("overridden",),  # who signed for it
}


def without_people(table: Table) -> Table:
    """The table without its columns about people; its rows keep the order of the whole key."""
    left_out = ABOUT_PEOPLE.get(table.name, ())
    return replace(table, columns=tuple(c for c in table.columns if c.name not in left_out))
