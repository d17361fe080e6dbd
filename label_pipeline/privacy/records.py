"""Where each export format names people and items: what is left of one record when some of them are erased.

A rule takes a record (a row by its columns, or a JSON object) and gives it back without them: None where nothing of
others is in it, the same object where they are not in it, else a changed copy. Opening and writing files is
`containers`'; that a rule has missed nobody is proven by `redact`, which reads the file again through its adapter.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from label_pipeline.project_sources import Source
from label_pipeline.sources.ground_truth import ALL_WORKERS, ANSWER_LISTS
from label_pipeline.sources.text import strip
from label_pipeline.sources.wide import numbered

Record = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Erased:
    """What is taken out of one file: identities and item ids as its adapter reads them, without outer spaces."""

    people: frozenset[str] = frozenset()
    items: frozenset[str] = frozenset()

    def person(self, *values: Any) -> bool:
        """Whether the first of some values that says anything is an erased person."""
        return _first(values) in self.people

    def item(self, *values: Any) -> bool:
        """Whether the first of some values that says anything is an erased item."""
        return _first(values) in self.items


Rule = Callable[[Record, Erased, Source], Record | None]


def text(value: Any) -> str:
    """A value as adapters read it: text without outer spaces, anything else as JSON writes it, nothing as ''."""
    if value is None:
        return ""
    return strip(value) if isinstance(value, str) else json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _first(values: Iterable[Any]) -> str:
    return next((said for said in map(text, values) if said), "")


def _of(record: Mapping[str, Any], names: Iterable[str], *holders: str) -> list[Any]:
    """The values of keys, in order, of the record itself and then of the objects that it holds."""
    places = [record, *(record.get(holder) for holder in holders)]
    return [place.get(name) for name in names for place in places if isinstance(place, dict)]


def _table(*people: str) -> Rule:
    """A row of answers by one person, whose column is named; without a name the project file says which."""

    def rule(row: Record, erased: Erased, source: Source) -> Record | None:
        if erased.person(*_of(row, people or (source.annotator,))):
            return None
        slots = next((found for t in source.item if (found := numbered(t, row))), {})
        gone = {n for n, column in slots.items() if erased.item(row[column])}
        if not gone:
            return row
        if not any(text(row[column]) for n, column in slots.items() if n not in gone):
            return None
        # Other items stand in the row: the slot is emptied, as tools leave the last of a page; with it what nobody
        # declared, and which the slot's number tells.
        templates = [*source.item, *source.label, *source.fields.values()]
        blank = {column for t in templates for n, column in numbered(t, row).items() if n in gone and "<n>" in t}
        blank |= {column for column in row if (end := re.search(r"[0-9]+$", column)) and end.group() in gone}
        return {name: None if name in blank else value for name, value in row.items()}

    return rule


def _row(people: Callable[[Source], tuple[str, ...]], items: Callable[[Source], list[str]], *holders: str) -> Rule:
    """One answer on one item, whose keys are named, in the record or in what it holds."""

    def rule(record: Record, erased: Erased, source: Source) -> Record | None:
        gone = erased.person(*_of(record, people(source)))
        return None if gone or erased.item(*_of(record, items(source), *holders)) else record

    return rule


def _prodigy(record: Record, erased: Erased, source: Source) -> Record | None:
    if erased.person(*_of(record, (source.annotator, "_annotator_id", "_session_id"))):
        return None
    hashes = [text(value) for value in _of(record, ("_input_hash", "_task_hash"), "meta")]
    named = _of(record, source.item, "meta")
    return None if erased.item(*named) or (not _first(named) and erased.items & set(hashes)) else record


def _label_studio(task: Record, erased: Erased, source: Source) -> Record | None:
    data = task.get("data")
    if erased.item(*_of(data if isinstance(data, dict) else {}, source.item), task.get("id")):
        return None

    def theirs(annotation: Any) -> bool:
        who = annotation.get("completed_by") if isinstance(annotation, dict) else None
        return erased.person(who.get("id") if isinstance(who, dict) else who)

    return _without(task, ("annotations", "drafts", "predictions"), theirs)


def _without(record: Record, lists: Iterable[str], gone: Callable[[Any], bool]) -> Record:
    """The record without the elements of some of its lists that are gone; the same object where none is."""
    kept = {name: [e for e in record[name] if not gone(e)] for name in lists if isinstance(record.get(name), list)}
    changed = {name: found for name, found in kept.items() if len(found) < len(record[name])}
    return {**record, **changed} if changed else record


def _argilla(record: Record, erased: Erased, source: Source) -> Record | None:
    if erased.item(*_of(record, [*source.item, "external_id", "id"], "fields", "metadata")):
        return None

    def theirs(response: Any) -> bool:
        return isinstance(response, dict) and erased.person(response.get("user_id"))

    responses = record.get("responses")
    if isinstance(responses, dict):
        kept = _without(responses, responses, theirs)
        return record if kept is responses else {**record, "responses": kept}
    record = _without(record, ("responses",), theirs)
    for name in [key.removesuffix(".users") for key in record if key.endswith(".responses.users")]:
        columns = [key for key in record if key.startswith(name) and isinstance(record[key], list)]
        stay = [not erased.person(user) for user in record[f"{name}.users"] or []]
        if not all(stay):
            record = {**record, **{c: [v for v, s in zip(record[c], stay, strict=False) if s] for c in columns}}
    return record


def _labelbox(row: Record, erased: Erased, source: Source) -> Record | None:
    about = row.get("data_row")
    if erased.item(*_of(about if isinstance(about, dict) else {}, (*source.item, "global_key", "id"))):
        return None

    def theirs(label: Any) -> bool:
        about = label.get("label_details") if isinstance(label, dict) else None
        return isinstance(about, dict) and erased.person(about.get("created_by"))

    projects = row.get("projects")
    if not isinstance(projects, dict):
        return row
    kept = {k: _without(p, ("labels",), theirs) if isinstance(p, dict) else p for k, p in projects.items()}
    return row if all(kept[k] is p for k, p in projects.items()) else {**row, "projects": kept}


def _worker(erased: Erased) -> Callable[[Any], bool]:
    """Whether an element of a list of Ground Truth's is an erased worker's."""

    def theirs(answer: Any) -> bool:
        if not isinstance(answer, dict):
            return False
        about = answer.get("workerMetadata")
        identity = about.get("identityData") if isinstance(about, dict) else None
        return erased.person(answer.get("workerId"), identity.get("sub") if isinstance(identity, dict) else None)

    return theirs


def _manifest(line: Record, erased: Erased, source: Source) -> Record | None:
    item = [*_of(line, (*source.item, "source-ref"))]
    if isinstance(line.get("source"), str):
        item.append(hashlib.sha256(line["source"].encode()).hexdigest()[:16])
    if erased.item(*item):
        return None
    kept, theirs = dict(line), _worker(erased)
    for name, value in line.items():
        about = line.get(f"{name}-metadata")
        if isinstance(value, dict):
            kept[name] = _without(value, (ALL_WORKERS,), theirs)
        if isinstance(about, dict):
            job = text(about.get("job-name")) + (" (auto)" if about.get("human-annotated") == "no" else "")
            if erased.person(job):
                del kept[name], kept[f"{name}-metadata"]
    return line if all(kept.get(name) is value for name, value in line.items()) else kept


def _responses(doc: Record, erased: Erased, source: Source) -> Record | None:
    inner = doc.get("inputContent")
    named = [place.get(n) for n in source.item for place in (doc, inner) if isinstance(place, dict)]
    if erased.item(*named, doc.get("datasetObjectId")):
        return None
    theirs = _worker(erased)
    kept = _without(doc, ANSWER_LISTS, theirs)
    settled = doc.get("consolidatedAnnotation")
    content = settled.get("content") if isinstance(settled, dict) else None
    if not isinstance(settled, dict) or not isinstance(content, dict):
        return kept
    lists = {k: _without(v, (ALL_WORKERS,), theirs) if isinstance(v, dict) else v for k, v in content.items()}
    if all(lists[k] is v for k, v in content.items()):
        return kept
    return {**kept, "consolidatedAnnotation": {**settled, "content": lists}}


def _cvat(report: Record, erased: Erased, source: Source) -> Record | None:
    if isinstance(report.get("results"), list):
        kept = [_cvat(one, erased, source) if isinstance(one, dict) else one for one in report["results"]]
        if all(a is b for a, b in zip(kept, report["results"], strict=True)):
            return report
        kept = [one for one in kept if one is not None]
        return {**report, "results": kept} if kept else None
    who = report.get("assignee")
    if erased.person(*((who.get("username"), who.get("id")) if isinstance(who, dict) else (who,))):
        return None
    frames = report.get("frame_results")
    if not isinstance(frames, dict):
        return None if erased.item(report.get("job_id")) else report
    summary = report.get("comparison_summary")
    listed = summary.get("frames") if isinstance(summary, dict) else None
    if not erased.items & {*frames, *map(text, listed or [])}:
        return report
    left = {name: frame for name, frame in frames.items() if name not in erased.items}
    stay = [frame for frame in listed or [] if text(frame) not in erased.items]
    about = {**summary, "frames": stay} if isinstance(summary, dict) and listed else summary
    return {**report, "frame_results": left, "comparison_summary": about}


def _nobody(_: Source) -> tuple[str, ...]:
    return ()


RULES: dict[str, Rule] = {
    "csv": _table(),
    "jsonl": _table(),
    "parquet": _table(),
    "mturk_csv": _table("WorkerId"),
    "label_studio_json": _label_studio,
    "label_studio_min": _row(lambda s: ("annotator",), lambda s: [*s.item, "id"]),
    "label_studio_csv": _row(lambda s: ("annotator",), lambda s: [*s.item, "id"]),
    "argilla": _argilla,
    "prodigy": _prodigy,
    "doccano": _row(lambda s: (s.annotator,), lambda s: [*s.item, "id"]),
    "cvat": _cvat,
    "ground_truth_manifest": _manifest,
    "ground_truth_responses": _responses,
    "labelbox": _labelbox,
    "toloka": _row(
        lambda s: ("ASSIGNMENT:worker_id",),
        lambda s: (
            [full for n in s.item for full in (n, f"INPUT:{n}")]
            + ([] if "item" in s.model_fields_set else ["ASSIGNMENT:task_id"])
        ),
    ),
    "appen": _row(
        lambda s: ("_worker_id",), lambda s: [*s.item, *([] if "item" in s.model_fields_set else ["_unit_id"])]
    ),
    "items": _row(_nobody, lambda s: list(s.item)),
    "predictions": _row(_nobody, lambda s: list(s.item)),
}
"""What is left of a record, by the format of its source."""
