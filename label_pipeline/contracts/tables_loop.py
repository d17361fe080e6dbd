"""What goes back to people: the queue, batches, and the gold set with its checks.

Shapes only; rules on values stand in `rules`.
"""

from label_pipeline.contracts.table import Table, always, maybe

RELABEL_QUEUE = Table(
    "relabel_queue",
    "Items ordered by what another label is worth.",
    ("rank",),
    (
        always("rank", "integer", "from 1"),
        always("item_id", "text", "the thing to label again"),
        always("value", "float", "the gain, weighted by importance and class costs, near duplicates discounted"),
        always("gain", "float", "right labels that one more answer is expected to add, 0 to 1"),
        always("reason", "text", "why, in words a person can check"),
        always("route", "text", "annotator, adjudicator or guideline"),
        maybe("suggested_label", "text", "the model's choice"),
        always("within_budget", "flag", "belongs to tonight's budget"),
        always("ask_annotators", "texts", "whom to ask, best first: good at the classes in doubt; empty for anybody"),
        always("exclude_annotators", "texts", "who labelled it already"),
    ),
)

RELABEL_OUTCOMES = Table(
    "relabel_outcomes",
    "An item that an earlier night's budget asked about and that has new answers today, and what they changed.",
    ("item_id",),
    (
        always("item_id", "text", "the thing labelled"),
        always("asked_on", "day", "the last night whose budget had it"),
        always("route", "text", "who was asked then: annotator, adjudicator or guideline"),
        always("answers", "integer", "new answers since yesterday"),
        always("expected", "float", "right labels that so many answers were expected to add"),
        always("achieved", "float", "how much likelier the label is right than yesterday's, by today's probabilities"),
        maybe("label_before", "text", "yesterday's consensus label"),
        maybe("label", "text", "today's"),
        always("status", "text", "today's status in consensus_labels"),
    ),
    as_of=False,
)

BATCHES = Table(
    "batches",
    "What would go out tonight: the rows of the batch for annotators and of the one for adjudicators.",
    ("batch_id", "position"),
    (
        always("batch_id", "text", "the batch; it names project and day"),
        always("position", "integer", "from 1, by chance"),
        always("item_id", "text", "the thing to label"),
        always("purpose", "text", "pilot, new, relabel, gold check or adjudication; nothing that is sent says so"),
        always("route", "text", "annotator or adjudicator: whose answers are asked for"),
        always("people", "integer", "how many people are asked"),
        always("exclude_annotators", "texts", "who labelled it already and is not asked"),
        maybe("suggested_label", "text", "the model's label that goes with it; empty for none"),
    ),
)

DISPATCHES = Table(
    "dispatches",
    "One row of a batch that was sent, and what has come back of it.",
    ("batch_id", "position"),
    (
        *BATCHES.columns[:-1],
        always("prelabelled", "flag", "the model's label went with it"),  # not which: its class may be gone since
        always("sent_on", "day", "landing day on which it was sent"),
        always("answered_by", "texts", "who has answered it"),
        always("state", "text", "open, returned (as many people as asked), or overdue, which may be sent again"),
    ),
)

GOLD_SET = Table(
    "gold_set",
    "Items whose truth is settled, every version of it.",
    ("item_id", "version"),
    (
        always("item_id", "text", "the thing labelled"),
        always("version", "integer", "from 1; a new one when the truth changes or a re-check confirms it"),
        always("label", "text", "its truth"),
        always("origin", "text", "seed, adjudication or promoted"),
        always("role", "text", "check (may be hidden in batches) or evaluation (measures only); an item keeps it"),
        always("valid_from", "day", "first day in force"),
        maybe("valid_to", "day", "first day no longer in force"),
        always("evidence", "text", "file and row, who decided and when, or who agreed"),
        maybe("due_on", "day", "since when it is due for a re-check"),
        maybe("due_why", "text", "expired, or the guideline version that asks for it"),
        maybe("challenged_on", "day", "since when good annotators challenge it"),
        maybe("challenge", "text", "what they say instead, and how unlikely that would be if the gold were right"),
    ),
)

GOLD_ASKS = Table(
    "gold_asks",
    "Items that wait for an adjudicator because of gold, the most urgent first.",
    ("rank",),
    (
        always("rank", "integer", "from 1"),
        always("item_id", "text", "the thing to decide"),
        always("why", "text", "challenged, differ (adjudicators do), drawn, guideline or expired"),
        maybe("since", "day", "since when it waits"),
        maybe("label", "text", "the truth in doubt; empty where there is none"),
        maybe("role", "text", "what its gold is or will be: check or evaluation"),
        always("words", "text", "why, in words a person can check"),
        always("exclude_annotators", "texts", "adjudicators whose decisions differ: another one is needed"),
    ),
)

GOLD_PLAN = Table(
    "gold_plan",
    "How much gold there is of a class, or of all, and how many more evaluation items ±2 points take.",
    ("class",),
    (
        always("class", "text", "class of the gold; empty for all"),
        always("check", "integer", "check items in force"),
        always("evaluation", "integer", "evaluation items in force"),
        always("challenged", "integer", "items that good annotators challenge, until they are decided anew"),
        always("due", "integer", "items that are due for a re-check"),
        always("expiring", "integer", "items in force that will be due within 30 days"),
        maybe("accuracy", "float", "share of the evaluation items whose voted label is the truth"),
        maybe("ci_low", "float", "lower end of its 95% Wilson interval"),
        maybe("ci_high", "float", "upper end of it"),
        always("n", "integer", "evaluation items with an annotation"),
        always("more", "integer", "evaluation items needed beyond n for ±2 points, if they go as these did"),
    ),
)

ANNOTATOR_STANDING = Table(
    "annotator_standing",
    "A stretch of days of one annotator, and how the votes given on them count by gold checks.",
    ("annotator_id", "from_day"),
    (
        always("annotator_id", "text", "pseudonym"),
        always("from_day", "day", "first day of the stretch: votes given on it or later"),
        maybe("to_day", "day", "first day after it; empty for the one that lasts"),
        always("state", "text", "counting, less weight or not counting"),
        always("decided_on", "day", "the day on whose gold checks it showed"),
        always("n", "integer", "answers on gold checks in the stretch"),
        always("right", "integer", "of those, equal to the gold"),
        maybe("low", "float", "lower end of the share's interval, which holds at every look at once"),
        maybe("high", "float", "upper end of it"),
        always("reason", "text", "why, in words a person can check"),
    ),
)

GOLD_SCORES = Table(
    "gold_scores",
    "An annotator's right answers on gold checks of the stretch that lasts, all and by true class.",
    ("annotator_id", "true_label"),
    (
        always("annotator_id", "text", "pseudonym"),
        always("true_label", "text", "class of the gold; empty for all"),
        always("n", "integer", "answers on gold checks"),
        always("right", "integer", "of those, equal to the gold"),
        maybe("low", "float", "lower end of the share's interval, which holds at every look at once"),
        maybe("high", "float", "upper end of it"),
    ),
)
