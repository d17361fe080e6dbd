"""Reading one landed file through its source's adapter: its content, or the one problem that stops it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from label_pipeline.errors import UserError, nearest
from label_pipeline.landing import LandedFile
from label_pipeline.project import Project
from label_pipeline.sources import adapter
from label_pipeline.sources.reading import Reading
from label_pipeline.sql import literal


@dataclass(frozen=True, slots=True)
class Read:
    """A landed file and what came of reading it: a reading or a problem."""

    file: LandedFile
    reading: Reading | None
    problem: UserError | None


def read_file(con: Any, project: Project, file: LandedFile) -> Read:
    """Read one file; what is wrong with it is its problem, not an exception, so that no other file stops."""
    source = project.sources.get(file.source)
    try:
        if source is None:
            raise UserError(
                f"'{file.source}' is no source of the project",
                rule="source_unknown",
                do=nearest(file.source, project.sources),
            )
        con.execute(f"SET TimeZone = {literal(source.timezone)}")
        return Read(file, adapter(source.format)(con, file.path, source, project.items.fields), None)
    except UserError as error:
        return Read(file, None, error)
    except Exception as error:
        # DuckDB's own errors on a broken file: its first line says what and where. Anything else is a bug.
        if type(error).__module__.split(".")[0] not in ("duckdb", "_duckdb"):
            raise
        words = str(error).split("\n")[0].replace(str(file.path), file.name)
        format_name = source.format if source else ""
        return Read(
            file, None, UserError(words, rule="file_unreadable", do=f"It must be {format_name}; land it again, whole.")
        )
    finally:
        con.execute("SET TimeZone = 'UTC'")
