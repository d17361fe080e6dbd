"""Reading one landed file through its source's adapter: its content, or the one problem that stops it."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from label_pipeline.errors import UserError, nearest
from label_pipeline.landing import LandedFile
from label_pipeline.project import Project
from label_pipeline.sources import adapter
from label_pipeline.sources.reading import Reading, answer_schema, item_schema
from label_pipeline.sql import connect, literal

DEEPEST = 100


@dataclass(frozen=True, slots=True)
class Read:
    """A landed file and what came of reading it: a reading or a problem; and how many answers were found."""

    file: LandedFile
    reading: Reading | None
    problem: UserError | None
    answers: int = 0

    def taken_in(self) -> Read:
        """The same without the answers and items themselves, which are most of what a file holds."""
        if self.reading is None:
            return self
        empty = {"answers": answer_schema().empty_table(), "items": item_schema().empty_table()}
        return replace(self, reading=replace(self.reading, **empty))


def read_file(project: Project, file: LandedFile) -> Read:
    """Read one file; what is wrong with it is its problem, not an exception, so that no other file stops.

    Each file has a connection of its own, so that nothing one leaves behind meets the next.
    """
    import duckdb

    source = project.sources.get(file.source)
    try:
        if source is None:
            words = f"'{file.source}' is no source of the project" if file.source else "it lies in no source's folder"
            raise UserError(words, rule="source_unknown", do=nearest(file.source, project.sources))
        if not str(file.path).isprintable():
            raise UserError("the file's name has signs that are no text", rule="file_unreadable", do="Rename it.")
        with connect() as con:
            con.execute(f"SET TimeZone = {literal(source.timezone)}")
            reading = adapter(source.format)(con, file.path, source, project.items.fields)
        _not_too_deep(reading)
        return Read(file, reading, None, len(reading.answers))
    except UserError as error:
        return Read(file, None, error)
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
        return Read(file, None, UserError(words, rule="file_unreadable", do=do))


def _words(error: Exception) -> str:
    """What an error says in its first line, without what stood in the file: that may be people's data."""
    first = re.split(r"\n|: Input: |: value \"|  Input: \"", str(error))[0].strip(" .")
    return re.sub(r"^[A-Z][\w ]* Error: ", "", first) or type(error).__name__


def _not_too_deep(reading: Reading) -> None:
    """Refuse items nested so deeply that Python's JSON reader could not take them in again.

    Raises:
        UserError: names the row.
    """
    import pyarrow.compute as pc

    payload = reading.items["payload"]
    brackets = pc.add(pc.count_substring(payload, "["), pc.count_substring(payload, "{"))
    for row in reading.items.filter(pc.greater(brackets, DEEPEST)).to_pylist():
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
