"""What people agreed on under each guideline version, and what a change of guideline changed. Shapes only."""

from label_pipeline.contracts.table import Table, always, maybe

GUIDELINE_VERSIONS = Table(
    "guideline_versions",
    "A guideline version that the project file or an answer names: its text, and how much was answered under it.",
    ("version",),
    (
        always("version", "text", "its name, which is its file's"),
        always("place", "integer", "from 1, in the order in which they came into force"),
        maybe("title", "text", "first heading of its text; empty where there is none"),
        maybe("sha256", "text", "checksum of its text; empty where there is none"),
        maybe("since", "day", "first day in force; empty for one that holds for batches alone, or was never declared"),
        always("in_force", "flag", "holds on the day for what no batch says otherwise"),
        always("annotations", "integer", "answers of people under it, one an item and annotator"),
        always("annotators", "integer", "who gave them"),
        always("items", "integer", "items that have one"),
        maybe("warning", "text", "what is wrong with it; empty where nothing is"),
    ),
)

GUIDELINE_AGREEMENT = Table(
    "guideline_agreement",
    "One figure of agreement under one guideline version, over all classes or of one against the rest.",
    ("version", "figure", "member"),
    (
        always("version", "text", "guideline version"),
        always("figure", "text", "alpha or raw_agreement"),
        always("member", "text", "which class; empty for all"),
        maybe("value", "float", "the figure, at most 1; empty when there is no data"),
        maybe("ci_low", "float", "lower end of the 95% interval"),
        maybe("ci_high", "float", "upper end of the 95% interval"),
        always("n", "integer", "items with two answers or more under it"),
    ),
)

GUIDELINE_CONFUSIONS = Table(
    "guideline_confusions",
    "Two classes that were said of the same items under one guideline version.",
    ("version", "first", "second"),
    (
        always("version", "text", "guideline version"),
        always("first", "text", "the class that comes first in the project's order"),
        always("second", "text", "the other"),
        always("both", "integer", "items on which both were said"),
        always("n", "integer", "items with two answers or more on which either was said"),
        always("share", "float", "both of n, 0 to 1"),
        always("ci_low", "float", "lower end of its 95% Wilson interval"),
        always("ci_high", "float", "upper end of it"),
        always("people", "integer", "annotators who gave the rarer answer on these items"),
        always("largest", "float", "the most that one of them gave of the rarer answers, 0 to 1"),
        always("ambiguous", "flag", "several people, none of them mostly, confuse the two more than now and then"),
    ),
)

GUIDELINE_CHANGES = Table(
    "guideline_changes",
    "One figure before and after a change of guideline, and what it moved by.",
    ("before", "after", "items", "figure", "member"),
    (
        always("before", "text", "guideline version"),
        always("after", "text", "the one that followed"),
        always("items", "text", "same (two answers under each, compared item by item) or other (answered under one)"),
        always("figure", "text", "alpha, raw_agreement or confusion (share of items on which both classes are said)"),
        always("member", "text", "which class, or which two as 'a / b'; empty for all"),
        maybe("value_before", "float", "the figure before; empty when there is no data"),
        always("n_before", "integer", "items it was measured on"),
        maybe("value_after", "float", "the figure after"),
        always("n_after", "integer", "items it was measured on"),
        maybe("difference", "float", "after less before"),
        maybe("ci_low", "float", "lower end of the difference's 95% interval"),
        maybe("ci_high", "float", "upper end of it"),
        maybe("same_hands", "float", "how far the same people gave both: 1 in the same shares, 0 nobody in common"),
    ),
)

GUIDELINE_EXAMPLES = Table(
    "guideline_examples",
    "An item proposed for the next guideline, as an example of a class or as one that people read two ways.",
    ("class", "kind", "place"),
    (
        always("class", "text", "class of the project"),
        always("kind", "text", "clear (all agree) or borderline (between the class and its rival)"),
        always("place", "integer", "from 1, best first"),
        always("item_id", "text", "the item; never gold, nor near gold"),
        maybe("rival", "text", "the class it is taken for most often; empty for clear examples"),
        always("said", "text", "what people said of it, like '4: 2, 9: 1'"),
    ),
)
