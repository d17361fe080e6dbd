"""doccano's exports: the zip with one JSONL a person, or a single JSONL file.

Only the zip says who labelled, in the names of its files, so these are read as people and written nowhere. A single
file, and `all.jsonl` of a shared project, know no annotator unless a key of the examples does. Times are never
exported. An empty list is an example that nobody labelled, not the answer "none applies": it is an item, no answer.
"""

from __future__ import annotations

import re
import shutil
import stat
import struct
import tempfile
import zipfile
import zlib
from collections.abc import Generator, Sequence
from contextlib import closing
from pathlib import Path, PurePosixPath
from typing import Any

from label_pipeline.errors import UserError
from label_pipeline.project_sources import Source
from label_pipeline.sources.landed import Columns
from label_pipeline.sources.parts import fetch_answers
from label_pipeline.sources.reading import Reading, answer_schema, broken_schema, fetch, item_schema
from label_pipeline.sources.records import NO_VALUE, filled, found, label_in, open_records, payload_in, text_in
from label_pipeline.sources.wide import missing
from label_pipeline.sql import literal

# Where doccano writes labels: categories and texts, categories of intents, spans, boxes, polygons.
LABELS = ("label", "cats", "entities", "bbox", "segmentation")
NOBODY = "all"  # the file of a shared project
MOST_ENTRIES = 10_000
MOST_BYTES = 1 << 35  # of all entries, unpacked
SMALL = 1 << 26  # bytes that are harmless however well they were packed
MOST_PACKED = 200  # times: text packs 3 to 30 times
BAD_ZIP = (zipfile.BadZipFile, zlib.error, struct.error, EOFError, RuntimeError, ValueError, OverflowError)


def read(con: Any, path: Path, source: Source, fields: tuple[str, ...]) -> Reading:
    """Read one export. Raises UserError when it is neither JSONL nor a zip of JSONL, or is a zip that may do harm."""
    with path.open("rb") as landed:
        start = landed.read(4)
    if start not in (b"PK\3\4", b"PK\5\6"):
        return _read_examples(con, path, source, fields, None)
    readings, rows = [], 0
    with closing(_unpacked(path)) as unpacked:
        for person, file in unpacked:
            with con.cursor() as own:  # its temporary tables are its own
                reading = _read_examples(own, file, source, fields, None if person == NOBODY else person)
            readings.append(_count_on(reading, rows))
            rows = _last_row(readings[-1], rows)
    return _joined(readings)


def _read_examples(con: Any, path: Path, source: Source, fields: tuple[str, ...], person: str | None) -> Reading:
    read = {*LABELS, "relations", "id", "batch_id", source.annotator, *source.item, *source.label}
    kept = (source.fields.get(field, field) for field in fields)
    columns, broken = open_records(con, path, source, values={*read, *kept})
    names = [n for n in source.label if n in columns] or [n for n in LABELS if n in columns]
    if columns.texts and not names:
        raise missing(" or ".join(f"'{n}'" for n in source.label), source.label[0], columns, "label")
    annotator = literal(person) if person else text_in(found(columns, [source.annotator]))
    given = [f"CASE WHEN {value} <> '[]' THEN {value} END" for value in (_value(columns, name) for name in names)]
    con.execute(
        f"CREATE TEMP TABLE examples AS SELECT landed_row, {text_in(found(columns, [*source.item, 'id']))} AS item_id, "
        f"{annotator} AS annotator, coalesce({', '.join([*given, NO_VALUE])}) AS value, "
        f"{text_in(found(columns, ['batch_id']))} AS batch_id, {payload_in(columns, fields, source.fields)} AS payload "
        "FROM landed_rows"
    )
    parts = {name: name for name in ("item_id", "annotator", "batch_id")}
    return Reading(
        answers=fetch_answers(con, "examples WHERE value IS NOT NULL", parts | {"label": label_in("value")}),
        items=fetch(con, "SELECT landed_row, item_id, payload FROM examples", item_schema()),
        broken=broken,
    )


