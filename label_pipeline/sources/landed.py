"""Opening CSV, JSONL and Parquet files as one table, with every unreadable line set aside.

The table `landed_rows` names columns by their place, so that no name in a file (twice the same, in another case,
empty, one of ours) can stand in the way.
"""

from __future__ import annotations

import csv
import json
import re
import shutil
import tempfile
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from label_pipeline.errors import UserError
from label_pipeline.project_sources import Source
from label_pipeline.sources.reading import broken_schema, fetch
from label_pipeline.sources.text import json_key
from label_pipeline.sql import literal

if TYPE_CHECKING:
    import pyarrow as pa

LONGEST_LINE = 1 << 24  # bytes
OTHER_FILES = {
    b"\x1f\x8b": "is compressed; land it unpacked",
    b"PK\x03\x04": "is a zip archive or a spreadsheet; land the table in it, as text",
    b"\x28\xb5\x2f\xfd": "is compressed; land it unpacked",
    b"PAR1": "is a Parquet file",
    b"\xff\xfe": "is UTF-16; set encoding: utf-16 in the project file",
    b"\xfe\xff": "is UTF-16; set encoding: utf-16 in the project file",
}


@dataclass(frozen=True, slots=True)
class Columns:
    """The names of a file's columns, and SQL over the table `landed_rows` for what they hold."""

    texts: dict[str, str]
    values: dict[str, str]
    twice: frozenset[str]

    def __iter__(self) -> Iterator[str]:
        return iter(self.texts)

    def text(self, name: str) -> str:
        """SQL for a column's text."""
        self._once(name)
        return self.texts[name]

    def value(self, name: str) -> str:
        """SQL for what is kept of an item: a list or a number stays one where the format has types."""
        self._once(name)
        return self.values[name]

    def _once(self, name: str) -> None:
        if name in self.twice:
            raise UserError(
                f"two columns are named '{name}'", rule="column_twice", do="Rename one of them and land the file again."
            )


def open_table(
    con: Any, path: Path, source: Source, *, texts: Collection[str] | None = None, values: Collection[str] = ()
) -> tuple[Columns, pa.Table]:
    """Load a CSV, JSONL or Parquet file as the temporary table `landed_rows`, with `landed_row` from 1, in that order.

    Returns its columns and the lines that could not be read; these are counted in `landed_row` too. Where it is known
    of which columns the text and of which the value will be asked for, naming them saves keeping whole JSON lines.

    Raises:
        UserError: the file is empty or not of its format.
    """
    if source.format == "parquet":
        _not_empty(path)
        return _load_parquet(con, path)
    with plain_text(path, source.encoding) as plain:
        if source.format == "jsonl":
            return _load_jsonl(con, plain, None if texts is None else (sorted(texts), sorted(values)))
        return _load_csv(con, plain, source)


def file_literal(path: Path) -> str:
    """A file's name as SQL for DuckDB's readers, which would take `*`, `?` and `[` for patterns."""
    return literal(re.sub(r"([*?\[])", r"[\1]", str(path)))


def _not_empty(path: Path) -> None:
    if path.stat().st_size == 0:
        raise UserError("the file is empty", rule="file_empty", do="Land it again, whole.")


def _is_text(path: Path, encoding: str) -> None:
    _not_empty(path)
    with path.open("rb") as file:
        head = file.read(1024)
    for start, words in OTHER_FILES.items():
        if head.startswith(start) and not (encoding == "utf-16" and "UTF-16" in words):
            raise UserError(f"the file {words}", rule="file_unreadable")
    if encoding != "utf-16" and b"\0" in head:
        raise UserError("the file is binary or damaged: it holds NUL bytes", rule="file_unreadable")


@contextmanager
def plain_text(path: Path, encoding: str) -> Iterator[Path]:
    """The file as UTF-8 with one kind of line end: itself, or a copy for as long as it is read.

    DuckDB reads a big-endian UTF-16 file as an empty one, and stops at mixed line ends.

    Raises:
        UserError: the file is empty, or no text of this encoding; the message says what it seems to be.
    """
    _is_text(path, encoding)
    if encoding == "utf-8" and _one_line_end(path):
        yield path
        return
    # What is no UTF-8 passes through as it is: its lines are set aside one by one when they are read.
    errors = "surrogateescape" if encoding == "utf-8" else "strict"
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "plain"
        try:
            with (
                path.open(encoding=encoding, errors=errors) as written,
                copy.open("w", encoding="utf-8", errors=errors, newline="\n") as plain,
            ):
                shutil.copyfileobj(written, plain)
        except UnicodeError as error:
            raise UserError(f"the file is not {encoding} text: {error}", rule="file_unreadable") from None
        yield copy


