"""GLAD and MACE as crowd-kit computes them, behind the extra `crowdkit`.

Here belongs only what makes crowd-kit's models estimators like ours. They are slow beside ours (pandas joins in
every iteration); use them where a project's size allows.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from label_pipeline.consensus.base import (
    Fitted,
    annotator_means,
    check_gold,
    check_number,
    settle,
    vote_shares,
)
from label_pipeline.errors import UserError
from label_pipeline.votes import FloatArray, IntArray, Votes


class _CrowdKit(Fitted):
    """What both adapters do: hand the votes over, take the probabilities back, settle gold.

    Gold labels decide their items; crowd-kit's models do not learn from them. `annotator_quality_` is the
    mean probability of the labels an annotator gave.
    """

    def _run(self, votes: Votes, gold: Any) -> Self:
        known = check_gold(gold, votes)
        self.probabilities_ = vote_shares(votes)
        self.annotator_weight_ = np.zeros(votes.n_annotators)
        self.diagnostics_ = {"fallback_items": 0.0}
        used = np.flatnonzero(votes.per_class)
        if len(used) > 1:  # with a single class there is nothing to estimate, and crowd-kit divides by zero
            with np.errstate(divide="ignore", invalid="ignore"):  # what comes of it is caught in `_take`
                table, columns = self._model(votes)
            self._take(votes, table, columns)
        self.labels_ = settle(self.probabilities_, votes, known)
        self.annotator_quality_ = annotator_means(self.probabilities_[votes.item, votes.label], votes)
        self.confusion_ = None
        return self

    def _model(self, votes: Votes) -> tuple[Any, IntArray]:
        """The fitted crowd-kit model's probabilities and the class code of each of its columns."""
        raise NotImplementedError

    def _take(self, votes: Votes, table: Any, columns: IntArray) -> None:
        """Write the model's probabilities; items where it has none (0/0 by underflow) keep their vote shares."""
        rows = table.index.to_numpy()
        values = np.zeros((len(rows), votes.n_classes))
        values[:, columns] = table.to_numpy(dtype=np.float64)
        total = values.sum(axis=1)
        sound = np.isfinite(total) & (total > 0)
        self.probabilities_[rows[sound]] = values[sound] / total[sound, None]
        self.diagnostics_["fallback_items"] = float((~sound).sum())


@dataclass
class Glad(_CrowdKit):
    """GLAD: the ability of each annotator and the difficulty of each item.

    P(l_ij = truth) = 1 / (1 + exp(−α_j β_i)); wrong labels are spread evenly. `annotator_weight_` is α_j.
    `max_iter` and `tol` are crowd-kit's `n_iter` and `tol`.

    Source: Whitehill et al. 2009, "Whose Vote Should Count More", NeurIPS.
    """

    max_iter: int = 100
    tol: float = 1e-5

    def fit(self, votes: Votes, *, probabilities: FloatArray | None = None, gold: IntArray | None = None) -> Self:
        """Fit to `votes`. Raises UserError without the extra `crowdkit`. See `base.Estimator`."""
        check_number("max_iter", self.max_iter, least=1)
        return self._run(votes, gold)

    def _model(self, votes: Votes) -> tuple[Any, IntArray]:
        frame, classes = _frame(votes)
        model = _library().GLAD(n_iter=self.max_iter, tol=self.tol, silent=True).fit(frame)
        self.annotator_weight_[model.alphas_.index.to_numpy()] = model.alphas_.to_numpy()
        return model.probas_, classes[model.probas_.columns.to_numpy(dtype=np.int64)]


@dataclass
class Mace(_CrowdKit):
    """MACE: whether an annotator knows the answer, or spams with labels of their own taste.

    P(l_ij = o | truth t) = c_j [o = t] + (1 − c_j) ξ_jo, by variational Bayes. `annotator_weight_` is the
    competence c_j. crowd-kit seeds each of its random restarts alike, so one start gives what ten do; `seed`
    and `max_iter` are its `random_state` and `n_iter`.

    Source: Hovy et al. 2013, "Learning Whom to Trust with MACE", NAACL.
    """

    max_iter: int = 50
    seed: int = 0

    def fit(self, votes: Votes, *, probabilities: FloatArray | None = None, gold: IntArray | None = None) -> Self:
        """Fit to `votes`. Raises UserError without the extra `crowdkit`. See `base.Estimator`."""
        check_number("max_iter", self.max_iter, least=1)
        return self._run(votes, gold)

    def _model(self, votes: Votes) -> tuple[Any, IntArray]:
        frame, classes = _frame(votes)
        mace = _library().MACE(n_restarts=1, n_iter=self.max_iter, random_state=self.seed)
        model = mace.fit(frame)
        annotators = frame["worker"].unique()
        self.annotator_weight_[annotators] = model.spamming_[:, 1]
        return model.probas_, classes[model.probas_.columns.to_numpy(dtype=np.int64)]


def _frame(votes: Votes) -> tuple[Any, IntArray]:
    """The votes as crowd-kit's frame, and the class code of each label in it.

    crowd-kit's MACE numbers workers and labels by first appearance in one place and by sorted value in
    another. Rows in worker order, and labels renumbered by first appearance, make the two agree.
    """
    import pandas as pd

    order = votes.annotator_order()
    label, classes = pd.factorize(votes.label[order])
    frame = pd.DataFrame({"task": votes.item[order], "worker": votes.annotator[order], "label": label})
    return frame, np.asarray(classes)


def _library() -> Any:
    try:
        import crowdkit.aggregation as library
    except ImportError as error:
        raise UserError(
            "GLAD and MACE need crowd-kit", do="Install label-pipeline with the extra 'crowdkit'."
        ) from error
    return library