def _value(columns: Columns, name: str) -> str:
    """SQL for what stands under a label key; entities go with the relations between them."""
    if name == "entities" and "relations" in columns:
        spans, relations = (f"coalesce({filled(columns.value(part))}, '[]')" for part in ("entities", "relations"))
        both = f"json_object('entities', {spans}, 'relations', {relations})"
        return f"CASE WHEN {spans} <> '[]' OR {relations} <> '[]' THEN {both} END"
    return filled(columns.value(name))


def _unpacked(path: Path) -> Generator[tuple[str, Path]]:
    """Each person and their file, unpacked one at a time into a temporary folder under a name of ours.

    Raises:
        UserError: the archive is damaged or empty, or an entry is not one that doccano writes.
    """
    try:
        with zipfile.ZipFile(path) as archive, tempfile.TemporaryDirectory() as folder:
            for entry in sorted(_harmless(archive, path.stat().st_size), key=lambda entry: entry.filename):
                unpacked = Path(folder) / "examples"
                with archive.open(entry) as packed, unpacked.open("wb") as file:
                    shutil.copyfileobj(packed, file)
                if _has_text(unpacked):  # whoever confirmed nothing has an empty file
                    yield PurePosixPath(entry.filename).stem, unpacked
    except BAD_ZIP:
        raise UserError("the zip is damaged or encrypted", rule="file_unreadable", do="Land it again, whole.") from None


def _harmless(archive: zipfile.ZipFile, size: int) -> list[zipfile.ZipInfo]:
    """The entries of an archive of `size` bytes, none of which may lead outside, be a link or fill the disk."""
    entries = archive.infolist()
    whole = sum(entry.file_size for entry in entries)
    if not entries:
        raise UserError("the zip holds no file", rule="file_empty", do="Land it again, whole.")
    if len(entries) > MOST_ENTRIES or whole > MOST_BYTES or whole > max(SMALL, MOST_PACKED * size):
        raise _refused("unpacks to far more than an export holds")
    if len({entry.filename for entry in entries}) < len(entries):
        raise _refused("holds two files of one name")
    for entry in entries:
        kind = entry.external_attr >> 16  # what Unix calls the mode; 0 where the zip was not made there
        if stat.S_IFMT(kind) not in (0, stat.S_IFREG):
            raise _refused("holds a link or another special file")
        # doccano writes no folders: a path of any kind, up, absolute or plain, is not its own.
        if not re.fullmatch(r"[^/\\:]+\.jsonl?", entry.filename) or entry.filename.startswith("."):
            raise _refused("holds something else than one JSONL file a person")
    return entries


def _refused(words: str) -> UserError:
    return UserError(f"the zip {words}", rule="zip_refused", do="Land doccano's own export.")


def _has_text(path: Path) -> bool:
    with path.open("rb") as file:
        return any(chunk.strip() for chunk in iter(lambda: file.read(1 << 20), b""))


def _count_on(reading: Reading, rows: int) -> Reading:
    """The reading with its rows counted on from `rows`."""
    import pyarrow.compute as pc

    def on(table: Any) -> Any:
        return table.set_column(0, table.schema.field(0), pc.add(table["landed_row"], rows))

    return Reading(on(reading.answers), on(reading.items), on(reading.broken))


def _last_row(reading: Reading, otherwise: int) -> int:
    import pyarrow.compute as pc

    tables: tuple[Any, ...] = (reading.items, reading.broken)
    return max(pc.max(table["landed_row"]).as_py() or otherwise for table in tables)


def _joined(readings: Sequence[Reading]) -> Reading:
    import pyarrow as pa

    return Reading(
        pa.concat_tables([answer_schema().empty_table(), *(reading.answers for reading in readings)]),
        pa.concat_tables([item_schema().empty_table(), *(reading.items for reading in readings)]),
        pa.concat_tables([broken_schema().empty_table(), *(reading.broken for reading in readings)]),
    )