def _one_line_end(path: Path) -> bool:
    """Whether all lines end in LF, or all in CR LF."""
    if not any(b"\r" in chunk for chunk in _chunks(path)):
        return True
    counts: Counter[bytes] = Counter()
    last = b""
    for chunk in _chunks(path):
        for end in (b"\r", b"\n", b"\r\n"):
            counts[end] += chunk.count(end)
        counts[b"\r\n"] += last == b"\r" and chunk.startswith(b"\n")
        last = chunk[-1:]
    return counts[b"\r"] == counts[b"\n"] == counts[b"\r\n"]


def _chunks(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while chunk := file.read(1 << 22):
            yield chunk


def _load_csv(con: Any, path: Path, source: Source) -> tuple[Columns, pa.Table]:
    names, skip = _header(path, source.delimiter)
    broken = _load_lines(con, path, len(names), source.delimiter, '"', skip)
    con.execute("CREATE TEMP VIEW landed_rows AS FROM lines_read")
    texts = [f"c{k}" for k in range(len(names))]
    return _columns(names, texts, texts), broken


def _header(path: Path, delimiter: str) -> tuple[list[str], int]:
    """The column names of a CSV and how many records its rows come after; blank lines before it are passed over."""
    with path.open(encoding="utf-8-sig", errors="replace", newline="") as file:
        try:
            for count, names in enumerate(csv.reader(file, delimiter=delimiter), start=1):
                if any(name.strip() for name in names):
                    return [name.strip() for name in names], count
        except csv.Error as error:
            raise UserError(f"the first line cannot be read: {error}", rule="file_unreadable") from None
    raise UserError("the file has no line", rule="file_empty", do="Land it again, whole.")


def _load_jsonl(con: Any, path: Path, wanted: tuple[list[str], list[str]] | None) -> tuple[Columns, pa.Table]:
    columns = None if wanted is None else _load_sound(con, path, *wanted)
    if columns is not None:
        return columns, broken_schema().empty_table()
    return _load_by_line(con, path, wanted)


def _load_sound(con: Any, path: Path, texts: Sequence[str], values: Sequence[str]) -> Columns | None:
    """The wanted keys of a file whose every line is an object, by DuckDB's own reader, which is much the fastest.

    None where a line is anything else, or where the reader cannot tell: then each line is looked at by itself.
    """
    import duckdb

    usual = _first_keys(path)
    names = sorted({*texts, *values})
    if not names or len({name.casefold() for name in names}) < len(names):  # DuckDB's names know no case
        return None
    kinds = ", ".join(f"{literal(name)}: '{'JSON' if name in values else 'VARCHAR'}'" for name in names)
    places = [f"c{k}" for k in range(len(names))]
    try:
        con.execute(
            f"CREATE TEMP TABLE lines_held AS FROM read_json({file_literal(path)}, columns = {{{kinds}}}, "
            f"format = 'newline_delimited', compression = 'uncompressed', maximum_object_size = {LONGEST_LINE}) "
            f"AS t({', '.join(places)})"
        )
    except duckdb.InvalidInputException:
        return None
    ((rows, nothing, *filled),) = con.execute(
        f"SELECT count(*), count(*) FILTER (coalesce({', '.join(f'{c}::VARCHAR' for c in places)}) IS NULL), "
        f"{', '.join(f'count({c})' for c in places)} FROM lines_held"
    ).fetchall()
    unseen = [name for name, count in zip(names, filled, strict=True) if not count and name not in usual]
    # A blank line is passed over, which shifts the rows after it; `null` is a row of nothing, and so is `{}`.
    if nothing or _lines_in(path) != rows or any(_holds(path, name) for name in unseen):
        con.execute("DROP TABLE lines_held")
        return None
    con.execute("CREATE TEMP VIEW landed_rows AS SELECT rowid + 1 AS landed_row, * FROM lines_held")
    there = dict(zip(names, places, strict=True))
    known = sorted({*usual, *names} - set(unseen))
    return _columns(
        known,
        [f"({there[n]} ->> '$')" if n in values else there.get(n, "NULL::VARCHAR") for n in known],
        [there[n] if n in values else "NULL::JSON" for n in known],
    )


def _lines_in(path: Path) -> int:
    """How many lines a text has; the last one need not be ended."""
    import numpy as np

    lines, last = 0, 10
    for chunk in _chunks(path):
        signs = np.frombuffer(chunk, np.uint8)  # counts four times faster than bytes do
        lines, last = lines + int(np.count_nonzero(signs == 10)), signs[-1]
    return lines + int(last != 10)


def _holds(path: Path, key: str) -> bool:
    """Whether a key, as JSON writes it, stands anywhere in a file."""
    spellings = {json.dumps(key, ensure_ascii=plain).encode() for plain in (True, False)}
    longest, seam = max(map(len, spellings)), b""
    for chunk in _chunks(path):
        if any(spelling in seam + chunk for spelling in spellings):
            return True
        seam = chunk[-longest:]
    return False


def _load_by_line(con: Any, path: Path, wanted: tuple[list[str], list[str]] | None) -> tuple[Columns, pa.Table]:
    import pyarrow as pa

    broken = _load_lines(con, path, 1, "\1", "", 0, _lines_sql(usual := _first_keys(path), wanted))
    unread = fetch(con, "SELECT landed_row, reason FROM lines_read WHERE reason <> ''", broken_schema())
    found = con.execute(
        "SELECT DISTINCT unnest(other_keys) FROM lines_read WHERE reason IS NULL AND other_keys IS NOT NULL "
        f"UNION SELECT unnest({_text_list(usual)}) FROM "
        "(SELECT 1 FROM lines_read WHERE reason IS NULL AND other_keys IS NULL LIMIT 1)"
    ).fetchall()
    names = sorted(str(name) for (name,) in found)
    if not names:
        raise UserError("no line is a JSON object", rule="file_unreadable", do="Land one object a line.")
    if wanted is None:
        # All texts of a line at once: each look-up by itself would parse the line again.
        held = f"doc, {_texts_sql(names)} AS texts"
        texts = [f"texts[{k}]" for k in range(1, len(names) + 1)]
        values = [f"(doc -> {json_key(name)})" for name in names]
    else:
        held = "texts, vals"
        places = [{name: k for k, name in enumerate(part, start=1)} for part in wanted]
        texts = [f"texts[{places[0][name]}]" if name in places[0] else "NULL::VARCHAR" for name in names]
        values = [f"vals[{places[1][name]}]" if name in places[1] else "NULL::JSON" for name in names]
    con.execute(f"CREATE TEMP VIEW landed_rows AS SELECT landed_row, {held} FROM lines_read WHERE reason IS NULL")
    return _columns(names, texts, values), pa.concat_tables([broken, unread])


def _texts_sql(names: Sequence[str]) -> str:
    """SQL for the texts of keys of `doc`, as DuckDB's reader of whole files writes them: integers, which are doubles to
    it beyond 64 bits, keep their digits."""
    return f"""list_transform(json_extract(doc, {_key_list(names)}), lambda v :
        CASE WHEN json_type(v) = 'DOUBLE' AND NOT regexp_full_match(v ->> '$', '-?[0-9]+')
                  AND isfinite((v ->> '$')::DOUBLE) THEN ((v ->> '$')::DOUBLE)::VARCHAR
             ELSE v ->> '$' END)"""


def _lines_sql(usual: Sequence[str], wanted: tuple[list[str], list[str]] | None) -> str:
    """SQL for what is kept of each JSON line `c0`: the document or the `wanted` texts and values in it, its keys where
    they are not the `usual` ones, and why it cannot be read (null where it can, empty where it is blank)."""
    held, read = "doc", None
    if wanted is not None:
        texts, values = wanted
        held = f"{_texts_sql(texts) if texts else 'NULL'} AS texts, "
        held += f"{f'json_extract(doc, {_key_list(values)})' if values else 'NULL'} AS vals"
        read = f"list_filter(keys, lambda key : list_contains({_text_list({*texts, *values})}, key))"
    return f"""
        SELECT {held}, CASE WHEN keys <> {_text_list(usual)} THEN keys END AS other_keys,
               CASE WHEN blank THEN '' WHEN doc IS NULL THEN 'the line is not a JSON object'
                    WHEN list_unique(read) <> len(read) THEN 'a key is given twice' END AS reason
        FROM (SELECT blank, keys, {read or "keys"} AS read,
                     CASE WHEN len(keys) > 0 OR json_type(parsed) = 'OBJECT' THEN parsed END AS doc
              FROM (SELECT coalesce(trim(c0) = '', true) AS blank, try_cast(c0 AS JSON) AS parsed,
                           json_keys(parsed) AS keys FROM lines))
        """


def _first_keys(path: Path) -> list[str]:
    """The keys of the first line: those of most lines, as a rule."""
    with path.open("rb") as file:
        try:
            first = json.loads(file.readline(LONGEST_LINE))
            keys = list(first) if isinstance(first, dict) else []
            "".join(keys).encode()  # half a surrogate pair is no text: the line is set aside when it is read
        except (ValueError, RecursionError):
            return []
    return keys


def _key_list(names: Iterable[str]) -> str:
    return f"[{', '.join(map(json_key, names))}]"


def _text_list(texts: Iterable[str]) -> str:
    return f"[{', '.join(map(literal, texts))}]::VARCHAR[]"


def _load_parquet(con: Any, path: Path) -> tuple[Columns, pa.Table]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        names = [name.strip() for name in pq.read_schema(path).names]
    except (pa.ArrowException, OSError) as error:
        raise UserError(
            "the file is not Parquet, or damaged", rule="file_unreadable", do="Land it again, whole."
        ) from error
    if not names:
        raise UserError("the file has no column", rule="file_empty", do="Land it again, whole.")
    places = ", ".join(f"c{k}" for k in range(len(names)))
    con.execute(
        "CREATE TEMP TABLE lines_held AS SELECT * "
        f"FROM read_parquet({file_literal(path)}, hive_partitioning = false) AS t({places})"
    )
    con.execute("CREATE TEMP VIEW landed_rows AS SELECT rowid + 1 AS landed_row, * FROM lines_held")
    kinds = [str(row[1]) for row in con.execute("DESCRIBE lines_held").fetchall()]
    # pandas writes NaN for "nothing here" into columns of numbers.
    values = [
        f"nullif(c{k}, 'nan'::{kind})" if kind in ("FLOAT", "DOUBLE") else f"c{k}" for k, kind in enumerate(kinds)
    ]
    return _columns(names, [f"({value})::VARCHAR" for value in values], values), broken_schema().empty_table()


def _load_lines(
    con: Any, path: Path, width: int, delimiter: str, quote: str, skip: int, kept: str = "FROM lines"
) -> pa.Table:
    """View `lines_read` (landed_row, and what `kept` selects from `lines` with c0, c1, ...) of a text file, in order.

    Returns the lines that could not be read.
    """
    columns = ", ".join(f"'c{k}': 'VARCHAR'" for k in range(width))
    # Nothing is detected, because a guess can pass over lines; what does not fit is set aside line by line.
    con.execute(
        "CREATE TEMP TABLE lines_held AS WITH lines AS (FROM "
        f"read_csv({file_literal(path)}, columns = {{{columns}}}, auto_detect = false, header = false, "
        f"skip = {skip}, delim = {literal(delimiter)}, quote = {literal(quote)}, escape = {literal(quote)}, "
        "compression = 'none', null_padding = false, strict_mode = true, store_rejects = true, rejects_limit = 0, "
        f"max_line_size = {LONGEST_LINE})) {kept}"
    )
    broken = fetch(
        con,
        f"SELECT line - {skip} AS landed_row, min(error_message) AS reason FROM reject_errors GROUP BY line "
        "ORDER BY landed_row",
        broken_schema(),
    )
    # Counting while reading would keep the reader to one thread; a table's rows have their place anyway.
    con.execute("CREATE TEMP VIEW lines_read AS SELECT rowid + 1 AS landed_row, * FROM lines_held")
    if len(broken):
        _leave_gaps(con, broken["landed_row"].to_numpy())
    return broken


def _leave_gaps(con: Any, broken: Any) -> None:
    """Number the lines that could be read as they stand in the file, between the broken ones."""
    import numpy as np
    import pyarrow as pa

    ((count,),) = con.execute("SELECT count(*) FROM lines_held").fetchall()
    places = np.setdiff1d(np.arange(1, count + len(broken) + 1), broken)[:count]
    con.register("places", pa.table({"landed_row": places}))
    con.execute("CREATE TEMP TABLE lines_placed AS FROM places")
    con.unregister("places")
    con.execute("CREATE OR REPLACE TEMP VIEW lines_read AS FROM lines_placed POSITIONAL JOIN lines_held")


def _columns(names: Sequence[str], texts: Sequence[str], values: Sequence[str]) -> Columns:
    counts = Counter(names)
    return Columns(
        {name: text for name, text in zip(names, texts, strict=True) if name},
        {name: value for name, value in zip(names, values, strict=True) if name},
        frozenset(name for name, count in counts.items() if count > 1),
    )
