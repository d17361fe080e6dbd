"""One landed file without the people and items that are erased: found, rewritten beside, proven, and renamed.

Proven: read again through its adapter, the file has every answer of others and nothing else. A file that cannot be
rewritten so, or that cannot be read and names somebody, is left to the caller. Where records stand is `records`', how
files hold them `containers`'.
"""

from __future__ import annotations

import json
import re
import zipfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from label_pipeline.errors import UserError
from label_pipeline.files import replacing, sweep_beside
from label_pipeline.ingest.clean import item_sql
from label_pipeline.ingest.read import Read, read_file
from label_pipeline.landing import LandedFile
from label_pipeline.privacy.containers import Change, rewrite
from label_pipeline.privacy.records import RULES, Erased, Record
from label_pipeline.privacy.without import GONE, is_telling
from label_pipeline.project import Project
from label_pipeline.sources.text import strip
from label_pipeline.sql import connect, scratch

# The length of a suite or page in the file divides durations; a benchmark marks the others' answers.
SAME = "annotation_id, item_id, annotator, label, status, started_at, annotated_at, batch_id"


CHUNK, OVERLAP = 1 << 24, 1 << 10  # bytes; even, so that UTF-16 stays in step


@dataclass(frozen=True)
class Wanted:
    """Whose and which records go: a login (source, identity), an item id as the lake has it; and `words` that tell who
    it was wherever they stand."""

    login: Callable[[str, str], bool]
    item: Callable[[str], bool]
    words: frozenset[str] = frozenset()

    @cached_property
    def _pattern(self) -> re.Pattern[str] | None:
        forms = sorted({form for word in self.words for form in spellings(word)}, key=len, reverse=True)
        return re.compile(rf"(?<!\w)(?:{'|'.join(map(re.escape, forms))})(?!\w)") if forms else None

    def swept(self, text: str) -> str:
        """A text without the words."""
        return self._pattern.sub(GONE, text) if self._pattern else text

    def told_by(self, path: Path) -> bool:
        """Whether one of the words stands in a file, whatever it is."""
        return self._pattern is not None and any(self._pattern.search(text) for text in _texts(path))


def _texts(path: Path) -> Iterator[str]:
    """Everything that may be text in a file, in parts that overlap: of a zip its files, of Parquet its values."""
    with path.open("rb") as file:
        start = file.read(4)
        if start == b"PAR1":
            import pyarrow.parquet as pq

            table = pq.read_table(path, partitioning=None)
            yield from (str(value) for name in table.column_names for value in table[name].unique().to_pylist())
            return
        if start.startswith(b"PK"):
            with suppress(zipfile.BadZipFile), zipfile.ZipFile(path) as archive:
                yield from archive.namelist()
                yield from (archive.read(entry).decode("utf-8", "replace") for entry in archive.namelist())
        file.seek(0)
        seam, chunk = b"", file.read(CHUNK)
        while chunk:
            block, following = seam + chunk, file.read(CHUNK)
            # What is ASCII has a zero beside each sign in UTF-16.
            for code in ("utf-8", "utf-16-le", "utf-16-be") if b"\0" in block else ("utf-8",):
                # A letter at a cut: what may be a part of a longer word there is whole in the next part.
                yield ("x" if seam else "") + block.decode(code, "replace") + ("x" if following else "")
            seam, chunk = block[-OVERLAP:], following


@dataclass(frozen=True, slots=True)
class Found:
    """What of `Wanted` a file holds, as it is written there, and how many answers go. `words`: more that tell who."""

    file: LandedFile
    erased: Erased
    answers: int
    words: frozenset[str] = frozenset()
    unreadable: bool = False


@dataclass(frozen=True, slots=True)
class Redacted:
    """What became of a landed file, how many answers go, and why where it was not rewritten."""

    name: str
    fate: Literal["rewritten", "removed", "kept"]
    answers: int
    why: str = ""


def telling(words: Iterable[str]) -> frozenset[str]:
    """Those of some names that are nobody else's and no common word: they can be taken out wherever they stand."""
    return frozenset(filter(is_telling, words))


def spellings(word: str) -> set[str]:
    """A word as it stands in plain text, in JSON and in XML."""
    xml = word.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return {word, *(json.dumps(word, ensure_ascii=plain)[1:-1] for plain in (True, False)), xml}


def find(con: Any, project: Project, file: LandedFile, wanted: Wanted) -> Found | None:
    """What a file holds of what is wanted; None where it holds nothing."""
    with scratch(con):
        read = read_file(con, project, file)
        if isinstance(read, UserError):
            return Found(file, Erased(), 0, unreadable=True) if wanted.told_by(file.path) else None
        erased = _written(con, project, file, read, wanted)
        ((answers,),) = con.execute(
            "SELECT count(*) FROM answers WHERE list_contains(?, annotator) OR list_contains(?, item_id)",
            _as_written(con, erased),
        ).fetchall()
        words = _more_words(con, project, file, erased)
    if erased == Erased() and not wanted.told_by(file.path):
        return None
    return Found(file, erased, answers, words)


def _written(con: Any, project: Project, file: LandedFile, read: Read, wanted: Wanted) -> Erased:
    written = con.execute("SELECT DISTINCT annotator FROM answers WHERE annotator IS NOT NULL").fetchall()
    people = {strip(name) for (name,) in written if wanted.login(file.source, strip(name))}
    tables = "SELECT item_id FROM answers UNION SELECT item_id FROM items_written"
    if read.reading.predictions is not None:
        con.register("predicted", read.reading.predictions.select(["item_id"]))
        tables += " UNION SELECT item_id FROM predicted"
    ids = con.execute(f"SELECT item_id, {item_sql(project, 'item_id')} FROM ({tables})").fetchall()
    items = {strip(name) for name, meant in ids if name is not None and meant is not None and wanted.item(meant)}
    if read.reading.predictions is not None:
        con.unregister("predicted")
    return Erased(frozenset(people), frozenset(items))


