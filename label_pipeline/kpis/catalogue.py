"""Every KPI's definition, in the order in which they are shown; `docs/statistics-kpis.md` is the reader's view.

Here belong the words, those of drift, cost and fairness in `catalogue_audit`; how a KPI is computed stands in the
file of its family.
"""

from __future__ import annotations

from label_pipeline.kpis.catalogue_audit import COST, DRIFT, FAIRNESS
from label_pipeline.kpis.kpi import CLASSES, JUDGED, NUMBERS, ONE_CLASS, Kpi

_WILSON = "Wilson"
_POISSON = "Garwood (exact Poisson)"
_BOOTSTRAP = "bootstrap over items, 1,000 replicates"
_ORDER = "order statistics"
_WEEK_OR_NONE = "no answer in the last 7 local days"

_ACCURACY = (
    Kpi(
        "label_accuracy",
        "accuracy",
        "How often annotations alone give the true label, measured on evaluation gold",
        "items whose voted label is the gold label / evaluation gold items with an annotation",
        "share",
        _WILSON,
        "higher",
        "no evaluation gold item has an annotation",
        fits=JUDGED,
    ),
    Kpi(
        "label_accuracy_all_items",
        "accuracy",
        "How often annotations alone give the true label of any item, from gold and confidence together",
        "right voted labels of evaluation gold + λ (mean confidence of the others − mean confidence of gold), items"
        " whose truth the consensus was told left out",
        "share",
        "prediction-powered (PPI++), as Wilson at the effective number of gold items",
        "higher",
        "no evaluation gold item has an annotation",
        fits=JUDGED,
    ),
    Kpi(
        "estimated_label_accuracy",
        "accuracy",
        "How many of tonight's labels are right by their own confidence; model-based, no gold: blind to shared errors",
        "mean confidence of the labelled items",
        "share",
        "Wilson at the effective number of annotators and items (model-based)",
        "higher",
        "no item is labelled",
        fits=JUDGED,
    ),
    Kpi(
        "annotation_accuracy",
        "accuracy",
        "How often a single annotation is right, measured on gold checks",
        "annotations equal to the gold label / annotations on seeded check items, adjudicators left out",
        "share",
        _WILSON,
        "higher",
        "no annotation fell on a gold check",
        fits=JUDGED,
    ),
    Kpi(
        "precision",
        "accuracy",
        "How often a label of this class is true, measured on evaluation gold",
        "items voted the class that are it / evaluation gold items voted the class",
        "share",
        _WILSON,
        "higher",
        "no evaluation gold item was voted the class",
        headline="class",
        fits=CLASSES,
    ),
    Kpi(
        "recall",
        "accuracy",
        "How often items of this class are found, measured on evaluation gold",
        "items of the class that are voted it / evaluation gold items of the class with an annotation",
        "share",
        _WILSON,
        "higher",
        "no evaluation gold item of the class has an annotation",
        headline="class",
        fits=CLASSES,
    ),
    Kpi(
        "mean_absolute_error",
        "accuracy",
        "How far off annotations alone are, in the unit of the numbers, measured on evaluation gold",
        "mean distance of voted from gold values over evaluation gold items with an annotation",
        "units of the label",
        "Student's t",
        "lower",
        "no evaluation gold item has an annotation",
        fits=NUMBERS,
    ),
    Kpi(
        "f1",
        "accuracy",
        "How well labels of this class can be relied on, wrong ones and missed ones together, on evaluation gold",
        "2 · precision · recall / (precision + recall)",
        "share",
        "Wilson of hits / items that are or were voted the class, carried over to F1",
        "higher",
        "no evaluation gold item is, or was voted, the class",
        headline="class",
        fits=CLASSES,
    ),
    Kpi(
        "class_share",
        "accuracy",
        "How much of the labelled set is of this class",
        "items with the consensus label / labelled items",
        "share",
        _WILSON,
        "neither",
        "no item is labelled",
        headline="class",
        fits=CLASSES,
    ),
)

_AGREEMENT = (
    Kpi(
        "alpha",
        "agreement",
        "Krippendorff's alpha: agreement of annotators beyond chance, 1 perfect, 0 chance; of a class, that class"
        " against the rest",
        "1 − observed / expected disagreement; nominal, ordinal for ranked classes, MASI for sets, interval for"
        " numbers; adjudicators and models left out",
        "alpha",
        _BOOTSTRAP,
        "higher",
        "no item has two labels, or all such labels are equal",
    ),
    Kpi(
        "raw_agreement",
        "agreement",
        "How often two annotators of one item agree, chance included",
        "mean over items with two labels or more of the share of equal pairs; adjudicators left out",
        "share",
        _BOOTSTRAP,
        "higher",
        "no item has two labels",
        fits=CLASSES,
    ),
)

_THROUGHPUT = (
    Kpi(
        "annotations_per_day",
        "throughput",
        "Answers given on the day",
        "submitted answers given on the local day; landed on it where no time is known",
        "annotations a day",
        _POISSON,
        "higher",
        "no answer has ever landed",
    ),
    Kpi(
        "annotations_last_7_days",
        "throughput",
        "Answers given in a week, with those that landed late",
        "submitted answers of the last 7 local days",
        "annotations in 7 days",
        _POISSON,
        "higher",
        "no answer has ever landed",
    ),
    Kpi(
        "settled_items_per_day",
        "throughput",
        "Items whose label became good enough on the day",
        "items first accepted, adjudicated or gold on the day",
        "items a day",
        _POISSON,
        "higher",
        "the project has no item",
    ),
    Kpi(
        "annotations_per_annotator_hour",
        "throughput",
        "How fast people answer",
        "answers with a known duration / hours they took, last 7 local days",
        "annotations an hour",
        _POISSON,
        "higher",
        "no duration is known in the last 7 local days",
    ),
    Kpi(
        "active_annotators",
        "throughput",
        "Who is working",
        "annotators with a submitted answer in the last 7 local days",
        "annotators",
        "counted",
        "neither",
        "no answer has ever landed",
    ),
    Kpi(
        "skip_rate",
        "throughput",
        "How often people pass an item",
        "skipped / (submitted + rejected + skipped), last 7 local days",
        "share",
        _WILSON,
        "lower",
        _WEEK_OR_NONE,
    ),
)

