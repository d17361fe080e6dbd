"""The tables: columns, types, keys and meaning, one registry for lake, mart, UI and documentation.

Column types are Arrow's. A table's rows are sorted by its key, so that equal content is equal bytes.
The shapes stand in `tables_*`, by stage; here they are gathered, in the order in which people read them.
"""

from label_pipeline.contracts.table import Column, Table
from label_pipeline.contracts.tables_guidelines import (
    GUIDELINE_AGREEMENT,
    GUIDELINE_CHANGES,
    GUIDELINE_CONFUSIONS,
    GUIDELINE_EXAMPLES,
    GUIDELINE_VERSIONS,
)
from label_pipeline.contracts.tables_intake import (
    ANNOTATION_EVENTS,
    INTAKE,
    ITEMS,
    LANDED_PREDICTIONS,
    LANDINGS,
    LOGINS,
    PREDICTIONS,
    QUARANTINE,
)
from label_pipeline.contracts.tables_labels import (
    ANNOTATOR_QUALITY,
    CONSENSUS_EVIDENCE,
    CONSENSUS_LABELS,
    CONSENSUS_NUMBERS,
    LABEL_ISSUES,
)
from label_pipeline.contracts.tables_loop import (
    ANNOTATOR_STANDING,
    BATCHES,
    DISPATCHES,
    GOLD_ASKS,
    GOLD_PLAN,
    GOLD_SCORES,
    GOLD_SET,
    RELABEL_OUTCOMES,
    RELABEL_QUEUE,
)
from label_pipeline.contracts.tables_night import GATES, KPIS, SPLITS

TABLES: dict[str, Table] = {
    t.name: t
    for t in (
        LANDINGS,
        ANNOTATION_EVENTS,
        QUARANTINE,
        ITEMS,
        LANDED_PREDICTIONS,
        LOGINS,
        PREDICTIONS,
        CONSENSUS_LABELS,
        CONSENSUS_NUMBERS,
        CONSENSUS_EVIDENCE,
        ANNOTATOR_QUALITY,
        LABEL_ISSUES,
        RELABEL_QUEUE,
        RELABEL_OUTCOMES,
        BATCHES,
        DISPATCHES,
        GOLD_SET,
        GOLD_ASKS,
        GOLD_PLAN,
        ANNOTATOR_STANDING,
        GOLD_SCORES,
        GUIDELINE_VERSIONS,
        GUIDELINE_AGREEMENT,
        GUIDELINE_CONFUSIONS,
        GUIDELINE_CHANGES,
        GUIDELINE_EXAMPLES,
        KPIS,
        SPLITS,
        GATES,
    )
}

PRUNABLE = (QUARANTINE.name, *(t.name for t in TABLES.values() if t.as_of and t not in (KPIS, GATES)))
"""The tables whose old days may go: no later day is made from them, or what it is made from can be made again."""

__all__ = [
    "ANNOTATION_EVENTS",
    "ANNOTATOR_QUALITY",
    "ANNOTATOR_STANDING",
    "BATCHES",
    "CONSENSUS_EVIDENCE",
    "CONSENSUS_LABELS",
    "CONSENSUS_NUMBERS",
    "DISPATCHES",
    "GATES",
    "GOLD_ASKS",
    "GOLD_PLAN",
    "GOLD_SCORES",
    "GOLD_SET",
    "GUIDELINE_AGREEMENT",
    "GUIDELINE_CHANGES",
    "GUIDELINE_CONFUSIONS",
    "GUIDELINE_EXAMPLES",
    "GUIDELINE_VERSIONS",
    "INTAKE",
    "ITEMS",
    "KPIS",
    "LABEL_ISSUES",
    "LANDED_PREDICTIONS",
    "LANDINGS",
    "LOGINS",
    "PREDICTIONS",
    "PRUNABLE",
    "QUARANTINE",
    "RELABEL_OUTCOMES",
    "RELABEL_QUEUE",
    "SPLITS",
    "TABLES",
    "Column",
    "Table",
]
