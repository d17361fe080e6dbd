"""The definitions of the families that watch: drift, cost and fairness. The others stand in `catalogue`."""

from __future__ import annotations

from label_pipeline.kpis.kpi import ANY, CLASSES, JUDGED, ONE_CLASS, Kpi

_FEW_SETTLED = "fewer than 20 labels were settled in one of the two, or all classes but one are rare"
_NO_TWO_WINDOWS = "no annotator has such answers in both windows"

DRIFT = (
    *(
        kpi
        for name, other, long in (
            ("label_drift", "the 7 local days before", "from last week to this one"),
            ("label_drift_since_start", "the first days on which 20 were", "since the first settled set"),
        )
        for kpi in (
            Kpi(
                name,
                "drift",
                f"How far the classes of newly settled labels moved {long}: 0 not at all, 1 no class in common",
                f"Jensen-Shannon divergence of the classes settled in the last 7 local days and on {other}, less what"
                " chance makes of it, in units of its greatest value; gold seeds left out",
                "divergence",
                "noncentral chi-squared",
                "lower",
                _FEW_SETTLED,
                fits=CLASSES,
            ),
            Kpi(
                f"{name}_p",
                "drift",
                f"How easily chance alone would move the classes that far {long}; below 0.05 is hardly chance",
                f"p-value of the G test of the classes settled in the last 7 local days and on {other}",
                "probability",
                "none: a p-value",
                "neither",
                _FEW_SETTLED,
                fits=CLASSES,
            ),
        )
    ),
    Kpi(
        "annotator_drift",
        "drift",
        "How much more often the same people now give the item's label than the week before",
        "Mantel-Haenszel difference within annotators of the share of answers equal to the item's label, last 7 local"
        " days less the 7 before, items with two answers or more; adjudicators left out",
        "difference of shares",
        "normal, Sato's variance",
        "higher",
        _NO_TWO_WINDOWS,
        fits=JUDGED,
    ),
    Kpi(
        "annotator_drift_p",
        "drift",
        "How easily chance alone would change the same people that much; below 0.05 is hardly chance",
        "p-value of the Cochran-Mantel-Haenszel test of the same answers",
        "probability",
        "none: a p-value",
        "neither",
        _NO_TWO_WINDOWS,
        fits=JUDGED,
    ),
    Kpi(
        "drifting_annotators",
        "drift",
        "How many people changed by more than chance",
        "annotators with 10 such answers or more in both windows whose own test holds at 5% after Benjamini-Hochberg",
        "annotators",
        "counted",
        "lower",
        "no annotator has 10 such answers in both windows",
        fits=JUDGED,
    ),
)

COST = (
    Kpi(
        "cost_per_settled_label",
        "cost",
        "What a settled label costs, work on labels not settled yet included; of a group, its part of the labels",
        "cost of all answers / settled labels, gold seeds left out; of a group, its answers' cost / the sum of its"
        " shares in the submitted answers of settled items",
        "money",
        "normal, ratio over items",
        "lower",
        "a rate of those who answered is missing, an hour's worker has no known duration, or no label is settled",
    ),
    Kpi(
        "spend_last_7_days",
        "cost",
        "What the answers of a week cost",
        "submitted answers × per_annotation + hours of all answers × per_hour, last 7 local days",
        "money",
        "counted",
        "neither",
        "a rate of those who answered is missing, or an hour's worker has no known duration",
    ),
    Kpi(
        "automation_rate",
        "cost",
        "How many labels needed no person",
        "settled items answered by models alone / settled items, gold seeds left out",
        "share",
        "Wilson",
        "higher",
        "no label is settled by labelling",
    ),
)

_GAPS = {
    "accuracy": ("right", "of a group, annotations equal to the gold of seeded checks; of a slice, voted labels equal"
                 " to evaluation gold", JUDGED),
    "agreement": ("agreed on", "the other annotations of the item that say the same; of a slice, item by item",
                  CLASSES),
    "noise": ("doubted", "label issues among examined items; of a group, among the items of its annotations",
              ONE_CLASS),
    "acceptance": ("accepted", "of a group, submitted / (submitted + rejected) answers; of a slice, settled / labelled"
                   " items", ANY),
}  # fmt: skip

_SMALL = "there are not two groups or slices with 30 observations and 5 annotators (items) each; smaller ones: withheld"

FAIRNESS = (
    *(
        kpi
        for name, (word, what, fits) in _GAPS.items()
        for kpi in (
            Kpi(
                f"{name}_gap",
                "fairness",
                f"How much more often a group's or slice's work is {word} than the rest's; overall, the widest gap",
                f"share less that of the rest: {what}",
                "difference of shares",
                "Newcombe of two Wilson intervals at the effective number by annotator (item)",
                "neither",
                _SMALL,
                fits=fits,
            ),
            Kpi(
                f"{name}_gap_p",
                "fairness",
                f"How easily chance alone makes that gap ({word}), all comparisons of the night considered; overall,"
                " the least",
                "p-value of no gap, Student's t, after Benjamini-Hochberg over all gaps of the night",
                "probability",
                "none: a p-value",
                "neither",
                _SMALL,
                fits=fits,
            ),
        )
    ),
    Kpi(
        "gaps_beyond_chance",
        "fairness",
        "How many groups and slices fare otherwise than the rest by more than chance",
        "gaps with an adjusted p-value of at most 0.05",
        "gaps",
        "counted",
        "lower",
        _SMALL,
    ),
)
