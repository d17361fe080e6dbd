"""The tables: columns, types, keys and meaning, one registry for lake, mart, UI and documentation.

Column types are Arrow's. A table's rows are sorted by its key, so that equal content is equal bytes.
Rules on values stand in `rules`; here is only the shape.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    import pyarrow as pa

Kind = Literal["text", "integer", "float", "flag", "time", "day", "texts", "floats"]


@dataclass(frozen=True)
class Column:
    """One column: its name, kind, meaning, and whether it may be empty."""

    name: str
    kind: Kind
    meaning: str
    nullable: bool = False


@dataclass(frozen=True)
class Table:
    """One table: its name, what a row is, its key and columns; `as_of` tables hold the whole state of a day."""

    name: str
    meaning: str
    key: tuple[str, ...]
    columns: tuple[Column, ...]
    as_of: bool = True

    @cached_property
    def names(self) -> list[str]:
        """Column names in order."""
        return [c.name for c in self.columns]

    @cached_property
    def schema(self) -> pa.Schema:
        """The Arrow schema."""
        import pyarrow as pa

        return pa.schema([pa.field(c.name, arrow_types()[c.kind], nullable=c.nullable) for c in self.columns])

    def empty(self) -> pa.Table:
        """A table with no rows."""
        return self.schema.empty_table()

    def conform(self, table: Any) -> pa.Table:
        """`table` (Arrow table, pandas frame or dict of columns) with exactly these columns, cast and sorted by key."""
        import pyarrow as pa

        if isinstance(table, dict):
            table = pa.table({name: pa.array(table[name], arrow_types()[self[name].kind]) for name in self.names})
        elif not isinstance(table, pa.Table):
            frame = table[self.names]
            # The columns of a frame without rows have no types that Arrow could cast.
            table = pa.Table.from_pandas(frame, self.schema, preserve_index=False) if len(frame) else self.empty()
        table = table.select(self.names).cast(self.schema).replace_schema_metadata(None)
        # Sorting what is sorted would still copy it, and events are most of what a night holds.
        return table if self.in_order(table) else table.sort_by([(name, "ascending") for name in self.key])

    def in_order(self, table: pa.Table) -> bool:
        """Whether every row's key comes after the one before: sorted, and no key twice."""
        import pyarrow.compute as pc

        after: Any = None
        for name in reversed(self.key):
            this, following = table[name].slice(0, max(len(table) - 1, 0)), table[name].slice(1)
            less = pc.less(this, following)
            after = less if after is None else pc.or_(less, pc.and_(pc.equal(this, following), after))
        return pc.all(after, skip_nulls=False).as_py() is True

    def __getitem__(self, name: str) -> Column:
        return next(c for c in self.columns if c.name == name)


@lru_cache(maxsize=1)
def arrow_types() -> dict[str, Any]:
    """The Arrow type of each kind of column."""
    import pyarrow as pa

    return {
        "text": pa.string(),
        "integer": pa.int64(),
        "float": pa.float64(),
        "flag": pa.bool_(),
        "time": pa.timestamp("us", tz="UTC"),
        "day": pa.date32(),
        "texts": pa.list_(pa.string()),
        "floats": pa.list_(pa.float64()),
    }


def _c(name: str, kind: Kind, meaning: str) -> Column:
    return Column(name, kind, meaning)


def _n(name: str, kind: Kind, meaning: str) -> Column:
    return Column(name, kind, meaning, nullable=True)


LANDINGS = Table(
    "landings",
    "One landed file: what was found in it and what became of every row.",
    ("landed_file",),
    (
        _c("landed_file", "text", "source/name below the day's landing folder"),
        _c("source", "text", "source of the project file"),
        _c("sha256", "text", "checksum of the file"),
        _c("bytes", "integer", "size of the file"),
        _c("landed", "integer", "answers found; an unreadable file counts as one"),
        _c("accepted", "integer", "answers kept as annotation events"),
        _c("quarantined", "integer", "answers that broke a rule"),
        _c("duplicates", "integer", "answers that had been accepted before"),
        _n("problem", "text", "why the file could not be read"),
    ),
    as_of=False,
)

