"""What landed on a day: files, answers, items, predictions, and what was not accepted.

Shapes only; rules on values stand in `rules`.
"""

from label_pipeline.contracts.table import Table, always, maybe

LANDINGS = Table(
    "landings",
    "One landed file: what was found in it and what became of every row.",
    ("landed_file",),
    (
        always("landed_file", "text", "source/name below the day's landing folder"),
        always("source", "text", "source of the project file"),
        always("sha256", "text", "checksum of the file"),
        always("bytes", "integer", "size of the file"),
        always("landed", "integer", "answers found; an unreadable file counts as one"),
        always("accepted", "integer", "answers kept as annotation events"),
        always("quarantined", "integer", "answers that broke a rule"),
        always("duplicates", "integer", "answers that had been accepted before"),
        maybe("problem", "text", "why the file could not be read"),
    ),
    as_of=False,
)

ANNOTATION_EVENTS = Table(
    "annotation_events",
    "One version of one annotator's answer on one item, as it landed.",
    ("event_id",),
    (
        always("event_id", "text", "hash of the content: the same answer delivered twice has one id"),
        always("source", "text", "source of the project file"),
        always("annotation_id", "text", "the tool's id, or one made of item and annotator"),
        always("item_id", "text", "the thing labelled"),
        always("annotator_id", "text", "pseudonym of who labelled"),
        maybe("label", "text", "class of the project; empty unless submitted or rejected"),
        always("status", "text", "submitted, skipped, rejected or deleted"),
        always("is_gold_check", "flag", "the tool marked it as a gold answer"),
        maybe("started_at", "time", "when the annotator began"),
        maybe("annotated_at", "time", "when the answer was given or last changed"),
        maybe("duration_s", "float", "seconds spent"),
        always("duration_source", "text", "measured, accept_submit, suite_divided or none"),
        maybe("guideline_version", "text", "guideline in force"),
        maybe("batch_id", "text", "batch the item was sent in"),
        always("landed_file", "text", "where it was read"),
        always("landed_row", "integer", "row of the file, from 1; several answers may share one"),
    ),
    as_of=False,
    as_given=True,
    coded=(
        *("source", "annotator_id", "label", "status", "duration_source", "guideline_version", "batch_id"),
        "landed_file",
    ),
)

QUARANTINE = Table(
    "quarantine",
    "One landed answer, or one unreadable file, that broke a rule.",
    ("landed_file", "landed_row", "answer"),
    (
        always("landed_file", "text", "where it was read"),
        always("landed_row", "integer", "row of the file, from 1; 0 for the whole file"),
        always("answer", "integer", "which answer of the row, from 1; 0 for the whole file"),
        always("source", "text", "source of the project file"),
        always("rule", "text", "name of the first rule it broke"),
        always("column", "text", "column the rule is about"),
        always("reason", "text", "the rule in words, with the value"),
        always("raw", "text", "the declared fields as JSON, annotator as pseudonym"),
    ),
    as_of=False,
)

ITEMS = Table(
    "items",
    "One version of one item's declared fields, as it landed.",
    ("item_id",),
    (
        always("item_id", "text", "the thing labelled"),
        always("payload", "text", "declared fields as JSON"),
        maybe("arrived_at", "time", "when the item came into being, where a field says so"),
        always("content_hash", "text", "hash of the payload"),
        always("landed_file", "text", "where it was read"),
    ),
    as_of=False,
)

PREDICTIONS = Table(
    "predictions",
    "A model's class probabilities for an item.",
    ("item_id", "model"),
    (
        always("item_id", "text", "the thing labelled"),
        always("model", "text", "name of the model"),
        always("probabilities", "floats", "one a class, in the project's order; they sum to one"),
    ),
)

LOGINS = Table(
    "logins",
    "A login that answered on the day, by a pseudonym of its own, and the annotator whose it is.",
    ("login",),
    (
        always("login", "text", "pseudonym of the source and the identity there"),
        always("annotator_id", "text", "pseudonym of the roster's person; the login's own where it names none"),
        always("key", "text", "which pseudonym key made them: 8 hexadecimal digits that tell keys apart"),
    ),
    as_of=False,
)

LANDED_PREDICTIONS = Table(
    "landed_predictions",
    "A model's class probabilities for an item, as they landed.",
    ("item_id", "model"),
    (*PREDICTIONS.columns, always("landed_file", "text", "where it was read")),
    as_of=False,
)

INTAKE = (ANNOTATION_EVENTS, ITEMS, QUARANTINE, LOGINS, LANDED_PREDICTIONS, LANDINGS)
"""What a day's landing becomes; everything else is made from these."""
