"""The report's labels: who confuses what, agreement by class, annotators, doubted labels, the queue.

Facts for the templates; no markup.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from label_pipeline.report import words
from label_pipeline.report.data import ReportData
from label_pipeline.report.marks import level

if TYPE_CHECKING:
    import pandas as pd

MATRIX_CLASSES = 12
CLASSES_SHOWN = 40
PAIRS_SHOWN = 3
ITEMS_A_PAIR = 4
ANNOTATORS_SHOWN = 30
ISSUES_SHOWN = 12
QUEUE_SHOWN = 20
PARTS_SHOWN = 40
ON_GOLD = ("precision", "recall", "f1")
_SAID_ALREADY = ("class_share", "dispute_rate", "noise_rate", *ON_GOLD)  # the table has them from the labels themselves
_PARTS = {"slice": "slice", "group": "group"}

_REST = "others"

IntArray = npt.NDArray[np.int64]


class Labels:
    """Votes and consensus of the day as aligned codes; everything below reads them."""

    def __init__(self, data: ReportData) -> None:
        import pyarrow as pa
        import pyarrow.compute as pc

        self.data, self.votes = data, data.votes
        ids = pa.array(self.votes.items).cast(pa.string())
        rows = pc.index_in(ids, data.consensus["item_id"].combine_chunks())
        label = data.consensus["label"].take(rows)
        codes = pc.fill_null(pc.index_in(label, pa.array(data.classes, pa.string())), -1)
        self._label = label
        self.ids, self.consensus = ids, np.asarray(codes.to_numpy(), dtype=np.int64)

    @cached_property
    def label(self) -> list[str | None]:
        """The consensus label of every item, as text."""
        labels: list[str | None] = self._label.to_pylist()
        return labels

    @cached_property
    def confusion(self) -> IntArray:
        """Annotations by consensus label of their item (rows) and answer (columns), (n_classes, n_classes)."""
        k = len(self.data.classes)
        truth = self.consensus[self.votes.item]
        known = truth >= 0
        cells = np.bincount(truth[known] * k + self.votes.label[known], minlength=k * k)
        return cells.reshape(k, k).astype(np.int64)

    def votes_on(self, item_id: str) -> str:
        """`3 say cat, 1 says dog`: the annotations on an item."""
        items = self.votes.items
        wanted = item_id if items.dtype == object else items.dtype.type(item_id)
        at = int(np.searchsorted(items, wanted))
        if at == len(items) or items[at] != wanted:
            return ""
        given = self.votes.label[self.votes.offsets[at] : self.votes.offsets[at + 1]]
        codes, counts = np.unique(given, return_counts=True)
        order = np.argsort(-counts, kind="stable")
        return ", ".join(
            f"{counts[i]} {'says' if counts[i] == 1 else 'say'} {self.data.meaning.words(self.votes.classes[codes[i]])}"
            for i in order
        )


@dataclass(frozen=True)
class Matrix:
    """The confusion matrix as shown: `rows` of (class, annotations, cells), a cell being (shade, percent, words)."""

    names: list[str]
    rows: list[tuple[str, str, list[tuple[str, str, str]]]]
    cut: bool


def matrix(labels: Labels) -> Matrix:
    """Row by row, what annotators answered where the consensus is that class; many classes: the most confused."""
    table, names = labels.confusion, list(labels.data.classes)
    cut = len(names) > MATRIX_CLASSES
    if cut:
        wrong = table.sum(axis=0) + table.sum(axis=1) - 2 * np.diag(table)
        kept = np.sort(np.argsort(-wrong, kind="stable")[: MATRIX_CLASSES - 1])
        group = np.full(len(names), len(kept))
        group[kept] = np.arange(len(kept))
        folded = np.zeros((len(kept) + 1, len(kept) + 1), dtype=np.int64)
        np.add.at(folded, (group[:, None], group[None, :]), table)
        table, names = folded, [names[i] for i in kept] + [_REST]
    totals = table.sum(axis=1)
    shares = table / np.maximum(totals, 1)[:, None]
    errors = shares[~np.eye(len(names), dtype=bool)].max(initial=0.0)
    rows = []
    for i, name in enumerate(names):
        cells = [
            (
                f"d{level(shares[i, j])}" if i == j else f"e{level(shares[i, j], errors)}",
                _short_percent(shares[i, j]),
                f"{words.count(table[i, j])} of {words.count(totals[i])} annotations say {names[j]}",
            )
            for j in range(len(names))
        ]
        rows.append((name, words.count(totals[i]), cells))
    return Matrix(names, rows, cut)


def _short_percent(share: float) -> str:
    return "" if share == 0 else "<1" if share < 0.01 else f"{100 * share:.0f}"


@dataclass(frozen=True)
class Pair:
    """Two classes taken for each other, with the items most evenly split between them."""

    first: str
    second: str
    words: str
    items: list[str]


def pairs(labels: Labels) -> list[Pair]:
    """The pairs with most annotations against the consensus."""
    table, names = labels.confusion, labels.data.classes
    both = np.triu(table + table.T, k=1)
    order = np.argsort(-both, axis=None, kind="stable")[:PAIRS_SHOWN]
    found = []
    for a, b in zip(*np.unravel_index(order, both.shape), strict=True):
        if both[a, b] == 0:
            break
        total = int(table[[a, b]].sum())
        share = words.percent(both[a, b] / max(total, 1))
        text = (
            f"{words.plural(int(both[a, b]), 'annotation')} of {words.count(total)} on items of these two say the other"
            f" one ({share}). “{names[b]}” where the consensus is “{names[a]}”: {words.count(table[a, b])};"
            f" “{names[a]}” where it is “{names[b]}”: {words.count(table[b, a])}."
        )
        found.append(Pair(names[a], names[b], text, _split_between(labels, int(a), int(b))))
    return found


def _split_between(labels: Labels, a: int, b: int) -> list[str]:
    """Items with answers of both classes: the most answers of the rarer one first."""
    votes = labels.votes
    of_a, of_b = (np.bincount(votes.item[votes.label == code], minlength=votes.n_items) for code in (a, b))
    rarer = np.minimum(of_a, of_b)
    split = np.flatnonzero(rarer)
    order = split[np.argsort(-rarer[split], kind="stable")][:ITEMS_A_PAIR]
    return [labels.ids[int(i)].as_py() for i in order]


def by_class(labels: Labels) -> list[dict[str, Any]]:
    """One row a class, least agreement first: size, agreement, confidence, disputes, doubted labels, KPIs."""
    data, table = labels.data, labels.confusion
    frame, labelled = figures_by_label(data)
    figures = {row["label"]: row for row in frame.to_dict("records")}
    issues = data.label_issues.filter(data.label_issues["is_issue"])["given_label"].value_counts().to_pylist()
    doubted, examined = {row["values"]: row["counts"] for row in issues}, len(data.label_issues) > 0
    rows: list[dict[str, Any]] = []
    for code, name in enumerate(data.classes):
        figure, answers = figures.get(name, {}), int(table[code].sum())
        n = int(figure.get("n", 0))
        rows.append(
            {
                "name": name,
                "items": n,
                "share": n / max(labelled, 1),
                "agreement": table[code, code] / answers if answers else None,
                "confidence": figure.get("confidence"),
                "disputed": figure.get("disputed"),
                "doubted": doubted.get(name, 0) / n if n and examined else None,  # no model has no doubt, and no trust
                "kpis": [],
            }
        )
    add_class_kpis(data, rows)
    rows.sort(key=lambda row: (row["agreement"] is None, row["agreement"] or 0.0))
    return rows[:CLASSES_SHOWN]


def figures_by_label(data: ReportData) -> tuple[pd.DataFrame, int]:
    """For each consensus label: label, n, mean confidence, disputed share; and how many items have a label."""
    consensus = data.consensus.select(["label", "confidence", "status"]).filter(data.consensus["label"].is_valid())
    disputed = consensus.append_column("disputed", _equal(consensus["status"], "disputed"))
    grouped = disputed.group_by("label", use_threads=False).aggregate(
        [("confidence", "mean"), ("disputed", "mean"), ("label", "count")]
    )
    names = {"confidence_mean": "confidence", "disputed_mean": "disputed", "label_count": "n"}
    return grouped.to_pandas().rename(columns=names), len(consensus)


def class_kpis(data: ReportData) -> list[str]:
    """Names of the KPIs that are measured by class and that nothing else in its row says."""
    per_class = data.kpis.filter(_equal(data.kpis["dimension"], "class"))
    return sorted(set(per_class["kpi"].to_pylist()) - set(_SAID_ALREADY))


def add_class_kpis(data: ReportData, rows: list[dict[str, Any]]) -> None:
    """Add to each class what the KPIs say of it."""
    found = {
        (row["kpi"], row["member"]): row
        for row in data.kpis.filter(_equal(data.kpis["dimension"], "class")).to_pylist()
    }
    for row in rows:
        for kpi in class_kpis(data):
            one, shown = found.get((kpi, row["name"]), {}), words.FORMATS[data.text_of(kpi).unit]
            interval = words.interval(shown, one.get("ci_low"), one.get("ci_high"))
            row["kpis"].append((shown(one.get("value")), interval))


def on_gold(data: ReportData) -> list[tuple[str, list[tuple[str, str, str]]]]:
    """Precision, recall and F1 of the classes as (value, interval, n), the worst F1 first; empty without any."""
    rows = data.kpis.filter(_equal(data.kpis["dimension"], "class")).to_pylist()
    found = {(row["kpi"], row["member"]): row for row in rows if row["kpi"] in ON_GOLD}
    names = [name for name in data.classes if any(words.known(_value(found, kpi, name)) for kpi in ON_GOLD)]
    names.sort(key=lambda name: (_value(found, "f1", name) is None, _value(found, "f1", name) or 0.0))
    return [(name, [_measured(found.get((kpi, name), {})) for kpi in ON_GOLD]) for name in names[:CLASSES_SHOWN]]


def _value(found: dict[tuple[str, str], dict[str, Any]], kpi: str, name: str) -> float | None:
    value: float | None = found.get((kpi, name), {}).get("value")
    return value if words.known(value) else None


def _measured(row: dict[str, Any]) -> tuple[str, str, str]:
    interval = words.interval(words.percent, row.get("ci_low"), row.get("ci_high"))
    return words.percent(row.get("value")), interval, words.count(row.get("n"))


@dataclass(frozen=True)
class Parts:
    """Agreement of parts of the work: `rows` of (kind, member, cells), a cell being (value, interval, n)."""

    headings: list[str]
    rows: list[tuple[str, str, list[tuple[str, str, str]]]]
    more: int


def agreement_parts(data: ReportData) -> Parts:
    """Agreement by slice, then by group of annotators; that by guideline version is `guidelines`'."""
    kpis = ("alpha", "raw_agreement")
    found = {(row["dimension"], row["member"], row["kpi"]): row for row in data.kpis.to_pylist()}
    members = {key[:2] for key in found if key[0] in _PARTS and key[2] in kpis}
    order = sorted(members, key=lambda part: (list(_PARTS).index(part[0]), part[1]))
    rows = []
    for dimension, member in order:
        cells = []
        for kpi in kpis:
            one, shown = found.get((dimension, member, kpi), {}), words.FORMATS[data.text_of(kpi).unit]
            interval = words.interval(shown, one.get("ci_low"), one.get("ci_high"))
            cells.append((shown(one.get("value")), interval, words.count(one.get("n"))))
        rows.append((_PARTS[dimension], member, cells))
    return Parts([data.text_of(kpi).title for kpi in kpis], rows[:PARTS_SHOWN], max(len(rows) - PARTS_SHOWN, 0))