ANNOTATION_EVENTS = Table(
    "annotation_events",
    "One version of one annotator's answer on one item, as it landed.",
    ("event_id",),
    (
        _c("event_id", "text", "hash of the content: the same answer delivered twice has one id"),
        _c("source", "text", "source of the project file"),
        _c("annotation_id", "text", "the tool's id, or one made of item and annotator"),
        _c("item_id", "text", "the thing labelled"),
        _c("annotator_id", "text", "pseudonym of who labelled"),
        _n("label", "text", "class of the project; empty unless submitted or rejected"),
        _c("status", "text", "submitted, skipped, rejected or deleted"),
        _c("is_gold_check", "flag", "the tool marked it as a gold answer"),
        _n("started_at", "time", "when the annotator began"),
        _n("annotated_at", "time", "when the answer was given or last changed"),
        _n("duration_s", "float", "seconds spent"),
        _c("duration_source", "text", "measured, accept_submit, suite_divided or none"),
        _n("guideline_version", "text", "guideline in force"),
        _n("batch_id", "text", "batch the item was sent in"),
        _c("landed_file", "text", "where it was read"),
        _c("landed_row", "integer", "row of the file, from 1; several answers may share one"),
    ),
    as_of=False,
)

QUARANTINE = Table(
    "quarantine",
    "One landed answer, or one unreadable file, that broke a rule.",
    ("landed_file", "landed_row", "answer"),
    (
        _c("landed_file", "text", "where it was read"),
        _c("landed_row", "integer", "row of the file, from 1; 0 for the whole file"),
        _c("answer", "integer", "which answer of the row, from 1; 0 for the whole file"),
        _c("source", "text", "source of the project file"),
        _c("rule", "text", "name of the first rule it broke"),
        _c("column", "text", "column the rule is about"),
        _c("reason", "text", "the rule in words, with the value"),
        _c("raw", "text", "the declared fields as JSON, annotator as pseudonym"),
    ),
    as_of=False,
)

ITEMS = Table(
    "items",
    "One version of one item's declared fields, as it landed.",
    ("item_id",),
    (
        _c("item_id", "text", "the thing labelled"),
        _c("payload", "text", "declared fields as JSON"),
        _n("arrived_at", "time", "when the item came into being, where a field says so"),
        _c("content_hash", "text", "hash of the payload"),
        _c("landed_file", "text", "where it was read"),
    ),
    as_of=False,
)

PREDICTIONS = Table(
    "predictions",
    "A model's class probabilities for an item.",
    ("item_id", "model"),
    (
        _c("item_id", "text", "the thing labelled"),
        _c("model", "text", "name of the model"),
        _c("probabilities", "floats", "one a class, in the project's order; they sum to one"),
    ),
)

LANDED_PREDICTIONS = Table(
    "landed_predictions",
    "A model's class probabilities for an item, as they landed.",
    ("item_id", "model"),
    (*PREDICTIONS.columns, _c("landed_file", "text", "where it was read")),
    as_of=False,
)

CONSENSUS_LABELS = Table(
    "consensus_labels",
    "An item's aggregated label as of the day.",
    ("item_id",),
    (
        _c("item_id", "text", "the thing labelled"),
        _n("label", "text", "consensus label; empty when nobody labelled it"),
        _n("voted_label", "text", "what annotations alone say: no evaluation gold, no adjudication of this item"),
        _n("voted_confidence", "float", "probability of the voted label, 0 to 1; empty where the truth was told"),
        _n("probabilities", "floats", "one a class, in the project's order"),
        _n("confidence", "float", "probability of the label, 0 to 1"),
        _n("agreement", "float", "share of the annotations that gave this label, 0 to 1"),
        _c("n_annotations", "integer", "annotations that count"),
        _c("method", "text", "how the label was decided"),
        _c("status", "text", "unlabelled, open, accepted, disputed, adjudicated or gold"),
        _n("settled_on", "day", "since when it is accepted, adjudicated or gold without a break"),
    ),
)

