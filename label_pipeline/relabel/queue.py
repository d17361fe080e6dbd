"""The relabel queue: items ordered by what another label is worth, each with its route and reason.

Here belongs putting together belief, value, order, budget and words for a whole project. The arithmetic stands in
`value`, the policy in `route`, the wording in `reasons`; batches made from the queue are not here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from label_pipeline.errors import UserError
from label_pipeline.relabel.reasons import Facts, reason
from label_pipeline.relabel.route import ConfusedPair, QueuePolicy, is_asked, is_for_adjudicator
from label_pipeline.relabel.value import combine, coverage_need, expected_gain, model_trust

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
SAMPLE = 100_000
"""The most items from which class frequencies and the trust in the model are read."""
DIGITS = 9
"""Values that agree to so many digits are a tie."""
_PRIOR_RIGHT, _PRIOR_N = 4.0, 5.0


def relabel_queue(
    consensus: pd.DataFrame,
    issues: pd.DataFrame,
    probabilities: npt.NDArray[Any] | None,
    labelled_by: pd.DataFrame,
    policy: QueuePolicy,
    *,
    classes: Sequence[str],
    confused_pairs: Sequence[ConfusedPair] = (),
    importance: npt.NDArray[Any] | None = None,
) -> pd.DataFrame:
    """The items to label again, a frame of relabel_queue by rank.

    `consensus` is a frame of consensus_labels, `issues` of label_issues. `probabilities` (n, K) are the model's,
    and `importance` (n,) weights of 0 and more, both aligned to the rows of `consensus`; a row of NaN is an
    item the model has no opinion on. `labelled_by` has a row (item_id, annotator_id) an annotation.

    An item is in it that is unlabelled, open or disputed, or accepted while its label is an issue; never one
    that gold or an adjudicator settled. Its value is importance × (`expected_gain` + `coverage_need`), the
    belief being the consensus probabilities with the model as one more witness as far as it earned trust; an
    adjudicator's answer counts as right. Ties (to `DIGITS`): the item with fewer annotations, then the lower
    item id; never the order of rows. Of every confused pair the most valuable disputed items go to the guideline
    owner as examples. At most max(`policy.keep`, budget) rows are kept; the first `budget_annotations` ranks
    are within the budget.

    Raises UserError for probabilities or importance that do not fit the rows.
    """
    rows, model, weight = _aligned(consensus, issues, probabilities, importance, len(classes))
    background = _Background.of(rows, model, len(classes))
    asked = np.flatnonzero(is_asked(rows["status"], rows["is_issue"].to_numpy()))
    rows = rows.iloc[asked].reset_index(drop=True)
    opinion = model[asked] if model is not None else np.full((len(asked), len(classes)), np.nan)
    belief = combine(background.posterior(rows), opinion, background.trust)
    n = rows["n_annotations"].to_numpy(np.int64)
    expert = is_for_adjudicator(rows["status"], n, policy)

    gain = np.where(expert, expected_gain(belief, 1.0), expected_gain(belief, background.accuracy))
    need = np.where(expert, 0.0, coverage_need(belief, n, policy.min_annotations))
    rows["value"] = np.round(weight[asked] * (gain + need), DIGITS)
    rows["route"] = np.where(expert, "adjudicator", "annotator")
    order = np.lexsort((n, -rows["value"].to_numpy()))  # stable, so rows stay by item id within a tie
    best = order[: max(policy.keep, policy.budget_annotations)]
    rows, belief, opinion = rows.iloc[best].reset_index(drop=True), belief[best], opinion[best]

    pairs = _route_to_guidelines(rows, belief, confused_pairs, classes, policy)
    suggested, share = _suggested(rows, opinion, classes)
    reasons = [reason(facts, policy) for facts in _facts(rows, suggested, share, pairs)]
    return pd.DataFrame(
        {
            "rank": np.arange(1, len(rows) + 1),
            "item_id": rows["item_id"],
            "value": rows["value"],
            "reason": pd.Series(reasons, dtype=object),
            "route": rows["route"],
            "suggested_label": pd.Series(suggested, dtype=object),
            "within_budget": np.arange(len(rows)) < policy.budget_annotations,
            "exclude_annotators": pd.Series(_labelled(rows["item_id"], labelled_by), dtype=object),
        }
    )


def typical_accuracy(consensus: pd.DataFrame) -> float:
    """The chance that an annotation of this project is right, in (0, 1), from agreement with the consensus.

    The share of annotations on items with two or more that gave the consensus label, with four of five added as
    what is believed before anybody was compared. A little high, since an annotation helps make the consensus.
    """
    several = consensus["n_annotations"] >= 2
    n = consensus.loc[several, "n_annotations"].to_numpy(np.float64)
    agreeing = float((n * consensus.loc[several, "agreement"].to_numpy(np.float64)).sum())
    return (agreeing + _PRIOR_RIGHT) / (float(n.sum()) + _PRIOR_N)


@dataclass(frozen=True, slots=True)
class _Background:
    """What the whole project says about an item before the item is looked at."""

    classes: FloatArray
    accuracy: float
    trust: float

    @classmethod
    def of(cls, rows: pd.DataFrame, model: FloatArray | None, n_classes: int) -> _Background:
        labelled = np.flatnonzero(rows["probabilities"].notna())
        sample = labelled[:: max(1, -(-len(labelled) // SAMPLE))]
        posterior = _matrix(rows["probabilities"].iloc[sample], n_classes)
        frequency = (posterior.sum(axis=0) + 1.0 / n_classes) / (len(sample) + 1.0)
        trust = model_trust(posterior, model[sample]) if model is not None else 0.0
        return cls(frequency, typical_accuracy(rows), trust)

    def posterior(self, rows: pd.DataFrame) -> FloatArray:
        """The consensus probabilities (n, K); the frequencies of the classes where nobody has labelled."""
        known = rows["probabilities"].notna().to_numpy()
        posterior = np.tile(self.classes, (len(rows), 1))
        posterior[known] = _matrix(rows["probabilities"][known], len(self.classes))
        return posterior


def _aligned(
    consensus: pd.DataFrame,
    issues: pd.DataFrame,
    probabilities: npt.NDArray[Any] | None,
    importance: npt.NDArray[Any] | None,
    n_classes: int,
) -> tuple[pd.DataFrame, FloatArray | None, FloatArray]:
    """The consensus by item id with what is known of issues, the model's opinion and the weights beside it."""
    if probabilities is not None and probabilities.shape != (len(consensus), n_classes):
        raise UserError(
            f"the model's probabilities have the shape {probabilities.shape}",
            where="relabel queue",
            rule=f"a row an item and a column a class: {(len(consensus), n_classes)}",
        )
    weight = np.ones(len(consensus)) if importance is None else np.asarray(importance, dtype=np.float64)
    if weight.shape != (len(consensus),) or not (np.isfinite(weight) & (weight >= 0)).all():
        raise UserError("importance must be one number of 0 or more an item", where="relabel queue")
    model = None if probabilities is None else np.asarray(probabilities, dtype=np.float64)
    if not consensus["item_id"].is_monotonic_increasing:
        order = np.argsort(consensus["item_id"].to_numpy(), kind="stable")
        consensus, weight = consensus.iloc[order], weight[order]
        model = None if model is None else model[order]
    about = issues.set_index("item_id")[["suggested_label", "label_quality", "is_issue", "kind"]]
    known = about.index.get_indexer(pd.Index(consensus["item_id"]))
    rows = consensus.reset_index(drop=True)
    for name, column in about.items():
        rows[name] = pd.Series(column.to_numpy(dtype=object)).reindex(known).to_numpy()
    return rows.assign(is_issue=rows["is_issue"].eq(True)), model, weight