def _as_written(con: Any, erased: Erased) -> list[list[str]]:
    """The erased people and items with the white space they have in the view `answers`."""
    columns = (("annotator", erased.people), ("item_id", erased.items))
    return [
        [
            name
            for (name,) in con.execute(f"SELECT DISTINCT {column} FROM answers").fetchall()
            if strip(name or "") in of
        ]
        for column, of in columns
    ]


def _more_words(con: Any, project: Project, file: LandedFile, erased: Erased) -> frozenset[str]:
    """What a file tells of its erased people besides what the adapter reads: Label Studio's e-mail addresses."""
    if project.sources[file.source].format != "label_studio_json" or not erased.people:
        return frozenset()
    found = con.execute(
        """
        SELECT DISTINCT unnest([a ->> '$.completed_by.email', a ->> '$.completed_by.username'])
        FROM (SELECT unnest(from_json(annotations, '["JSON"]')) AS a FROM tasks WHERE annotations_type = 'ARRAY')
        WHERE list_contains(?, a ->> '$.completed_by.id')
        """,
        [sorted(erased.people)],
    ).fetchall()
    return telling(word for (word,) in found if word)


def redact_delivered(project: Project, files: Iterable[LandedFile], wanted: Wanted) -> list[Redacted]:
    """Rewrite files of a day that is being taken in; one that cannot be rewritten is kept, and told as `kept`."""
    done = []
    with connect() as con:
        for file in files:
            found = find(con, project, file, wanted)
            if found is not None:
                words = wanted.words | found.words | telling((*found.erased.people, *found.erased.items))
                done.append(redact(con, project, found, replace(wanted, words=words)))
    return done


def redact(con: Any, project: Project, found: Found, wanted: Wanted) -> Redacted:
    """Rewrite a file without what was found in it; remove it where nothing else is in it.

    One that cannot be rewritten is kept: what of others was taken in of it must be safe before it goes.
    """
    file = found.file
    if found.unreadable:
        return Redacted(file.name, "kept", 0, "it could not be read, and names who is erased")
    try:
        before, items = _answers_without(con, project, file, found.erased)
        sweep_beside(file.path)  # of an erasure that was killed: in landing nothing else looks for it before a day
        with replacing(file.path) as beside:
            left = rewrite(file.path, beside, project.sources[file.source], _change(project, found, wanted))
            if not left or (not len(before) and not items):
                raise _EmptiedError
            after, _ = _answers_without(con, project, LandedFile(file.source, beside, file.name), Erased())
            _require_same(con, before, after)
            if wanted.told_by(beside):
                raise UserError("a name was left in the rewritten file")
    except _EmptiedError:
        file.path.unlink()
        return Redacted(file.name, "removed", found.answers, "nothing else was in it")
    except (UserError, ValueError, KeyError, TypeError, AttributeError) as error:
        why = error.what if isinstance(error, UserError) else type(error).__name__
        return Redacted(file.name, "kept", found.answers, f"it could not be rewritten: {why}")
    return Redacted(file.name, "rewritten", found.answers)


class _EmptiedError(Exception):
    """Nothing of others is in the file."""


def _answers_without(con: Any, project: Project, file: LandedFile, erased: Erased) -> tuple[Any, int]:
    """The answers of a file but the erased, as its adapter reads them, and how many other items it names.

    Raises:
        UserError: it cannot be read.
    """
    with scratch(con):
        read = read_file(con, project, file)
        if isinstance(read, UserError):
            raise read
        table = con.sql(
            f"SELECT {SAME} FROM answers WHERE coalesce(NOT list_contains($1, annotator), true) "
            "AND coalesce(NOT list_contains($2, item_id), true)",
            params=_as_written(con, erased),
        ).to_arrow_table()
        named = [*read.items["item_id"].to_pylist()]
        if read.reading.predictions is not None:
            named += read.reading.predictions["item_id"].to_pylist()
        return table, sum(bool(item) and strip(item) not in erased.items for item in named)


def _require_same(con: Any, before: Any, after: Any) -> None:
    """Refuse a rewritten file that lost, changed or kept an answer it should not have."""
    con.register("before_it", before)
    con.register("after_it", after)
    try:
        ((lost, added),) = con.execute(
            "SELECT (SELECT count(*) FROM (FROM before_it EXCEPT ALL FROM after_it)), "
            "(SELECT count(*) FROM (FROM after_it EXCEPT ALL FROM before_it))"
        ).fetchall()
    finally:
        con.unregister("before_it")
        con.unregister("after_it")
    if lost or added:
        raise UserError(f"{lost} answers of others would be lost and {added} changed")


def _change(project: Project, found: Found, wanted: Wanted) -> Change:
    source, erased = project.sources[found.file.source], found.erased
    rule = RULES[source.format]
    gone = (*erased.people, *erased.items)
    names = {form for name in gone for form in (*spellings(name), name.replace('"', '""'))}
    hashed = source.format == "ground_truth_manifest" and bool(erased.items)  # named by a hash of its text

    def keeps(text: str) -> bool:
        return not hashed and not any(name in text for name in names) and wanted.swept(text) == text

    def record(one: Record) -> Record | None:
        return rule(one, erased, source)

    return Change(
        keeps=keeps,
        record=record,
        broken=lambda text: wanted.swept(text) == text,
        swept=wanted.swept,
        person=lambda name: erased.person(name),
        item=lambda name: erased.item(name),
    )
