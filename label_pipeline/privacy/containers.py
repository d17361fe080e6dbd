"""Landed files record by record, whatever holds the records: rewritten with some of them changed or left out.

Lines of CSV and JSON, lists, pages and single documents, Parquet, CVAT's XML, and zips of them. What is not changed
keeps its bytes. Which records change is the caller's (`redact`); reading for the pipeline is `sources`'.
"""

from __future__ import annotations

import csv
import io
import json
import re
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, TextIO

from label_pipeline.errors import UserError
from label_pipeline.project_sources import Source
from label_pipeline.sources.predictions import by_ending

Record = dict[str, Any]
TABLES = ("csv", "mturk_csv", "label_studio_csv", "toloka", "appen")
LINES = ("jsonl", "labelbox", "ground_truth_manifest")
CHUNK = 1 << 20


@dataclass(frozen=True, slots=True)
class Change:
    """What becomes of a file's records.

    `keeps` tells of a record's text whether it can be kept unread; `record` gives what is left of a record, None for
    nothing; `broken` whether a text that is no record stays; `swept` a kept text without names that stand elsewhere;
    `file` whether the file of one person, or one that names one item, goes whole.
    """

    keeps: Callable[[str], bool]
    record: Callable[[Record], Record | None]
    broken: Callable[[str], bool]
    swept: Callable[[str], str]
    person: Callable[[str], bool]
    item: Callable[[str], bool]


def rewrite(path: Path, out: Path, source: Source, change: Change) -> int:
    """Write `path` as it is after the change to `out`; returns how many records are left, 0 where the file goes whole.

    Raises:
        UserError: the file is not what its source says.
    """
    if source.format in ("items", "predictions"):
        source = by_ending(source, path)
    with path.open("rb") as file:
        start = file.read(8)
    if start.startswith(b"PK\3\4"):
        return _zip(path, out, source, change)
    if source.format == "parquet":
        return _parquet(path, out, change)
    errors = "surrogateescape" if source.encoding == "utf-8" else "strict"
    with (
        path.open(encoding=source.encoding, errors=errors, newline="") as text,
        out.open("w", encoding=source.encoding, errors=errors, newline="") as new,
    ):
        if start.lstrip(b"\xef\xbb\xbf\xff\xfe\0 \t\r\n").startswith(b"<"):
            return _xml(text.read(), new, source, change)
        return _text(text, new, source, change)


def _text(text: TextIO, new: TextIO, source: Source, change: Change) -> int:
    head = text.read(CHUNK)
    text.seek(0)
    start = head.lstrip("\ufeff \t\r\n")
    if source.format in TABLES:
        return _table(text, new, "\t" if source.format == "toloka" else source.delimiter, change)
    if source.format in LINES or not re.match(r"\[|\{\s*\"(items|results)\"\s*:\s*\[", start):
        documents = source.format in ("ground_truth_responses", "cvat")
        return _documents(text, new, change) if documents else _lines(text, new, change)
    return _list(text, new, change) if start.startswith("[") else _documents(text, new, change)


def _table(text: TextIO, new: TextIO, delimiter: str, change: Change) -> int:
    """A table as text: the header and, of each record, itself, nothing, or a changed one."""
    names: list[str] = []
    left = 0
    for raw in _records(text):
        if not names:
            names = [name.strip() for name in _cells(raw.lstrip("\ufeff"), delimiter)]
            names = names if any(names) else []
            new.write(raw)
            continue
        if change.keeps(raw):
            new.write(raw)
            left += 1
            continue
        cells = _cells(raw, delimiter)
        if len(cells) != len(names):
            if change.broken(raw):
                new.write(raw)
                left += bool(raw.strip())
            continue
        row = dict(zip(reversed(names), reversed(cells), strict=True))  # of two columns of a name the first counts
        rest = change.record(row)
        if rest is None:
            continue
        left += 1
        if rest is row:
            new.write(change.swept(raw))
            continue
        end = raw[len(raw.rstrip("\r\n")) :]
        csv.writer(new, delimiter=delimiter, lineterminator=end).writerow(
            [change.swept(rest[name] or "") for name in names]
        )
    return left


def _records(text: TextIO) -> Iterator[str]:
    """The records of a table as they are written: lines, but for line ends within quotes."""
    held: list[str] = []
    quotes = 0
    for line in text:
        held.append(line)
        quotes += line.count('"')
        if quotes % 2 == 0:
            yield "".join(held)
            held, quotes = [], 0
    yield from held  # a quote that never ends: each line by itself


def _cells(raw: str, delimiter: str) -> list[str]:
    try:
        return next(csv.reader(io.StringIO(raw, newline=""), delimiter=delimiter), [])
    except csv.Error:
        return []


def _lines(text: TextIO, new: TextIO, change: Change) -> int:
    left = 0
    for raw in text:
        if change.keeps(raw):
            new.write(raw)
            left += bool(raw.strip())
            continue
        try:
            value = json.loads(raw.strip().lstrip("\ufeff"))
        except ValueError:
            value = None
        if not isinstance(value, dict):
            if change.broken(raw):
                new.write(raw)
                left += bool(raw.strip())
            continue
        said = _said(raw.strip(), value, change)
        if said is not None:
            new.write(said + (raw[len(raw.rstrip("\r\n")) :] or "\n"))
            left += 1
    return left


