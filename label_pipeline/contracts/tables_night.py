"""How a night ends: its figures, and what the training set had to pass.

Shapes only; rules on values stand in `rules`.
"""

from label_pipeline.contracts.table import Table, always, maybe

KPIS = Table(
    "kpis",
    "One figure of one day, with its interval.",
    ("kpi", "dimension", "member"),
    (
        always("kpi", "text", "name of the definition"),
        always("dimension", "text", "all, class, slice, group, ..."),
        always("member", "text", "which class, slice, ...; empty for all"),
        maybe("value", "float", "the figure; empty when there is no data"),
        maybe("ci_low", "float", "lower end of the 95% interval"),
        maybe("ci_high", "float", "upper end of the 95% interval"),
        always("n", "integer", "what it was measured on"),
        maybe("target", "float", "the project's target"),
        always("status", "text", "met, missed, unsure, no data, no target, or withheld where too few stand behind it"),
    ),
)

SPLITS = Table(
    "splits",
    "Where a learning item belongs in the training set, for good, and whether it is left out of it for now.",
    ("item_id",),
    (
        always("item_id", "text", "the thing labelled"),
        always("split", "text", "its split; it never changes when items are added"),
        always("follows", "text", "by whose hash: 'item', 'group', or 'near duplicates' that had a split before"),
        maybe("held_back", "text", "why it is left out: what it must not be beside; empty where it is not"),
    ),
)

RUNS = Table(
    "runs",
    "A run of the project's job that has ended, as Dagster keeps it. It is no part of the lake.",
    ("started_at", "run_id"),
    (
        always("run_id", "text", "Dagster's id"),
        always("status", "text", "SUCCESS, FAILURE or CANCELED"),
        maybe("started_at", "time", "when it began"),
        maybe("ended_at", "time", "when it ended"),
        maybe("first_day", "text", "first landing day of the run"),
        maybe("last_day", "text", "last landing day of the run"),
    ),
)

GATES = Table(
    "gates",
    "What the candidate training set had to pass before it was published, and what was seen.",
    ("gate",),
    (
        always("gate", "text", "name of the gate"),
        always("severity", "text", "block or warn"),
        always("passed", "flag", "whether it holds"),
        always("observed", "text", "what was seen"),
        always("expected", "text", "what was asked"),
        always("words", "text", "which number to look at, and what to do"),
        maybe("overridden", "text", "who let the set pass all the same, and why; empty where nobody did"),
    ),
)