CONSENSUS_NUMBERS = Table(
    "consensus_numbers",
    "An item's consensus value as of the day, where labels are numbers.",
    ("item_id",),
    (
        _c("item_id", "text", "the thing labelled"),
        _c("value", "float", "the consensus label as a number"),
        _n("ci_low", "float", "lower end of its 95% interval; empty where nothing tells"),
        _n("ci_high", "float", "upper end of its 95% interval"),
        _c("weight", "float", "share of the variance of values that is no error, 0 to 1: its worth to a learner"),
    ),
)

CONSENSUS_EVIDENCE = Table(
    "consensus_evidence",
    "How well each consensus method did on annotators and gold it had not seen, and what was made of it.",
    ("method",),
    (
        _c("method", "text", "name of the method"),
        _n("wins", "float", "share of the draws of annotators in which it was best, 0 to 1"),
        _n("agreement", "float", "agreement beyond chance with annotators left out, at most 1"),
        _n("gold_accuracy", "float", "accuracy on gold it had not seen, 0 to 1, where gold is enough"),
        _n("blend_weight", "float", "its weight in the blend fitted on gold, where gold is enough"),
        _c("words", "text", "what was chosen and why"),
    ),
)

ANNOTATOR_QUALITY = Table(
    "annotator_quality",
    "An annotator's figures as of the day.",
    ("annotator_id",),
    (
        _c("annotator_id", "text", "pseudonym"),
        _c("group", "text", "group of the roster, or 'unknown'"),
        _c("role", "text", "role of the roster, or 'annotator'"),
        _c("n", "integer", "annotations that count"),
        _c("quality", "float", "chance that an annotation is right by the consensus model, 0 to 1"),
        _n("quality_low", "float", "lower end of its 95% interval"),
        _n("quality_high", "float", "upper end of its 95% interval"),
        _n("agreement_with_consensus", "float", "share equal to the consensus of the others, 0 to 1"),
        _c("gold_n", "integer", "annotations on gold items"),
        _n("gold_accuracy", "float", "share of those that are right, 0 to 1"),
        _n("gold_low", "float", "lower end of its 95% Wilson interval"),
        _n("gold_high", "float", "upper end of its 95% Wilson interval"),
        _n("worst_class", "text", "class most often mistaken"),
        _n("confusion", "floats", "rows of the confusion matrix one after another: truth by answer"),
        _n("spammer_score", "float", "0 answers at random, 1 tells classes apart"),
        _n("too_fast_share", "float", "share of answers faster than plausible, 0 to 1"),
        _n("longest_run", "integer", "longest run of one repeated answer"),
        _n("drift", "float", "change of quality from the earlier to the later window"),
        _n("median_duration_s", "float", "median seconds an annotation"),
        _c("flags", "texts", "spammer, too fast, repeating, drifting, confuses x and y"),
    ),
)

LABEL_ISSUES = Table(
    "label_issues",
    "How likely an item's label is right, given a model; and items that stand twice or apart.",
    ("item_id",),
    (
        _c("item_id", "text", "the thing labelled"),
        _c("given_label", "text", "consensus label"),
        _n("suggested_label", "text", "the model's choice, or what most of the item's near duplicates say"),
        _n("label_quality", "float", "label quality score, 0 to 1; empty without a model"),
        _c("is_issue", "flag", "cleanlab finds it mislabelled, or near duplicates carry different labels"),
        _n("kind", "text", "label, near duplicate (labels differ) or outlier; empty for none"),
        _n("duplicate_set", "integer", "a number shared by near duplicates; empty for none"),
        _n("outlier_score", "float", "0 to 1, low stands apart; empty without features"),
    ),
)