def _equal(column: Any, value: str) -> Any:
    import pyarrow.compute as pc

    return pc.equal(column, value)


@dataclass(frozen=True)
class Annotators:
    """Annotators as shown, flagged ones first, then by the lower end of their quality; `more` are left out."""

    rows: list[dict[str, Any]]
    more: int
    flagged: int


def annotators(data: ReportData) -> Annotators:
    """Who labels well, as pseudonyms, each figure with its interval."""
    frame = data.annotator_quality.to_pandas()
    frame["flagged"] = [len(flags) > 0 for flags in frame["flags"]]
    frame["sure"] = frame["quality_low"].fillna(frame["quality"])
    frame = frame.sort_values(["flagged", "sure", "annotator_id"], ascending=[False, True, True])
    rows = frame.head(ANNOTATORS_SHOWN).astype(object).to_dict("records")
    return Annotators(rows, max(len(frame) - ANNOTATORS_SHOWN, 0), int(frame["flagged"].sum()))


@dataclass(frozen=True)
class Issues:
    """Labels that a model doubts: the least likely first, and how many of each kind there are."""

    rows: list[dict[str, Any]]
    total: int
    kinds: list[tuple[str, int]]


def issues(labels: Labels) -> Issues:
    """The top label issues with the annotations behind them."""
    table = labels.data.label_issues
    found = table.filter(table["is_issue"])
    kinds = [(row["values"], row["counts"]) for row in found["kind"].value_counts().to_pylist()]
    top = found.sort_by([("label_quality", "ascending"), ("item_id", "ascending")]).slice(0, ISSUES_SHOWN).to_pylist()
    rows = [{**row, "votes": labels.votes_on(row["item_id"])} for row in top]
    return Issues(rows, len(found), sorted(kinds, key=lambda kind: (-kind[1], kind[0])))