def _matrix(probabilities: pd.Series[Any], n_classes: int) -> FloatArray:
    if not len(probabilities):
        return np.empty((0, n_classes))
    return np.vstack(probabilities.to_list()).astype(np.float64)


def _route_to_guidelines(
    rows: pd.DataFrame,
    belief: FloatArray,
    pairs: Sequence[ConfusedPair],
    classes: Sequence[str],
    policy: QueuePolicy,
) -> list[ConfusedPair | None]:
    """Reroutes the first disputed items of every confused pair, in place; the pair each row is an example of."""
    found: list[ConfusedPair | None] = [None] * len(rows)
    if not pairs or not len(rows):
        return found
    code = {name: k for k, name in enumerate(classes)}
    likeliest = np.sort(np.argpartition(-belief, 1, axis=1)[:, :2], axis=1)
    disputed = (rows["status"] == "disputed").to_numpy()
    for pair in pairs:
        between = (likeliest == sorted((code[pair.first], code[pair.second]))).all(axis=1)
        examples = np.flatnonzero(disputed & between)[: policy.guideline_examples]
        rows.loc[examples, "route"] = "guideline"
        for row in examples:
            found[row] = pair
    return found


def _suggested(
    rows: pd.DataFrame, opinion: FloatArray, classes: Sequence[str]
) -> tuple[list[str | None], list[float | None]]:
    """The model's choice and its probability; what the issues suggest where the model says nothing."""
    known = np.isfinite(opinion).all(axis=1)
    choice = np.where(known, opinion.argmax(axis=1), -1) if len(opinion) else np.empty(0, dtype=np.int64)
    names: list[str | None] = [
        classes[k] if k >= 0 else _text(other) for k, other in zip(choice, rows["suggested_label"], strict=True)
    ]
    shares = [float(row[k]) if k >= 0 else None for row, k in zip(opinion, choice, strict=True)]
    return names, shares


def _facts(
    rows: pd.DataFrame,
    suggested: Sequence[str | None],
    share: Sequence[float | None],
    pairs: Sequence[ConfusedPair | None],
) -> list[Facts]:
    return [
        Facts(
            status=row["status"],
            n=row["n_annotations"],
            agreeing=round(row["n_annotations"] * row["agreement"]) if row["n_annotations"] else 0,
            label=_text(row["label"]),
            confidence=_number(row["confidence"]),
            suggested=suggested[k],
            suggested_share=share[k],
            issue=(_text(row["kind"]) or "") if row["is_issue"] else "",
            label_quality=_number(row["label_quality"]),
            route=row["route"],
            pair=pairs[k],
        )
        for k, row in enumerate(rows.to_dict("records"))
    ]


def _labelled(items: pd.Series[str], labelled_by: pd.DataFrame) -> list[list[str]]:
    """Who labelled each item already, sorted."""
    ours = labelled_by[labelled_by["item_id"].isin(items)]
    people = ours.groupby("item_id")["annotator_id"].agg(lambda each: sorted(set(each)))
    by_item = people.to_dict()
    return [by_item.get(item, []) for item in items]


def _text(value: Any) -> str | None:
    return None if pd.isna(value) else str(value)


def _number(value: Any) -> float | None:
    return None if pd.isna(value) else float(value)
