"""What the day's state says of labels and of the people who gave them.

Shapes only; rules on values stand in `rules`.
"""

from label_pipeline.contracts.table import Table, always, maybe

CONSENSUS_LABELS = Table(
    "consensus_labels",
    "An item's aggregated label as of the day.",
    ("item_id",),
    (
        always("item_id", "text", "the thing labelled"),
        maybe("label", "text", "consensus label; empty when nobody labelled it"),
        maybe("voted_label", "text", "what annotations alone say: no evaluation gold, no adjudication of this item"),
        maybe("voted_confidence", "float", "probability of the voted label, 0 to 1; empty where the truth was told"),
        maybe("probabilities", "floats", "one a class, in the project's order"),
        maybe("confidence", "float", "probability of the label, 0 to 1"),
        maybe("agreement", "float", "share of the annotations that gave this label, 0 to 1"),
        always("n_annotations", "integer", "annotations that count"),
        always("method", "text", "how the label was decided"),
        always("status", "text", "unlabelled, open, accepted, disputed, adjudicated or gold"),
        maybe("settled_on", "day", "since when it is accepted, adjudicated or gold without a break"),
    ),
)

CONSENSUS_NUMBERS = Table(
    "consensus_numbers",
    "An item's consensus value as of the day, where labels are numbers.",
    ("item_id",),
    (
        always("item_id", "text", "the thing labelled"),
        always("value", "float", "the consensus label as a number"),
        maybe("ci_low", "float", "lower end of its 95% interval; empty where nothing tells"),
        maybe("ci_high", "float", "upper end of its 95% interval"),
        always("weight", "float", "share of the variance of values that is no error, 0 to 1: its worth to a learner"),
    ),
)

CONSENSUS_EVIDENCE = Table(
    "consensus_evidence",
    "How well each consensus method did on annotators and gold it had not seen, and what was made of it.",
    ("method",),
    (
        always("method", "text", "name of the method"),
        maybe("wins", "float", "share of the draws of annotators in which it was best, 0 to 1"),
        maybe("agreement", "float", "agreement beyond chance with annotators left out, at most 1"),
        maybe("gold_accuracy", "float", "accuracy on gold it had not seen, 0 to 1, where gold is enough"),
        maybe("blend_weight", "float", "its weight in the blend fitted on gold, where gold is enough"),
        always("words", "text", "what was chosen and why"),
    ),
)

ANNOTATOR_QUALITY = Table(
    "annotator_quality",
    "An annotator's figures as of the day.",
    ("annotator_id",),
    (
        always("annotator_id", "text", "pseudonym"),
        always("group", "text", "group of the roster, or 'unknown'"),
        always("role", "text", "role of the roster, or 'annotator'"),
        always("n", "integer", "annotations that count"),
        always("quality", "float", "chance that an annotation is right by the consensus model, 0 to 1"),
        maybe("quality_low", "float", "lower end of its 95% interval"),
        maybe("quality_high", "float", "upper end of its 95% interval"),
        maybe("agreement_with_consensus", "float", "share equal to the consensus of the others, 0 to 1"),
        always("gold_n", "integer", "annotations on gold items"),
        maybe("gold_accuracy", "float", "share of those that are right, 0 to 1"),
        maybe("gold_low", "float", "lower end of its 95% Wilson interval"),
        maybe("gold_high", "float", "upper end of its 95% Wilson interval"),
        maybe("worst_class", "text", "class most often mistaken"),
        maybe("confusion", "floats", "rows of the confusion matrix one after another: truth by answer"),
        maybe("spammer_score", "float", "0 answers at random, 1 tells classes apart"),
        maybe("too_fast_share", "float", "share of answers faster than plausible, 0 to 1"),
        maybe("longest_run", "integer", "longest run of one repeated answer"),
        maybe("drift", "float", "change of quality from the earlier to the later window"),
        maybe("median_duration_s", "float", "median seconds an annotation"),
        always("flags", "texts", "spammer, too fast, repeating, drifting, confuses x and y"),
    ),
)

LABEL_ISSUES = Table(
    "label_issues",
    "How likely an item's label is right, given a model; and items that stand twice or apart.",
    ("item_id",),
    (
        always("item_id", "text", "the thing labelled"),
        always("given_label", "text", "consensus label"),
        maybe("suggested_label", "text", "the model's choice, or what most of the item's near duplicates say"),
        maybe("label_quality", "float", "label quality score, 0 to 1; empty without a model"),
        always("is_issue", "flag", "cleanlab finds it mislabelled, or near duplicates carry different labels"),
        maybe("kind", "text", "label, near duplicate (labels differ) or outlier; empty for none"),
        maybe("duplicate_set", "integer", "a number shared by near duplicates; empty for none"),
        maybe("outlier_score", "float", "0 to 1, low stands apart; empty without features"),
    ),
)
