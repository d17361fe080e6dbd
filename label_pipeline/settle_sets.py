"""A night's consensus on label sets: labels, who answers well, and what is believed of each item.

Here belongs what `consensus.multilabel` and `annotators.table` need to speak of sets as stored texts. When an item is
settled stands in `settle`.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from label_pipeline.annotators.standing import LESS_WEIGHT
from label_pipeline.consensus.less import less_words, mean_of_sets
from label_pipeline.consensus.multilabel import MultiLabel
from label_pipeline.label_meaning import MOST_CATEGORIES, SetMeaning, parts
from label_pipeline.label_sets import LabelSets
from label_pipeline.matrices import matrix_of
from label_pipeline.project_labels import BETWEEN_CLASSES
from label_pipeline.settle import Concluded, answers_of, known_checks
from label_pipeline.votes import Votes

FloatArray = npt.NDArray[np.float64]
BELIEFS = 5
"""Sets that are told apart in what is believed of one item: its label, the next likely ones, and all others."""


@dataclass(frozen=True)
class SettledSets:
    """Label sets as of a day.

    `people` and `models` are answers (item_id, annotator_id, label, annotated_at), one an item and annotator: both are
    heard, but only people's are counted. `items` are all item ids, sorted; `gold` is the gold set in force. `lesser`
    are the answers of people that weigh less (item_id, annotator_id).
    """

    meaning: SetMeaning
    items: npt.NDArray[Any]
    people: pd.DataFrame
    models: pd.DataFrame
    gold: pd.DataFrame
    lesser: pd.DataFrame | None = None

    @cached_property
    def fitted(self) -> MultiLabel:
        """The model of who errs how, told of check gold."""
        fitted = self._fit(self.people)
        if self.lesser is None or self.lesser.empty:
            return fitted
        return mean_of_sets(fitted, self._fit(self.people[~answers_of(self.people, self.lesser)]), LESS_WEIGHT)

    def _fit(self, people: pd.DataFrame) -> MultiLabel:
        heard = pd.concat([frame for frame in (people, self.models) if len(frame)] or [people])
        return MultiLabel().fit(self._sets(heard), gold=np.nan_to_num(self.checks, nan=-1).astype(np.int32))

    @cached_property
    def checks(self) -> FloatArray:
        """1 or 0 where check gold says whether an item has a class, else NaN: (n_items, n_classes)."""
        return self.meaning.members(known_checks(self.gold).reindex(self.items).tolist())

    @cached_property
    def n_annotations(self) -> npt.NDArray[np.int64]:
        """People's answers on each item."""
        counts = self.people["item_id"].value_counts().reindex(self.items, fill_value=0)
        return np.asarray(counts, dtype=np.int64)

    def concluded(self) -> Concluded:
        """Labels, and the chance that the whole set is right: that of all its decisions together."""
        chance = self.fitted.probabilities_
        told, answered = np.isfinite(self.checks).any(axis=1), self.n_annotations > 0
        settled = answered | told
        label = self._texts(self.fitted.labels_, settled)
        alone = self._majority()
        voted = np.where(told, self._texts(alone, answered), self._texts(self.fitted.labels_, answered))
        sure = np.maximum(chance, 1.0 - chance).prod(axis=1)
        return Concluded(
            items=self.items,
            n_annotations=self.n_annotations,
            label=label,
            voted=voted,
            confidence=np.where(settled, sure, np.nan),
            voted_confidence=np.where(answered & ~told, sure, np.nan),
            agreement=self._agreement,
            probabilities=np.where(settled[:, None], chance, np.nan),
            certain=lambda text: self.meaning.members([text])[0],
        )

    def words(self) -> str:
        """How it was done, for people."""
        less = "" if self.lesser is None or self.lesser.empty else " " + less_words(len(self.lesser), LESS_WEIGHT)
        return (
            "One decision a class: each annotator overlooks and imagines classes at rates of their own, which are "
            "shared between classes. A label is as sure as all its decisions together." + less
        )

    def as_classes(self) -> tuple[Votes, FloatArray]:
        """Answers as votes in which each different set is a class, and what is believed of each item among these.

        The rarer ones beyond `MOST_CATEGORIES` share classes by a hash of their text.
        """
        names = self.categories
        coded = self.people.assign(label=self.people["label"].map(names))
        texts = sorted(set(names.values()))
        votes = Votes.build(coded, classes=texts, items=self.items)
        belief = np.zeros((len(self.items), len(texts)))
        for name, code in names.items():
            belief[:, texts.index(code)] += self._chance_of(name)
        total = belief.sum(axis=1, keepdims=True)
        equal = np.full_like(belief, 1.0 / max(len(texts), 1))
        return votes, np.divide(belief, total, out=equal, where=total > 0)

    def worst_classes(self, votes: Votes) -> list[str | None]:
        """The class that each annotator of the people most often names or leaves out wrongly; None for who never does.

        `votes` are those of `as_classes`; what is right is the chance that the class is there, 0.5 an even bet.
        """
        sets = self._sets(self.people)
        chance = self.fitted.probabilities_
        wrong = np.zeros((sets.n_annotators, sets.n_classes))
        item = np.repeat(np.arange(sets.n_items), np.diff(sets.offsets))
        for k in range(sets.n_classes):
            said = np.zeros(sets.n, dtype=np.bool_)
            said[np.repeat(np.arange(sets.n), np.diff(sets.set_offsets))[sets.chosen == k]] = True
            there = chance[item, k]
            wrong[:, k] = np.bincount(
                sets.annotator, weights=np.where(said, 1.0 - there, there), minlength=sets.n_annotators
            )
        names = np.array(self.meaning.classes, dtype=object)[wrong.argmax(axis=1)]
        # Less than half an error in all is no error: it is the doubt that every consensus keeps.
        found = dict(zip(sets.annotators, np.where(wrong.max(axis=1) >= 0.5, names, None), strict=True))
        return [found[annotator] for annotator in votes.annotators]

    def said(self, label: str) -> str:
        """A label as people read it."""
        return self.meaning.words(label)

    @cached_property
    def categories(self) -> dict[str, str]:
        """The name under which each set that was answered, or is gold, is compared with others."""
        texts = pd.concat([self.people["label"], self.gold["label"]]).value_counts()
        ranked = sorted(texts.index, key=lambda text: (-texts[text], text))
        kept = ranked[:MOST_CATEGORIES]
        rest = pd.Series(ranked[MOST_CATEGORIES:], dtype=object)
        bucket = (pd.util.hash_pandas_object(rest, index=False) % (MOST_CATEGORIES // 4)).to_list()
        return {text: text for text in kept} | {
            text: f"other {number}" for text, number in zip(rest, bucket, strict=True)
        }

    def beliefs(self, consensus: pd.DataFrame) -> FloatArray:
        """How likely each item's label, the next likely answers, and anything else are: (n_items, `BELIEFS`).

        `consensus` is the table of the day; an item without a label may be anything.
        """
        found = np.full((len(self.items), BELIEFS), 1.0 / BELIEFS)
        given = self.people.groupby("item_id")["label"].agg(lambda each: sorted(set(each)))
        every = matrix_of(consensus["probabilities"], len(self.meaning.classes))
        for row, (item, label, chances) in enumerate(zip(consensus["item_id"], consensus["label"], every, strict=True)):
            if label is None or np.isnan(chances).any():
                continue
            texts = [label, *(text for text in given.get(item, []) if text != label)]
            members = self.meaning.members(texts)
            each = (members * chances + (1.0 - members) * (1.0 - chances)).prod(axis=1)
            likely = np.concatenate([each[:1], np.sort(each[1:])[::-1], np.zeros(BELIEFS)])[: BELIEFS - 1]
            found[row, : BELIEFS - 1], found[row, -1] = likely, max(1.0 - float(likely.sum()), 0.0)
        return np.asarray(found / found.sum(axis=1, keepdims=True), dtype=np.float64)

    def _sets(self, answers: pd.DataFrame) -> LabelSets:
        return LabelSets.build(
            answers.assign(label=answers["label"].map(parts)), classes=self.meaning.classes, items=self.items
        )

    def _majority(self) -> npt.NDArray[np.bool_]:
        """The classes that more than half of an item's people chose, (n_items, n_classes)."""
        sets = self._sets(self.people)
        item = np.repeat(np.repeat(np.arange(sets.n_items), np.diff(sets.offsets)), np.diff(sets.set_offsets))
        chosen = np.zeros((sets.n_items, sets.n_classes))
        np.add.at(chosen, (item, sets.chosen), 1.0)
        return np.asarray(2.0 * chosen > self.n_annotations[:, None])

    def _texts(self, chosen: npt.NDArray[np.bool_], known: npt.NDArray[np.bool_]) -> npt.NDArray[Any]:
        names = np.array(self.meaning.classes, dtype=object)
        texts = [BETWEEN_CLASSES.join(names[row]) if has else None for row, has in zip(chosen, known, strict=True)]
        return np.array(texts, dtype=object).reshape(len(self.items))

    def _chance_of(self, text: str) -> FloatArray:
        """The chance that a set is an item's true one, (n_items,)."""
        members, chance = self.meaning.members([text])[0], self.fitted.probabilities_
        return np.asarray(np.where(members > 0, chance, 1.0 - chance).prod(axis=1))

    def _agreement(self, labels: pd.Series[Any]) -> FloatArray:
        same = self.people["label"] == self.people["item_id"].map(pd.Series(labels.to_numpy(), index=self.items))
        counts = same.groupby(self.people["item_id"]).sum().reindex(self.items, fill_value=0)
        return np.asarray(counts / np.maximum(self.n_annotations, 1), dtype=np.float64)
