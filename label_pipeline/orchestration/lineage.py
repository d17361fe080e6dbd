"""Which columns a column is made from, as the UI's column lineage draws it.

Here belongs what a reader would trace by hand: from a figure or a label back to the answers behind it. Identifiers
that pass through unchanged come by themselves: a column of a key that an upstream table also has. Columns that are not
listed rest on the whole of their upstream tables.
"""

import dagster as dg

from label_pipeline.contracts.tables import TABLES, Table

ANSWERS = ("annotation_events.label", "annotation_events.annotator_id", "annotation_events.status")
CONSENSUS = (*ANSWERS, "gold_set.label", "gold_set.role", "predictions.probabilities", "annotator_standing.state")
DOUBT = ("consensus_labels.label", "predictions.probabilities")

DERIVED: dict[str, dict[str, tuple[str, ...]]] = {
    "predictions": {"probabilities": ("landed_predictions.probabilities", "items.payload", "annotation_events.label")},
    "consensus_labels": {
        **dict.fromkeys(("label", "voted_label", "voted_confidence", "probabilities"), CONSENSUS),
        **dict.fromkeys(("confidence", "status"), CONSENSUS),
        "agreement": ANSWERS,
        "n_annotations": ANSWERS,
        "settled_on": (*CONSENSUS, "annotation_events.landed_file"),
    },
    "annotator_quality": {
        "quality": ("consensus_labels.probabilities", *ANSWERS),
        "agreement_with_consensus": ("consensus_labels.label", *ANSWERS),
        "gold_accuracy": ("gold_set.label", *ANSWERS),
        "confusion": ("consensus_labels.probabilities", *ANSWERS),
        "median_duration_s": ("annotation_events.duration_s",),
        "group": ("annotation_events.annotator_id",),
    },
    "label_issues": {
        "given_label": ("consensus_labels.label",),
        "suggested_label": ("predictions.probabilities",),
        "label_quality": DOUBT,
        "is_issue": DOUBT,
    },
    "relabel_queue": {
        "value": ("consensus_labels.probabilities", "consensus_labels.n_annotations", "annotator_quality.quality"),
        "reason": ("consensus_labels.confidence", "label_issues.label_quality", *ANSWERS),
        "route": ("consensus_labels.status", "consensus_labels.n_annotations"),
        "suggested_label": ("label_issues.suggested_label",),
        "exclude_annotators": ("annotation_events.annotator_id",),
    },
    "gold_set": {"label": ("annotation_events.label",), "challenge": ANSWERS},
    "gold_plan": {"accuracy": ("consensus_labels.voted_label", "gold_set.label"), "evaluation": ("gold_set.role",)},
    "splits": {"split": ("gold_set.role", "items.content_hash")},
    "kpis_accuracy": {
        "value": ("consensus_labels.voted_label", "consensus_labels.confidence", "gold_set.label", *ANSWERS)
    },
    "kpis_agreement": {"value": ANSWERS},
    "kpis_throughput": {
        "value": ("annotation_events.annotated_at", "annotation_events.duration_s", "consensus_labels.settled_on")
    },
    "kpis_turnaround": {
        "value": ("items.arrived_at", "annotation_events.annotated_at", "consensus_labels.settled_on")
    },
    "kpis_noise": {"value": ("consensus_labels.status", "label_issues.is_issue")},
    "kpis_queue": {"value": ("relabel_queue.route", "relabel_queue.within_budget", "relabel_outcomes.achieved")},
    "kpis_drift": {"value": ("consensus_labels.label", "consensus_labels.settled_on", *ANSWERS)},
    "kpis_cost": {"value": ("annotation_events.duration_s", "annotation_events.status", "consensus_labels.status")},
    "kpis_fairness": {
        "value": ("consensus_labels.voted_label", "gold_set.label", "label_issues.is_issue", *ANSWERS)
    },
    "kpis_lift": {
        "value": ("items.payload", "consensus_labels.label", "consensus_labels.confidence", "label_issues.is_issue",
                  "gold_set.label", "annotation_events.label")
    },
    "candidate": {
        "observed": ("consensus_labels.label", "gold_set.role", "landings.quarantined", "kpis_accuracy.value",
                     "kpis_agreement.value"),
        "passed": ("kpis_accuracy.status", "kpis_agreement.status"),
    },
}  # fmt: skip
"""By asset and column, what the column is made from, as `asset.column`."""


def column_lineage(project: str, asset: str, table: Table, after: tuple[str, ...]) -> dg.TableColumnLineage | None:
    """The lineage of an asset's columns; `after` are the assets it reads. None where nothing is known."""
    derived = DERIVED.get(asset, {})
    by_column: dict[str, list[dg.TableColumnDep]] = {}
    for name in table.names:
        sources = [tuple(source.split(".")) for source in derived.get(name, ())]
        if not sources and name in table.key:
            sources = [(above, name) for above in after if above in TABLES and name in TABLES[above].key]
        if sources:
            by_column[name] = [
                dg.TableColumnDep(asset_key=dg.AssetKey([project, above]), column_name=column)
                for above, column in sources
            ]
    return dg.TableColumnLineage(by_column) if by_column else None