def _said(raw: str, value: Any, change: Change) -> str | None:
    """What is written of a JSON value, whose text is `raw`; None where nothing is."""
    if change.keeps(raw):
        return raw
    if not isinstance(value, dict):
        return change.swept(raw)
    if isinstance(value.get("items"), list):  # a page: of search results, each record is wrapped once more
        kept = []
        for entry in value["items"]:
            wrapped = isinstance(entry, dict) and isinstance(entry.get("record"), dict)
            rest = change.record(entry["record"] if wrapped else entry)
            kept += [] if rest is None else [{**entry, "record": rest} if wrapped else rest]
        rest = {**value, "items": kept} if kept else None
    else:
        rest = change.record(value)
    if rest is None:
        return None
    return change.swept(raw if rest is value else json.dumps(rest, ensure_ascii=False))


def _list(text: TextIO, new: TextIO, change: Change) -> int:
    left = 0
    for raw, value in _values(text, listed=True):
        said = _said(raw, value, change)
        if said is not None:
            new.write((",\n" if left else "[") + said)
            left += 1
    new.write("]\n" if left else "[]\n")
    return left


def _documents(text: TextIO, new: TextIO, change: Change) -> int:
    """One JSON document, or several one after another; a list of them is one of records."""
    head = text.read(CHUNK)
    text.seek(0)
    if head.lstrip("\ufeff \t\r\n").startswith("["):
        return _list(text, new, change)
    left = 0
    for raw, value in _values(text, listed=False):
        said = _said(raw, value, change)
        if said is not None:
            new.write(said + "\n")
            left += 1
    return left


def _values(text: TextIO, *, listed: bool) -> Iterator[tuple[str, Any]]:
    """The JSON values of a list or of a sequence, each with its text, with only a part of the file in memory.

    Raises:
        UserError: the text breaks off, or is no JSON.
    """
    decoder, held, at, ended = json.JSONDecoder(), "", 0, False
    opened = not listed
    while True:
        while at < len(held) and held[at] in "\ufeff \t\r\n,":
            at += 1
        if at < len(held) and not opened and held[at] == "[":
            opened, at = True, at + 1
            continue
        if at < len(held) and listed and held[at] == "]":
            return
        if at < len(held):
            try:
                value, end = decoder.raw_decode(held, at)
                yield held[at:end], value
                at = end
                continue
            except ValueError:
                pass
        if ended:
            if at < len(held) or listed:
                raise UserError("the JSON breaks off", rule="file_unreadable", do="Land it again, whole.")
            return
        more = text.read(max(CHUNK, len(held) - at))
        ended, held, at = not more, held[at:] + more, 0


def _parquet(path: Path, out: Path, change: Change) -> int:
    import pyarrow as pa
    import pyarrow.parquet as pq

    table = pq.read_table(path, partitioning=None)
    rows: list[Record] = []
    places: list[int] = []
    at = 0
    for batch in table.to_batches(max_chunksize=1 << 16):
        for k, row in enumerate(batch.to_pylist()):
            # Keys are compared without outer spaces, as the adapter names them.
            bare = {name.strip(): value for name, value in row.items()}
            said = json.dumps(bare, ensure_ascii=False, default=str)
            if change.keeps(said):
                continue
            rest = change.record(bare)
            places.append(at + k)
            if rest is not None:
                swept = {n: change.swept(v) if isinstance(v, str) else v for n, v in rest.items()}
                rows.append({"": at + k} | {name: swept[name.strip()] for name in row})
        at += len(batch)
    stay = sorted(set(range(len(table))) - set(places))
    kept = table.take(pa.array(stay, pa.int64()))
    changed = pa.Table.from_pylist([{n: row[n] for n in table.column_names} for row in rows], table.schema)
    order = sorted(range(len(stay) + len(rows)), key=lambda k: stay[k] if k < len(stay) else rows[k - len(stay)][""])
    pq.write_table(pa.concat_tables([kept, changed]).take(pa.array(order, pa.int64())), out)
    return len(order)


def _zip(path: Path, out: Path, source: Source, change: Change) -> int:
    """A zip with a file a person: theirs goes whole, the others are rewritten."""
    left = 0
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as new:
        for entry in old.infolist():
            if change.person(PurePosixPath(entry.filename).stem):
                continue
            text = io.TextIOWrapper(old.open(entry), source.encoding, errors="surrogateescape", newline="")
            rest = io.StringIO(newline="")
            kept = _text_of_entry(text, rest, source, change)
            said = rest.getvalue().encode(source.encoding, "surrogateescape")
            if kept or not entry.file_size:  # whoever confirmed nothing has an empty file
                new.writestr(zipfile.ZipInfo(entry.filename, entry.date_time), said, zipfile.ZIP_DEFLATED)
                left += 1
    return left


def _text_of_entry(text: TextIO, new: TextIO, source: Source, change: Change) -> int:
    held = io.StringIO(text.read(), newline="")
    return _text(held, new, source, change)


def _xml(text: str, new: TextIO, source: Source, change: Change) -> int:
    """One job of CVAT's: its assignee's, or all images but the erased."""
    from xml.etree import ElementTree

    try:
        # Its adapter has read the file before and refused what could expand.
        root = ElementTree.fromstring(text.lstrip("\ufeff"))  # noqa: S314
    except ElementTree.ParseError:
        raise UserError("the file is no whole XML", rule="file_unreadable", do="Export it again.") from None
    if change.person((root.findtext("meta/job/assignee/username") or "").strip()):
        return 0
    images = root.findall("image")
    for image in images:
        named = next((image.attrib[n] for n in (*source.item, "name") if n in image.attrib), "")
        if change.item(named.strip()):
            root.remove(image)
    new.write('<?xml version="1.0" encoding="utf-8"?>\n')
    new.write(change.swept(ElementTree.tostring(root, encoding="unicode")))
    return len(root.findall("image")) if images else 1
