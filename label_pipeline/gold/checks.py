"""Answers on gold: which of them score their annotators, and when good annotators challenge the gold itself.

Here belong the two ways in which annotators and gold are held against each other. What follows for annotators stands in
`annotators.standing`, what follows for gold in `recheck`.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any

import pandas as pd

from label_pipeline.gold.life import in_force

CHANCE = 0.01
"""Gold is challenged when so few good annotators would confirm it with at most this chance, were it right."""


Right = Callable[["pd.Series[Any]", "pd.Series[Any]"], Any]
"""Of labels given and true ones, row by row, which are right: (n,) booleans."""


def check_answers(
    annotations: pd.DataFrame, gold: pd.DataFrame, day: date, *, right: Right = pd.Series.eq
) -> pd.DataFrame:
    """The answers that score their annotators as of `day`: item_id, annotator_id, given_on, true_label, right.

    `annotations` are votes with item_id, annotator_id, label and given_on (the day of the answer); `gold` is a frame
    of gold_set; `right` says which labels are. Answers on check gold in force count: on seeds whenever they were given,
    on promoted items from the day after the promotion, since earlier answers are what made them gold. Items that came
    into gold through an adjudication score nobody: they were adjudicated because people disagreed, and are harder than
    work usually is.
    """
    now = in_force(gold, day)
    now = now[(now["role"] == "check") & (now["origin"] != "adjudication")]
    since = gold.groupby("item_id")["valid_from"].min()
    truth = now.assign(gold_since=pd.to_datetime(now["item_id"].map(since)))
    truth = truth[["item_id", "label", "origin", "gold_since"]].rename(columns={"label": "true_label"})
    rows = annotations[["item_id", "annotator_id", "label", "given_on"]].merge(truth, on="item_id")
    after = pd.to_datetime(rows["given_on"]) > rows["gold_since"]
    rows = rows[(rows["origin"] == "seed") | after]
    return rows.assign(right=right(rows["label"], rows["true_label"]))[
        ["item_id", "annotator_id", "given_on", "true_label", "right"]
    ].reset_index(drop=True)


def challenges(
    annotations: pd.DataFrame,
    gold: pd.DataFrame,
    answers: pd.DataFrame,
    day: date,
    *,
    at_least: int = 3,
    good: float = 0.7,
    right: Right = pd.Series.eq,
) -> dict[str, str]:
    """The gold items in force that good annotators challenge on `day`, each with the reason in words.

    `annotations` has item_id, annotator_id, label, landed_day, role; `answers` is from `check_answers`. A person is
    good whose right answers on other checks, one right and one wrong added, are a share of at least `good`: two in a
    row for 0.7. An item is challenged when at least `at_least` good people gave one same other label, and so few of
    the good ones gave the gold label that the chance is at most `CHANCE` were it right: P(Binomial(n, q) ≤ agreeing),
    q their mean share. Models do not challenge. Answers that whoever decided the truth could have known are not held
    against it again: after a decision only those count that landed later; on seeds all do until they are decided anew.
    """
    from scipy.special import bdtr

    now = in_force(gold, day)
    decided = gold.groupby("item_id")["version"].transform("size") > 1
    known = (
        gold.loc[decided | (gold["origin"] != "seed"), ["item_id", "valid_from"]].groupby("item_id")["valid_from"].max()
    )
    rows = annotations.loc[annotations["role"] == "annotator", ["item_id", "annotator_id", "label", "landed_day"]]
    rows = rows.merge(now[["item_id", "label"]].rename(columns={"label": "truth"}), on="item_id")
    landed = pd.to_datetime(rows["landed_day"])
    floor = pd.to_datetime(rows["item_id"].map(known))
    rows = rows[floor.isna() | (landed > floor)]
    score = answers.groupby("annotator_id")["right"].agg(["sum", "size"])
    own = answers.set_index(["item_id", "annotator_id"])["right"]
    place = pd.MultiIndex.from_frame(rows[["item_id", "annotator_id"]])
    here = own.reindex(place)
    hits = rows["annotator_id"].map(score["sum"]).fillna(0).to_numpy(float) - here.eq(True).to_numpy(float)
    n = rows["annotator_id"].map(score["size"]).fillna(0).to_numpy(float) - here.notna().to_numpy(float)
    rows = rows.assign(share=(hits + 1) / (n + 2), confirms=right(rows["label"], rows["truth"]))
    rows = rows[rows["share"] >= good]
    # Few items have enough people against their gold: only those are looked at one by one.
    against = rows[~rows["confirms"].astype(bool)].groupby(["item_id", "label"]).size()
    rows = rows[rows["item_id"].isin(against[against >= at_least].index.get_level_values("item_id"))]
    found = {}
    for item, each in rows.groupby("item_id", sort=True):
        others = each.loc[~each["confirms"].astype(bool), "label"].value_counts()
        others = others[others == others.max()].sort_index()
        if len(others) == 0 or others.iloc[0] < at_least:
            continue
        agreeing, usual = int(each["confirms"].sum()), float(each["share"].mean())
        chance = float(bdtr(agreeing, len(each), usual))
        if chance <= CHANCE:
            found[str(item)] = (
                f"{others.iloc[0]} of {len(each)} good annotators say {others.index[0]} ({agreeing} confirm the gold;"
                f" right on {usual:.2f} of other checks, chance {chance:.2g})"
            )
    return found
