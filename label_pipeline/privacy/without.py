"""Lake tables without the annotators and items that are erased, and with pseudonyms under another name.

Kernels on Arrow tables of any shape in `contracts.tables`: what a column holds is told by its name and kind. Reading
and writing partitions is the caller's.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from label_pipeline.contracts.tables import QUARANTINE, Table

if TYPE_CHECKING:
    import pyarrow as pa

GONE = "[erased]"
"""What stands where a name stood in the words of something that stays."""
PEOPLE = ("annotator_id", "login")
"""Columns that say whose a row is."""
IDS = ("event_id", "annotation_id")
"""Columns as long as the table whose values may end with a pseudonym's digits: of the row's own annotator."""
DIGITS = re.compile(r"(?<![0-9a-f])[0-9a-f]{16}(?![0-9a-f])|(?<=[0-9a-f]{16})[0-9a-f]{16}(?![0-9a-f])")


@dataclass(frozen=True)
class Without:
    """Pseudonyms and item ids that go."""

    annotators: frozenset[str] = frozenset()
    items: frozenset[str] = frozenset()

    @cached_property
    def _names(self) -> re.Pattern[str] | None:
        """Pseudonyms wherever they stand, also as the end of an id made of one; items where they are called so."""
        forms = [re.escape(name.removeprefix("a-")) for name in sorted(self.annotators)]
        told = [rf"(?:a-|[0-9a-f]{{16}})?(?:{'|'.join(forms)})(?![0-9a-f])"] if forms else []
        told += [rf"(?<=\bitem ){re.escape(name)}(?![\w-])" for name in sorted(self.items)]
        told += [rf"(?<![\w-]){re.escape(name)}(?![\w-])" for name in sorted(self.items) if is_telling(name)]
        return re.compile("|".join(told)) if told else None

    def text(self, text: str) -> str:
        """A text without them."""
        return self._names.sub(GONE, text) if self._names else text

    def table(self, table: Table, rows: pa.Table) -> pa.Table:
        """The rows of a table that are nobody's and of nothing that goes; the same object where all are."""
        import pyarrow as pa
        import pyarrow.compute as pc

        stay = None
        for name, gone in (*((who, self.annotators) for who in PEOPLE), ("item_id", self.items)):
            if name in table.names and gone:
                kept = pc.invert(pc.is_in(rows[name], pa.array(sorted(gone), pa.string())))
                stay = kept if stay is None else pc.and_(stay, kept)
        if table is QUARANTINE:
            said = pa.array([not self._is_of(raw) for raw in rows["raw"].to_pylist()], pa.bool_())
            stay = said if stay is None else pc.and_(stay, said)
        if stay is not None and not pc.all(stay).as_py():
            rows = rows.filter(stay)
        for column in table.columns:
            if column.kind == "texts":
                rows = self._listed(rows, column.name)
            elif column.kind == "text" and column.name not in (*PEOPLE, *IDS, "item_id", "payload"):
                rows = renamed(rows, column.name, self.text)
        return rows

    def _is_of(self, raw: str) -> bool:
        told = json.loads(raw)
        return told.get("annotator_id") in self.annotators or told.get("item_id") in self.items

    def _listed(self, rows: pa.Table, name: str) -> pa.Table:
        import pyarrow as pa

        lists = rows[name].to_pylist()
        if not any(self.annotators.intersection(one or ()) for one in lists):
            return rows
        kept = [None if one is None else [e for e in one if e not in self.annotators] for one in lists]
        return rows.set_column(rows.column_names.index(name), rows.schema.field(name), pa.array(kept, rows[name].type))


def is_telling(name: str) -> bool:
    """Whether a name is long and odd enough to be taken out of any text without hitting another word."""
    mixed = any(map(str.isdigit, name)) and any(map(str.isalpha, name))
    return "@" in name or (len(name) >= 8 and (mixed or bool(re.fullmatch(r"\w+(?:[._-]\w+)+", name))))


def renamed(rows: pa.Table, name: str, change: Callable[[str], str]) -> pa.Table:
    """The rows with `change` applied to each value of a text column; the same object where it changes none."""
    import pyarrow as pa
    import pyarrow.compute as pc

    values = rows[name].unique().drop_null()
    new = [change(value) for value in values.to_pylist()]
    if new == values.to_pylist():
        return rows
    places = pc.index_in(rows[name], values)
    column = pa.array(new, pa.string()).take(places.combine_chunks())
    return rows.set_column(rows.column_names.index(name), rows.schema.field(name), column)


@dataclass(frozen=True, slots=True)
class Renaming:
    """Pseudonyms under another key: new 16 digits by old ones."""

    digits: Mapping[str, str]

    @classmethod
    def of(cls, names: Mapping[str, str]) -> Renaming:
        """From new pseudonyms by old ones."""
        return cls({old.removeprefix("a-"): new.removeprefix("a-") for old, new in names.items()})

    def text(self, text: str) -> str:
        """A text with the pseudonyms, and the ids that end with one, under their new names."""
        return DIGITS.sub(lambda found: self.digits.get(found.group(), found.group()), text)

    def table(self, table: Table, rows: pa.Table) -> pa.Table:
        """The rows of a table under the new names, in the order of its key; the same object where nothing changes."""
        import pyarrow as pa

        before: Any = rows
        for column in table.columns:
            if column.kind == "texts":
                lists = rows[column.name].to_pylist()
                new = [None if one is None else [self.text(e) for e in one] for one in lists]
                if new != lists:
                    # What stood in the order of names stands in the order of the new ones.
                    new = [sorted(n) if n and o == sorted(o) else n for n, o in zip(new, lists, strict=True)]
                    place = rows.column_names.index(column.name)
                    rows = rows.set_column(place, rows.schema.field(column.name), pa.array(new, pa.list_(pa.string())))
            elif column.name in IDS:
                rows = self._ids(rows, column.name)
            elif column.kind == "text" and column.name not in ("item_id", "payload"):
                rows = renamed(rows, column.name, self.text)
        return rows if rows is before else table.conform(rows)

    def _ids(self, rows: pa.Table, name: str) -> pa.Table:
        """Ids that end with a pseudonym's digits: as many as there are rows, so by columns and not one by one."""
        import pyarrow as pa
        import pyarrow.compute as pc

        heads, tails = (pc.utf8_slice_codeunits(rows[name], *span) for span in ((0, 16), (16, 32)))
        theirs = pc.is_in(tails, pa.array(list(self.digits), pa.string()))
        if not pc.any(theirs).as_py():
            return rows
        new = renamed(pa.table({"tail": tails}), "tail", lambda tail: self.digits.get(tail, tail))["tail"]
        joined = pc.if_else(theirs, pc.binary_join_element_wise(heads, new, ""), rows[name])
        return rows.set_column(rows.column_names.index(name), rows.schema.field(name), joined)
