"""Reading one landed file through its source's adapter: its content, or the one problem that stops it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from label_pipeline.errors import UserError, nearest
from label_pipeline.landing import LandedFile
from label_pipeline.project import Project
from label_pipeline.sources import adapter
from label_pipeline.sources.reading import Reading, answer_schema, item_schema, make_view
from label_pipeline.sql import literal

if TYPE_CHECKING:
    import pyarrow as pa

DEEPEST = 100


@dataclass(frozen=True, slots=True)
class Read:
    """The content of a landed file. Its answers are the view `answers` of the connection; here are how many they are,
    and `items`: each item and payload once, with the last row it stands in (columns of `item_schema`)."""

    reading: Reading
    answers: int
    items: pa.Table


def read_file(con: Any, project: Project, file: LandedFile) -> Read | UserError:
    """Read one file; what is wrong with it is returned, not raised, so that no other file stops.

    What it leaves behind on the connection, `sql.scratch` takes away.
    """
    import duckdb

    source = project.sources.get(file.source)
    try:
        if source is None:
            words = f"'{file.source}' is no source of the project" if file.source else "it lies in no source's folder"
            raise UserError(words, rule="source_unknown", do=nearest(file.source, project.sources))
        if not str(file.path).isprintable():
            raise UserError("the file's name has signs that are no text", rule="file_unreadable", do="Rename it.")
        con.execute(f"SET TimeZone = {literal(source.timezone)}")
        reading = adapter(source.format)(con, file.path, source, project.items.fields)
        make_view(con, "answers", reading.answers, answer_schema())
        make_view(con, "items_written", reading.items, item_schema())
        items = con.sql(
            "SELECT max(landed_row) AS landed_row, item_id, payload FROM items_written GROUP BY item_id, payload"
        ).to_arrow_table()
        _not_too_deep(items)
        ((answers,),) = con.execute("SELECT count(*) FROM answers").fetchall()
        return Read(reading, answers, items)
    except UserError as error:
        return error
    except (duckdb.Error, OSError, UnicodeError) as error:
        if isinstance(
            error,
            duckdb.ParserException
            | duckdb.BinderException
            | duckdb.CatalogException
            | duckdb.ResourceInUseException
            | duckdb.OutOfMemoryException
            | duckdb.InterruptException
            | duckdb.FatalException,
        ):
            raise  # our SQL, or this machine: the file is not to blame
        words = _words(error).replace(str(file.path), file.name)
        do = f"It must be {source.format if source else 'readable'}; land it again, whole."
        return UserError(words, rule="file_unreadable", do=do)


def _words(error: Exception) -> str:
    """What an error says in its first line, without what stood in the file: that may be people's data."""
    first = re.split(r"\n|: Input: |: value \"|  Input: \"", str(error))[0].strip(" .")
    return re.sub(r"^[A-Z][\w ]* Error: ", "", first) or type(error).__name__


def _not_too_deep(items: pa.Table) -> None:
    """Refuse items nested so deeply that Python's JSON reader could not take them in again.

    Raises:
        UserError: names the row.
    """
    import pyarrow.compute as pc

    payload = items["payload"]
    brackets = pc.add(pc.count_substring(payload, "["), pc.count_substring(payload, "{"))
    for row in items.filter(pc.greater(brackets, DEEPEST)).sort_by("landed_row").to_pylist():
        if _depth(row["payload"]) > DEEPEST:
            raise UserError(
                f"the item of row {row['landed_row']} is nested deeper than {DEEPEST} levels",
                rule="nested_too_deep",
                do="Flatten its fields, or do not declare them.",
            )


def _depth(text: str) -> int:
    """How deeply the lists and objects of a JSON text are nested."""
    deepest = level = 0
    for sign in re.findall(r'"(?:[^"\\]|\\.)*"|[\[{\]}]', text):
        level += {"[": 1, "{": 1, "]": -1, "}": -1}.get(sign, 0)
        deepest = max(deepest, level)
    return deepest
