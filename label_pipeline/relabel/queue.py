"""The relabel queue: items ordered by what another label is worth, each with its route, its people and its reason.

Here belongs putting together belief, value, people, order, budget and words for a whole project. The arithmetic stands
in `value`, whom to ask in `people`, the policy in `route`, spending in `budget`, the wording in `reasons`; batches made
from the queue are not here.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from label_pipeline.relabel.belief import Background, aligned, costs_of
from label_pipeline.relabel.budget import Budget, Price, within
from label_pipeline.relabel.people import Panel, ask, names_of
from label_pipeline.relabel.reasons import Facts, reason
from label_pipeline.relabel.route import (
    ADJUDICATOR,
    ANNOTATOR,
    GUIDELINE,
    ConfusedPair,
    QueuePolicy,
    is_asked,
    is_for_adjudicator,
)
from label_pipeline.relabel.value import telling, worth, worth_of_truth

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
IN_DOUBT = 0.05
"""A class less likely than this is not worth a word."""
DIGITS = 9
"""Values that agree to so many digits are a tie."""


@dataclass(frozen=True, slots=True, eq=False)
class Asking:
    """Beside the labels, what a queue is made for: what a night may spend, who may be asked, what counts for how much.

    `prices` are those of an answer by route. `importance` (n,), aligned to the rows of the consensus, weighs items and
    `class_costs` (K,) wrong labels by true class; both are 1 unless given. `out` are items that were sent and have not
    come back.
    """

    budget: Budget
    prices: Mapping[str, Price] | None = None
    panel: Panel | None = None
    confused_pairs: Sequence[ConfusedPair] = ()
    importance: npt.NDArray[Any] | None = None
    class_costs: npt.NDArray[Any] | None = None
    out: Collection[str] = ()


def relabel_queue(
    consensus: pd.DataFrame,
    issues: pd.DataFrame,
    probabilities: npt.NDArray[Any] | None,
    labelled_by: pd.DataFrame,
    policy: QueuePolicy,
    asking: Asking,
    *,
    classes: Sequence[str],
) -> pd.DataFrame:
    """The items to label again, a frame of relabel_queue by rank.

    `consensus` is a frame of consensus_labels, `issues` of label_issues. `probabilities` (n, K) are the model's, as
    the rows of `consensus`; a row of NaN is an item the model has no opinion on. `labelled_by` has a row (item_id,
    annotator_id) an annotation.

    An item is in it that is unlabelled, open or disputed, or accepted while its label is an issue; never one that gold
    or an adjudicator settled, and none that is out. Its gain is `value.worth` under the laws of the people it names, or
    `worth_of_truth` where an adjudicator is asked; its value is importance × gain, the k-th of a set of near duplicates
    being worth a k-th of that. Belief is the consensus probabilities, with the model as one more witness as far as it
    earned trust, unless the consensus heard it already.

    All items are compared under the law of a typical annotator; of those that may be kept, each is then compared under
    the laws of the people who would be asked. Ties (to `DIGITS`): the item with fewer annotations, then the lower item
    id; never the order of rows. Of every confused pair the most valuable disputed items go to the guideline owner as
    examples. At most `policy.keep` rows are kept, or what the budget buys where that is more.

    Raises UserError for probabilities, importance or costs that do not fit.
    """
    rows, model, weight = aligned(consensus, issues, probabilities, asking.importance, len(classes))
    costs = costs_of(asking.class_costs, len(classes))
    panel = asking.panel or Panel((), np.empty(0), np.empty((0, len(classes), len(classes))))
    background = Background.of(rows, model, len(classes))
    kept = is_asked(rows["status"], rows["is_issue"].to_numpy())
    if asking.out:
        kept &= ~rows["item_id"].isin(list(asking.out)).to_numpy()
    asked = np.flatnonzero(kept)
    rows, weight = rows.iloc[asked].reset_index(drop=True), weight[asked]
    opinion = model[asked] if model is not None else np.full((len(asked), len(classes)), np.nan)
    belief = background.belief(rows, opinion)

    n = rows["n_annotations"].to_numpy(np.int64)
    expert = is_for_adjudicator(rows["status"], n, policy)
    lacks = np.maximum(policy.min_annotations - n, 0)
    law = panel.typical(background.accuracy, len(classes))
    value = weight * np.where(
        expert,
        worth_of_truth(belief, cost=costs, missing=lacks),
        worth(belief, law[None], cost=costs, missing=lacks),
    )
    most = max(policy.keep, asking.budget.most or 0)
    value, _ = _uncrowded(value, rows["duplicate_set"], n)
    best = np.sort(_order(value, n)[:most])  # by item id again, so that a tie goes to the lower one
    rows, belief, opinion, weight = rows.iloc[best].reset_index(drop=True), belief[best], opinion[best], weight[best]
    expert, n, lacks = expert[best], n[best], lacks[best]

    labelled = _labelled(rows["item_id"], labelled_by)
    rows["route"] = np.where(expert, ADJUDICATOR, ANNOTATOR)
    chosen = _chosen(_order(value[best], n), expert, belief, labelled, panel, policy.load, asking.budget.most)
    gain = _gain(belief, chosen, panel, law, lacks, expert, None)
    priced = gain if costs is None else _gain(belief, chosen, panel, law, lacks, expert, costs)
    rows["gain"] = np.round(gain, DIGITS)
    rows["value"], rows["twin"] = _uncrowded(weight * priced, rows["duplicate_set"], n)
    order = _order(rows["value"].to_numpy(), n)
    rows, belief, opinion = rows.iloc[order].reset_index(drop=True), belief[order], opinion[order]
    return _ranked(rows, belief, opinion, chosen[order], [labelled[k] for k in order], panel, asking, policy, classes)


def _chosen(
    order: IntArray,
    expert: npt.NDArray[np.bool_],
    belief: FloatArray,
    labelled: Sequence[Sequence[str]],
    panel: Panel,
    load: float,
    most: int | None,
) -> IntArray:
    """Whom to ask about each item, as places in the panel; -1 is nobody. Items are served in `order`, which compares
    only who is served first, so that values under the typical law will do."""
    if not panel.ids:
        return np.full((len(belief), 1), -1)
    first = order[~expert[order]]
    found = ask(telling(belief[first], panel.laws), panel, [labelled[k] for k in first], load, most or len(first))
    chosen = np.full((len(belief), found.shape[1]), -1)
    chosen[first] = found
    return chosen


def _ranked(
    rows: pd.DataFrame,
    belief: FloatArray,
    opinion: FloatArray,
    chosen: IntArray,
    labelled: Sequence[list[str]],
    panel: Panel,
    asking: Asking,
    policy: QueuePolicy,
    classes: Sequence[str],
) -> pd.DataFrame:
    """The table of rows in the order of their value: routes to guidelines, people, words and the budget."""
    pairs = _route_to_guidelines(rows, belief, asking.confused_pairs, classes, policy)
    names = names_of(chosen, panel) if panel.ids else [[] for _ in labelled]
    people = [[] if route == GUIDELINE else each for each, route in zip(names, rows["route"], strict=True)]
    suggested, share = _suggested(rows, opinion, classes)
    facts = _facts(rows, suggested, share, pairs, _skill(belief, chosen, panel, classes, people))
    prices = asking.prices or dict.fromkeys((ANNOTATOR, ADJUDICATOR, GUIDELINE), Price())
    return pd.DataFrame(
        {
            "rank": np.arange(1, len(rows) + 1),
            "item_id": rows["item_id"],
            "value": rows["value"],
            "gain": rows["gain"],
            "reason": pd.Series([reason(each, policy) for each in facts], dtype=object),
            "route": rows["route"],
            "suggested_label": pd.Series(suggested, dtype=object),
            "within_budget": within(rows["value"].to_numpy(np.float64), list(rows["route"]), asking.budget, prices),
            "ask_annotators": pd.Series(people, dtype=object),
            "exclude_annotators": pd.Series(list(labelled), dtype=object),
        }
    )


def _gain(
    belief: FloatArray,
    chosen: IntArray,
    panel: Panel,
    law: FloatArray,
    lacks: IntArray,
    expert: npt.NDArray[np.bool_],
    costs: FloatArray | None,
) -> FloatArray:
    """The mean of `worth` over the people named for each item, under the typical law where nobody is named; that of the
    truth where an expert is asked."""
    laws = np.concatenate([panel.laws, law[None]])
    total, people = np.zeros(len(belief)), np.zeros(len(belief))
    for place in range(chosen.shape[1]):
        named = (chosen[:, place] >= 0) | (place == 0)
        who = np.where(chosen[named, place] >= 0, chosen[named, place], len(panel.ids))
        total[named] += worth(belief[named], laws, who, cost=costs, missing=lacks[named])
        people += named
    return np.where(expert, worth_of_truth(belief, cost=costs, missing=lacks), total / np.maximum(people, 1))


def _uncrowded(value: FloatArray, duplicate_set: pd.Series[Any], n: IntArray) -> tuple[FloatArray, IntArray]:
    """Values where the k-th most valuable of a set of near duplicates is worth a k-th of its own, and that k.

    The answer on one says something of the others: ten copies of a hard item are not ten hard items. Yet each is asked
    about when its turn comes, so that a set whose members do not tell of each other is labelled all the same.
    """
    place = np.ones(len(value), dtype=np.int64)
    twins = np.flatnonzero(duplicate_set.notna().to_numpy())
    if len(twins):
        ranked = twins[_order(value[twins], n[twins])]
        place[ranked] = duplicate_set.iloc[ranked].groupby(duplicate_set.iloc[ranked].to_numpy()).cumcount() + 1
    return np.round(value / place, DIGITS), place


def _order(value: FloatArray, n: IntArray) -> IntArray:
    """By falling value, then fewer annotations; stable, so rows in the order of item ids keep it within a tie."""
    return np.lexsort((n, -np.round(value, DIGITS)))


def _likeliest(belief: FloatArray) -> IntArray:
    """The two likeliest classes of each item: (n, 2), the likelier first, ties by class order."""
    return np.argsort(-belief, axis=1, kind="stable")[:, :2]


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
    likeliest = np.sort(_likeliest(belief), axis=1)
    disputed = (rows["status"] == "disputed").to_numpy()
    for pair in pairs:
        between = (likeliest == sorted((code[pair.first], code[pair.second]))).all(axis=1)
        examples = np.flatnonzero(disputed & between)[: policy.guideline_examples]
        rows.loc[examples, "route"] = GUIDELINE
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


def _skill(
    belief: FloatArray, chosen: IntArray, panel: Panel, classes: Sequence[str], people: Sequence[Sequence[str]]
) -> list[tuple[str, str, str, float] | None]:
    """The one to ask first, the two classes in doubt, and how often that person is right about those: by row.

    None where nobody is named, or nothing is in doubt.
    """
    found: list[tuple[str, str, str, float] | None] = []
    if len(classes) < 2:
        return [None] * len(people)
    for row, names, pair, who in zip(belief, people, _likeliest(belief).tolist(), chosen[:, 0].tolist(), strict=True):
        if not names or row[pair[1]] < IN_DOUBT:
            found.append(None)
            continue
        a, b = pair
        right = float(panel.laws[who, a, a] + panel.laws[who, b, b]) / 2
        found.append((names[0], classes[a], classes[b], right))
    return found


def _facts(
    rows: pd.DataFrame,
    suggested: Sequence[str | None],
    share: Sequence[float | None],
    pairs: Sequence[ConfusedPair | None],
    skill: Sequence[tuple[str, str, str, float] | None],
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
            skill=skill[k],
            twin=int(row["twin"]),
        )
        for k, row in enumerate(rows.to_dict("records"))
    ]


def _labelled(items: pd.Series[str], labelled_by: pd.DataFrame) -> list[list[str]]:
    """Who labelled each item already, sorted."""
    ours = labelled_by[labelled_by["item_id"].isin(items)].astype(object)  # millions may be held as categories
    people = ours.groupby("item_id")["annotator_id"].agg(lambda each: sorted(set(each)))
    by_item = people.to_dict()
    return [by_item.get(item, []) for item in items]


def _text(value: Any) -> str | None:
    return None if pd.isna(value) else str(value)


def _number(value: Any) -> float | None:
    return None if pd.isna(value) else float(value)
