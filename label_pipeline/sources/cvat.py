"""CVAT: the labels of one job ("CVAT for images", XML), and its quality reports (JSON).

Only a job's own export says who labelled: in a task's export jobs are merged, and consensus replicas are not there at
all. What a model or the merging of replicas put on an image is no person's answer. The export has one time for the
whole job, which is no answer's time, so answers have none.

A quality report holds no answers either but CVAT's comparison of answers with the ground truth: its rows are marked as
gold checks, and belong into a source and a project of their own.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast
from xml.etree import ElementTree

from label_pipeline.errors import UserError
from label_pipeline.project_sources import Source
from label_pipeline.sources.landed import plain_text
from label_pipeline.sources.parts import fetch_answers, load_documents, payload, pointer
from label_pipeline.sources.reading import Reading, broken_schema, fetch, item_schema
from label_pipeline.sources.text import json_key
from label_pipeline.sql import literal

SHAPES = ("box", "polygon", "polyline", "points", "cuboid", "ellipse", "mask", "skeleton")
BY_MACHINE = ("auto", "consensus")
QUALITY_REPORT = "quality report"
JSON = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))


def read(con: Any, path: Path, source: Source, fields: tuple[str, ...]) -> Reading:
    """Read one job's XML or one quality report. Raises UserError for another export."""
    with plain_text(path, source.encoding) as plain:
        with plain.open("rb") as file:
            head = file.read(1 << 16).lstrip(b"\xef\xbb\xbf \t\r\n")
        if head.startswith(b"<"):
            return _read_job(con, plain, source, fields)
    return _read_reports(con, path, source, fields)


def _read_job(con: Any, path: Path, source: Source, fields: tuple[str, ...]) -> Reading:
    import pyarrow as pa

    names = {field: source.fields.get(field, field) for field in fields}
    images: list[tuple[Any, ...]] = []
    elements = _elements(path)
    meta = next(elements, None)
    job = None if meta is None or meta.tag != "meta" else meta.findtext("job/id")
    if meta is None or job is None:
        raise _other("the file is no export of a single job")
    assignee = meta.findtext("job/assignee/username") or ""
    for element in elements:
        image = element.attrib
        item = next((image[name] for name in (*source.item, "name") if name in image), None)
        kept = {field: image[name] for field, name in names.items() if name in image}
        marks = [_mark(child) for child in element if child.tag == "tag" or child.tag in SHAPES]
        answered = any(mark.get("source") not in BY_MACHINE for mark in marks)
        label = _label(marks, source.label) if answered else None
        images.append((len(images) + 1, image.get("id", item), item, JSON.encode(kept), label, answered))
    kinds = {"landed_row": pa.int64()} | dict.fromkeys(("number", "item_id", "payload", "label"), pa.string())
    kinds["answered"] = pa.bool_()
    table = pa.table({name: pa.array([row[k] for row in images], kind) for k, (name, kind) in enumerate(kinds.items())})
    con.register("images", table)
    answers = fetch_answers(
        con,
        "images WHERE answered",
        {
            "annotation_id": f"{literal(job + '/')} || number",
            "item_id": "item_id",
            "annotator": f"nullif({literal(assignee)}, '')",
            "label": "label",
            "batch_id": literal(job),
        },
    )
    return Reading(answers, table.select(item_schema().names), broken_schema().empty_table())


def _elements(path: Path) -> Iterator[ElementTree.Element]:
    """The `meta` and then every `image`, each whole and forgotten after its turn, so that memory stays small.

    Raises:
        UserError: the file is damaged, declares entities, or is another export.
    """
    parser: ElementTree.XMLPullParser[ElementTree.Element] = ElementTree.XMLPullParser(("start", "end"))
    root: ElementTree.Element | None = None
    try:
        # Fed as text, whose encoding the project file says, and not what the file says of itself.
        with path.open(encoding="utf-8-sig") as file:
            seam = ""
            while chunk := file.read(1 << 16):
                # Entities are all that could make a small file expand; the tool writes none.
                if "<!DOCTYPE" in seam + chunk:
                    raise _other("the file declares a document type")
                seam = chunk[-9:]
                parser.feed(chunk)
                events = cast(Iterator[tuple[str, ElementTree.Element]], parser.read_events())
                for event, element in events:
                    if root is None:
                        root = element
                        if root.tag != "annotations":
                            raise _other("the file has no annotations of this tool")
                    if event == "start" and element.tag == "track":
                        raise _other("the file holds tracks of a video, not images")
                    if event == "end" and element.tag in ("meta", "image"):
                        yield element
                        root.clear()
        parser.close()
    except ElementTree.ParseError as error:
        line, column = error.position
        raise UserError(
            f"the file is no whole XML: line {line}, column {column + 1}", rule="file_unreadable", do="Export it again."
        ) from None