_TURNAROUND = tuple(
    Kpi(
        f"{name}_{percentile}",
        "turnaround",
        f"How long {share} wait at most for {what}",
        f"{words} of the hours {formula}",
        "hours",
        _ORDER,
        "lower",
        no_data,
    )
    for name, of, what, formula, no_data in (
        (
            "turnaround",
            "items",
            "a settled label",
            "from arrival to the annotation that settled the item, items settled in the last 28 days, gold seeds left"
            " out",
            "no item was settled in the last 28 days, or all on the day they landed, their arrival unknown",
        ),
        (
            "review_turnaround",
            "answers",
            "the next annotator's look at the item",
            "from an item's answer to the next annotator's, answers of the last 28 local days; adjudicators left out",
            "no item was answered by a second annotator at a known time in the last 28 local days",
        ),
        (
            "adjudication_turnaround",
            "adjudicated items",
            "the adjudicator",
            "from the item's last annotation before to the adjudicator's answer, answers of the last 28 local days",
            "no adjudicator answered at a known time in the last 28 local days",
        ),
    )
    for percentile, share, words in (
        ("p50", f"half of the {of}", "median"),
        ("p90", f"nine in ten {of}", "90th percentile"),
    )
)

_NOISE = (
    Kpi(
        "dispute_rate",
        "noise",
        "How many labels annotators cannot agree on",
        "items with status disputed / labelled items",
        "share",
        _WILSON,
        "lower",
        "no item is labelled",
    ),
    Kpi(
        "noise_rate",
        "noise",
        "How many labels are probably wrong, by confident learning",
        "label issues / items whose label was examined",
        "share",
        _WILSON,
        "lower",
        "no label was examined: there is no model",
        fits=ONE_CLASS,
    ),
    Kpi(
        "coverage",
        "noise",
        "How much of the items has a settled label; of a class, how much of what is labelled so",
        "items accepted, adjudicated or gold / all items (of a class: labelled items of the class)",
        "share",
        _WILSON,
        "higher",
        "the project has no item",
    ),
)

_QUEUE = (
    Kpi(
        "queue_size",
        "queue",
        "Items that wait for another answer; by route, who is waited for",
        "rows of the relabel queue, which is cut off at its policy's length",
        "items",
        "counted",
        "lower",
        "the project has no item",
    ),
    Kpi(
        "queue_tonight",
        "queue",
        "Answers that tonight's budget buys",
        "rows of the relabel queue within the budget",
        "items",
        "counted",
        "neither",
        "the project has no item",
    ),
    Kpi(
        "oldest_age_days",
        "queue",
        "How long the longest waiting item of the queue has been with us",
        "days from the landing of the oldest queued item to the day",
        "days",
        "counted",
        "lower",
        "the queue is empty",
    ),
    Kpi(
        "relabel_expected",
        "queue",
        "How many labels tonight's budget is expected to win: new ones that count, and wrong ones put right",
        "sum of the expected gains of the queue's rows within the budget",
        "labels",
        "counted",
        "neither",
        "the project has no item",
    ),
    Kpi(
        "relabel_yield",
        "queue",
        "How many labels 100 answers won, of those that the queue asked for: new ones that count, wrong ones put right",
        "100 × sum over items of p(label after) − p(label before), by the probabilities after / their new answers in"
        " the last 7 days",
        "labels",
        "normal, of a ratio of sums over items",
        "higher",
        "no answer came to an item of an earlier night's budget in the last 7 days",
    ),
    Kpi(
        "relabel_promised",
        "queue",
        "How many labels the same answers were expected to win, by 100 answers",
        "100 × sum of the gains expected when these items were asked about, for each of their answers / these answers",
        "labels",
        "counted",
        "neither",
        "as for relabel_yield",
    ),
)

_NO_LIFT = "no evaluation gold, no baseline in predictions, or too few labels to learn from"
_LIFT = (
    Kpi(
        "model_accuracy",
        "lift",
        "How often the built-in model, trained on our labels, is right about evaluation gold it never saw",
        "right predictions / evaluation gold items the model can read; trained on our labels weighted by confidence,"
        " issues removed",
        "share",
        _WILSON,
        "higher",
        _NO_LIFT,
        fits=ONE_CLASS,
    ),
    Kpi(
        "model_lift",
        "lift",
        "How much oftener the built-in model is right when it learns from our labels instead of majority labels",
        "model_accuracy − that of the same model trained on majority labels of the same items",
        "difference of shares",
        "paired bootstrap over evaluation gold, 1,000 replicates",
        "higher",
        _NO_LIFT,
        fits=ONE_CLASS,
    ),
)

KPIS: dict[str, Kpi] = {
    kpi.name: kpi
    for family in (_ACCURACY, _AGREEMENT, _THROUGHPUT, _TURNAROUND, _NOISE, _QUEUE, _LIFT, DRIFT, COST, FAIRNESS)
    for kpi in family
}


def fitting(label_type: str, tolerance: float | None = None) -> dict[str, Kpi]:
    """The KPIs that labels of a type have, by name and in order; `tolerance` is that of numbers, or None."""
    labels = "number with tolerance" if label_type == "number" and tolerance is not None else label_type
    return {name: kpi for name, kpi in KPIS.items() if labels in kpi.fits}