RELABEL_QUEUE = Table(
    "relabel_queue",
    "Items ordered by what another label is worth.",
    ("rank",),
    (
        _c("rank", "integer", "from 1"),
        _c("item_id", "text", "the thing to label again"),
        _c("value", "float", "expected gain of one more label"),
        _c("reason", "text", "why, in words a person can check"),
        _c("route", "text", "annotator, adjudicator or guideline"),
        _n("suggested_label", "text", "the model's choice"),
        _c("within_budget", "flag", "belongs to tonight's budget"),
        _c("exclude_annotators", "texts", "who labelled it already"),
    ),
)

BATCHES = Table(
    "batches",
    "What would go out tonight: the rows of the batch for annotators and of the one for adjudicators.",
    ("batch_id", "position"),
    (
        _c("batch_id", "text", "the batch; it names project and day"),
        _c("position", "integer", "from 1, by chance"),
        _c("item_id", "text", "the thing to label"),
        _c("purpose", "text", "pilot, new, relabel, gold check or adjudication; nothing that is sent says so"),
        _c("route", "text", "annotator or adjudicator: whose answers are asked for"),
        _c("people", "integer", "how many people are asked"),
        _c("exclude_annotators", "texts", "who labelled it already and is not asked"),
        _n("suggested_label", "text", "the model's label that goes with it; empty for none"),
    ),
)

DISPATCHES = Table(
    "dispatches",
    "One row of a batch that was sent, and what has come back of it.",
    ("batch_id", "position"),
    (
        *BATCHES.columns[:-1],
        _c("prelabelled", "flag", "the model's label went with it"),  # not which: its class may be gone since
        _c("sent_on", "day", "landing day on which it was sent"),
        _c("answered_by", "texts", "who has answered it"),
        _c("state", "text", "open, returned (as many people as asked), or overdue, which may be sent again"),
    ),
)

GOLD_SET = Table(
    "gold_set",
    "Items whose truth is settled, every version of it.",
    ("item_id", "version"),
    (
        _c("item_id", "text", "the thing labelled"),
        _c("version", "integer", "from 1; a new one when the truth changes or a re-check confirms it"),
        _c("label", "text", "its truth"),
        _c("origin", "text", "seed, adjudication or promoted"),
        _c("role", "text", "check (may be hidden in batches) or evaluation (measures only); an item keeps it for ever"),
        _c("valid_from", "day", "first day in force"),
        _n("valid_to", "day", "first day no longer in force"),
        _c("evidence", "text", "file and row, who decided and when, or who agreed"),
        _n("due_on", "day", "since when it is due for a re-check"),
        _n("due_why", "text", "expired, or the guideline version that asks for it"),
        _n("challenged_on", "day", "since when good annotators challenge it"),
        _n("challenge", "text", "what they say instead, and how unlikely that would be if the gold were right"),
    ),
)

GOLD_ASKS = Table(
    "gold_asks",
    "Items that wait for an adjudicator because of gold, the most urgent first.",
    ("rank",),
    (
        _c("rank", "integer", "from 1"),
        _c("item_id", "text", "the thing to decide"),
        _c("why", "text", "challenged, differ (adjudicators do), drawn, guideline or expired"),
        _n("since", "day", "since when it waits"),
        _n("label", "text", "the truth in doubt; empty where there is none"),
        _n("role", "text", "what its gold is or will be: check or evaluation"),
        _c("words", "text", "why, in words a person can check"),
        _c("exclude_annotators", "texts", "adjudicators whose decisions differ: another one is needed"),
    ),
)

GOLD_PLAN = Table(
    "gold_plan",
    "How much gold there is of a class, or of all, and how many more evaluation items ±2 points take.",
    ("class",),
    (
        _c("class", "text", "class of the gold; empty for all"),
        _c("check", "integer", "check items in force"),
        _c("evaluation", "integer", "evaluation items in force"),
        _c("challenged", "integer", "items that good annotators challenge, until they are decided anew"),
        _c("due", "integer", "items that are due for a re-check"),
        _c("expiring", "integer", "items in force that will be due within 30 days"),
        _n("accuracy", "float", "share of the evaluation items whose voted label is the truth"),
        _n("ci_low", "float", "lower end of its 95% Wilson interval"),
        _n("ci_high", "float", "upper end of it"),
        _c("n", "integer", "evaluation items with an annotation"),
        _c("more", "integer", "evaluation items needed beyond n for ±2 points, if they go as these did"),
    ),
)

