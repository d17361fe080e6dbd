"""What a table is: named columns with kinds and meanings, a key, and rows in the order of the key.

Which tables there are stands in `tables` and the modules it gathers; rules on values stand in `rules`.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    import pyarrow as pa

Kind = Literal["text", "integer", "float", "flag", "time", "day", "texts", "floats"]


@dataclass(frozen=True)
class Column:
    """One column: its name, kind, meaning, and whether it may be empty."""

    name: str
    kind: Kind
    meaning: str
    nullable: bool = False


@dataclass(frozen=True)
class Table:
    """One table: its name, what a row is, its key and columns; `as_of` tables hold the whole state of a day.

    Rows are sorted by key. Of a table too large for that they stay `as_given`, and the text columns in `coded`, which
    have few values as a rule, may be held as codes (Arrow dictionaries) until they are written.
    """

    name: str
    meaning: str
    key: tuple[str, ...]
    columns: tuple[Column, ...]
    as_of: bool = True
    as_given: bool = False
    coded: tuple[str, ...] = ()

    @cached_property
    def names(self) -> list[str]:
        """Column names in order."""
        return [c.name for c in self.columns]

    @cached_property
    def schema(self) -> pa.Schema:
        """The Arrow schema."""
        import pyarrow as pa

        return pa.schema([pa.field(c.name, arrow_types()[c.kind], nullable=c.nullable) for c in self.columns])

    def empty(self) -> pa.Table:
        """A table with no rows."""
        return self.schema.empty_table()

    def conform(self, table: Any) -> pa.Table:
        """`table` (Arrow table, pandas frame or dict of columns) with exactly these columns, cast and in order."""
        import pyarrow as pa

        if isinstance(table, dict):
            table = pa.table({name: pa.array(table[name], arrow_types()[self[name].kind]) for name in self.names})
        elif not isinstance(table, pa.Table):
            frame = table[self.names]
            # The columns of a frame without rows have no types that Arrow could cast.
            table = pa.Table.from_pandas(frame, self.schema, preserve_index=False) if len(frame) else self.empty()
        table = table.select(self.names)
        held = [pa.types.is_dictionary(table.schema.field(c).type) and c in self.coded for c in self.names]
        pairs = zip(self.schema, table.schema, held, strict=True)
        schema = pa.schema([field.with_type(given.type) if keep else field for field, given, keep in pairs])
        table = table.cast(schema).replace_schema_metadata(None)
        # Sorting what is sorted would still copy it.
        done = self.as_given or self.in_order(table)
        return table if done else table.sort_by([(name, "ascending") for name in self.key])

    def in_order(self, table: pa.Table) -> bool:
        """Whether every row's key comes after the one before: sorted, and no key twice."""
        import pyarrow.compute as pc

        after: Any = None
        for name in reversed(self.key):
            this, following = table[name].slice(0, max(len(table) - 1, 0)), table[name].slice(1)
            less = pc.less(this, following)
            after = less if after is None else pc.or_(less, pc.and_(pc.equal(this, following), after))
        return pc.all(after, skip_nulls=False).as_py() is True

    def __getitem__(self, name: str) -> Column:
        return next(c for c in self.columns if c.name == name)


@lru_cache(maxsize=1)
def arrow_types() -> dict[str, Any]:
    """The Arrow type of each kind of column."""
    import pyarrow as pa

    return {
        "text": pa.string(),
        "integer": pa.int64(),
        "float": pa.float64(),
        "flag": pa.bool_(),
        "time": pa.timestamp("us", tz="UTC"),
        "day": pa.date32(),
        "texts": pa.list_(pa.string()),
        "floats": pa.list_(pa.float64()),
    }


def always(name: str, kind: Kind, meaning: str) -> Column:
    """A column that always has a value."""
    return Column(name, kind, meaning)


def maybe(name: str, kind: Kind, meaning: str) -> Column:
    """A column that may be empty."""
    return Column(name, kind, meaning, nullable=True)