@dataclass(frozen=True)
class Queue:
    """The relabel queue: its head, and how much there is by route and by reason (name, n, tonight)."""

    rows: list[dict[str, Any]]
    total: int
    tonight: int
    routes: list[dict[str, Any]]
    reasons: list[tuple[str, int, int]]


def queue(labels: Labels) -> Queue:
    """The items most worth another label."""
    table = labels.data.relabel_queue
    head = table.sort_by("rank").slice(0, QUEUE_SHOWN).to_pylist()
    routes = table.select(["route", "within_budget"]).to_pandas().groupby("route")["within_budget"].agg(["size", "sum"])
    by_route = [
        {"route": route, "n": int(row["size"]), "tonight": int(row["sum"])}
        for route, row in routes.sort_values("size", ascending=False, kind="stable").iterrows()
    ]
    rows = [{**row, "votes": labels.votes_on(row["item_id"])} for row in head]
    return Queue(rows, len(table), sum(row["tonight"] for row in by_route), by_route, _reasons(labels.data))


def _reasons(data: ReportData) -> list[tuple[str, int, int]]:
    """Why items are queued, each counted once, under the first reason that holds: (reason, items, tonight)."""
    import pyarrow.compute as pc

    queue = data.relabel_queue.select(["item_id", "route", "within_budget"]).to_pandas()
    ids, known = data.relabel_queue["item_id"], data.consensus["item_id"].combine_chunks()
    status = data.consensus["status"].take(pc.index_in(ids, known)).to_pandas()
    doubted = data.label_issues.filter(data.label_issues["is_issue"])["item_id"].combine_chunks()
    holds = {
        "the guideline leaves two classes unclear": queue["route"] == "guideline",
        "nobody has labelled it": status == "unlabelled",
        "annotators disagree": status == "disputed",
        "a model doubts the label": pc.is_in(ids, doubted).to_pandas(),
    }
    why = np.select([column.to_numpy(dtype=bool) for column in holds.values()], list(holds), "not sure enough yet")
    grouped = queue.assign(why=why).groupby("why")["within_budget"].agg(["size", "sum"]).sort_values("size")
    return [(str(name), int(row["size"]), int(row["sum"])) for name, row in grouped.iloc[::-1].iterrows()]