ANNOTATOR_STANDING = Table(
    "annotator_standing",
    "A stretch of days of one annotator, and how the votes given on them count by gold checks.",
    ("annotator_id", "from_day"),
    (
        _c("annotator_id", "text", "pseudonym"),
        _c("from_day", "day", "first day of the stretch: votes given on it or later"),
        _n("to_day", "day", "first day after it; empty for the one that lasts"),
        _c("state", "text", "counting, less weight or not counting"),
        _c("decided_on", "day", "the day on whose gold checks it showed"),
        _c("n", "integer", "answers on gold checks in the stretch"),
        _c("right", "integer", "of those, equal to the gold"),
        _n("low", "float", "lower end of the share's interval, which holds at every look at once"),
        _n("high", "float", "upper end of it"),
        _c("reason", "text", "why, in words a person can check"),
    ),
)

GOLD_SCORES = Table(
    "gold_scores",
    "An annotator's right answers on gold checks of the stretch that lasts, all and by true class.",
    ("annotator_id", "true_label"),
    (
        _c("annotator_id", "text", "pseudonym"),
        _c("true_label", "text", "class of the gold; empty for all"),
        _c("n", "integer", "answers on gold checks"),
        _c("right", "integer", "of those, equal to the gold"),
        _n("low", "float", "lower end of the share's interval, which holds at every look at once"),
        _n("high", "float", "upper end of it"),
    ),
)

KPIS = Table(
    "kpis",
    "One figure of one day, with its interval.",
    ("kpi", "dimension", "member"),
    (
        _c("kpi", "text", "name of the definition"),
        _c("dimension", "text", "all, class, slice, group, ..."),
        _c("member", "text", "which class, slice, ...; empty for all"),
        _n("value", "float", "the figure; empty when there is no data"),
        _n("ci_low", "float", "lower end of the 95% interval"),
        _n("ci_high", "float", "upper end of the 95% interval"),
        _c("n", "integer", "what it was measured on"),
        _n("target", "float", "the project's target"),
        _c("status", "text", "met, missed, unsure, no data, no target, or withheld where too few stand behind it"),
    ),
)

GATES = Table(
    "gates",
    "What the candidate training set had to pass before it was published, and what was seen.",
    ("gate",),
    (
        _c("gate", "text", "name of the gate"),
        _c("severity", "text", "block or warn"),
        _c("passed", "flag", "whether it holds"),
        _c("observed", "text", "what was seen"),
        _c("expected", "text", "what was asked"),
        _c("words", "text", "which number to look at, and what to do"),
        _n("overridden", "text", "who let the set pass all the same, and why; empty where nobody did"),
    ),
)

SPLITS = Table(
    "splits",
    "Where a learning item belongs in the training set, for good, and whether it is left out of it for now.",
    ("item_id",),
    (
        _c("item_id", "text", "the thing labelled"),
        _c("split", "text", "its split; it never changes when items are added"),
        _c("follows", "text", "by whose hash: 'item', 'group', or 'near duplicates' that had a split before"),
        _n("held_back", "text", "why it is left out: what it must not be beside; empty where it is not"),
    ),
)

TABLES: dict[str, Table] = {
    t.name: t
    for t in (
        LANDINGS,
        ANNOTATION_EVENTS,
        QUARANTINE,
        ITEMS,
        LANDED_PREDICTIONS,
        PREDICTIONS,
        CONSENSUS_LABELS,
        CONSENSUS_NUMBERS,
        CONSENSUS_EVIDENCE,
        ANNOTATOR_QUALITY,
        LABEL_ISSUES,
        RELABEL_QUEUE,
        BATCHES,
        DISPATCHES,
        GOLD_SET,
        GOLD_ASKS,
        GOLD_PLAN,
        ANNOTATOR_STANDING,
        GOLD_SCORES,
        KPIS,
        SPLITS,
        GATES,
    )
}