def _other(words: str) -> UserError:
    return UserError(words, rule="not_cvat_job", do="Export each job by itself, as 'CVAT for images 1.1'.")


def _mark(element: ElementTree.Element, *, part: bool = False) -> dict[str, Any]:
    """One tag or shape as it is kept: its kind, the attributes of its element, what a person filled in, its parts."""
    filled = {child.get("name", ""): child.text or "" for child in element if child.tag == "attribute"}
    mark: dict[str, Any] = {"type": element.tag, **element.attrib}
    parts = [_mark(child, part=True) for child in element if child.tag in SHAPES and not part]
    return mark | ({"attributes": filled} if filled else {}) | ({"elements": parts} if parts else {})


def _label(marks: list[dict[str, Any]], wanted: tuple[str, ...]) -> str | None:
    """Values of a mapped attribute of tags, else the tags' labels, joined by `|`; with shapes, all marks as JSON.

    Mapping `tag` reads tags alone, whatever shapes stand beside them.
    """
    tags = [mark for mark in marks if mark["type"] == "tag"]
    filled = [mark["attributes"][name] for mark in tags for name in wanted if name in mark.get("attributes", {})]
    if filled:
        return "|".join(filled)
    if "tag" in wanted or len(tags) == len(marks):
        return "|".join(mark.get("label", "") for mark in tags) or None
    return JSON.encode(marks)


def _read_reports(con: Any, path: Path, source: Source, fields: tuple[str, ...]) -> Reading:
    load_documents(con, path, source)
    # A page of the list holds its reports under `results`.
    con.execute(
        """
        CREATE TEMP TABLE reports AS SELECT row_number() OVER (ORDER BY landed_row, turn) AS landed_row, doc FROM (
            SELECT landed_row, 0 AS turn, doc FROM documents WHERE json_type(doc, '$.results') IS DISTINCT FROM 'ARRAY'
            UNION ALL
            SELECT landed_row, generate_subscripts(from_json(doc -> '$.results', '["JSON"]'), 1),
                   unnest(from_json(doc -> '$.results', '["JSON"]'))
            FROM documents WHERE json_type(doc, '$.results') = 'ARRAY')
        """
    )
    ((odd, data),) = con.execute(
        "SELECT count(*) FILTER (NOT json_exists(doc, '$.summary') AND NOT json_exists(doc, '$.frame_results')), "
        "count(*) FILTER (json_exists(doc, '$.frame_results')) FROM reports"
    ).fetchall()
    if odd:
        raise _other("the file is neither a job's annotations nor a quality report")
    parts = _frames(con) if data else _summaries(con)
    kept = payload({field: f"doc -> {json_key(source.fields.get(field, field))}" for field in fields})
    return Reading(
        answers=fetch_answers(con, "compared", {"is_gold_check": "true", **parts}),
        items=fetch(con, f"SELECT landed_row, item_id, {kept} AS payload FROM compared", item_schema()),
        broken=broken_schema().empty_table(),
    )


def _summaries(con: Any) -> dict[str, str]:
    """Table `compared` of the reports on jobs. Those on tasks and projects sum them up and are nobody's."""
    con.execute(
        "CREATE TEMP TABLE compared AS SELECT *, doc ->> '$.job_id' AS item_id FROM reports "
        "WHERE coalesce(doc ->> '$.target', 'job') = 'job'"
    )
    return {
        "item_id": "item_id",
        "annotator": "CASE json_type(doc, '$.assignee') WHEN 'OBJECT' "
        "THEN coalesce(doc ->> '$.assignee.username', doc ->> '$.assignee.id') ELSE doc ->> '$.assignee' END",
        "label": "(doc -> '$.summary')::VARCHAR",
        "annotated_at": "doc ->> '$.created_date'",
        "batch_id": "doc ->> '$.task_id'",
    }


def _frames(con: Any) -> dict[str, str]:
    """Table `compared` of a report's frames, those without a conflict among them."""
    con.execute(
        f"""
        CREATE TEMP TABLE compared AS
        SELECT landed_row, doc, item_id, row_number() OVER (PARTITION BY landed_row ORDER BY length(item_id), item_id)
                   AS answer,
               coalesce(doc -> '$.frame_results' -> {pointer("item_id")} -> '$.conflicts', '[]'::JSON) AS conflicts
        FROM (SELECT landed_row, doc, unnest(list_distinct(list_concat(
                  coalesce(from_json(doc -> '$.comparison_summary.frames', '["VARCHAR"]'), []),
                  coalesce(json_keys(doc -> '$.frame_results'), [])))) AS item_id FROM reports)
        """
    )
    return {
        "answer": "answer",
        "item_id": "item_id",
        "annotator": f"'{QUALITY_REPORT}'",
        "label": "conflicts::VARCHAR",
    }
