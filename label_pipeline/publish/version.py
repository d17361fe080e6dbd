"""Writing versions: a training set appears whole under the name of its content, or not at all.

Also what is kept of a rejected candidate. What a manifest means and how it is proven stands in `manifest`, which
version is in force in `latest`. Nothing here reads the clock: equal content is an equal name and equal bytes.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

from label_pipeline import files
from label_pipeline.errors import UserError
from label_pipeline.publish import card, croissant, datasheet
from label_pipeline.publish import manifest as manifests
from label_pipeline.publish.candidate import COLUMNS, own_name
from label_pipeline.publish.data_docs import pages
from label_pipeline.publish.profile import Profile
from label_pipeline.publish.split import Splits
from label_pipeline.publish.verdict import Verdict

if TYPE_CHECKING:
    import pyarrow as pa

REJECTED = "rejected"
DATA_DOCS = "data_docs"

_ROW_GROUP = 131_072
_MOST = 20  # members of a slice that are named


@dataclass(frozen=True)
class Facts:
    """What a manifest tells beside the rows: where they come from and by which rules they were made.

    `landings` is the table landings with a column `day`, all files the set rests on; `kpis` the table kpis of
    the day, of which the overall rows are kept. `license` is an SPDX name, an address or empty. `group`, `slices` and
    `reference` are item fields: whose equal values stay in one split, whose values part the items, and which names a
    file. `sources` has the format of each source, `annotators` how many of each group there are, `pay` what their work
    costs in words; `answers` are a person's to the datasheet; `model` is what the built-in baseline's card tells, where
    it gave the probabilities.
    """

    project: str
    description: str
    owner: str
    classes: tuple[str, ...]
    splits: Splits
    statuses: tuple[str, ...]
    code_version: str
    project_file_sha256: str
    guideline_version: str
    landings: pa.Table
    kpis: pa.Table
    guideline_sha256: str = ""
    consensus_words: str = ""
    license: str = ""
    group: str = ""
    slices: tuple[str, ...] = ()
    reference: str = ""
    sources: Mapping[str, str] = field(default_factory=dict)
    annotators: Mapping[str, int] = field(default_factory=dict)
    pay: Mapping[str, str] = field(default_factory=dict)
    jobs: tuple[str, ...] = ()
    keep: int = 0
    answers: Mapping[str, str] = field(default_factory=dict)
    model: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class Version:
    """A published version; `created` is false when the same content had been published before."""

    name: str
    path: Path
    manifest: Mapping[str, Any]
    created: bool


def publish(folder: Path, day: date, table: pa.Table, facts: Facts, profile: Profile, verdict: Verdict) -> Version:
    """Write the candidate `table` as a version below a project's published `folder`; LATEST stays where it is.

    A version of the same content that is whole is kept untouched; a damaged one is written anew. Raises
    UserError when the verdict does not accept the candidate.
    """
    if not verdict.accepted:
        raise UserError(
            f"the candidate of {day} was not accepted: " + "; ".join(r.words for r in verdict.failed("block")),
            where=facts.project,
        )
    folder.mkdir(parents=True, exist_ok=True)
    # The name is known only when all is written: first under a name that `files.sweep` knows, then in place.
    with tempfile.TemporaryDirectory(prefix=files.TEMPORARY, dir=folder) as beside:
        manifest = _write(Path(beside), day, table, facts, profile, verdict)
        path = folder / manifest["version"]
        created = not _is_whole(path)
        if created:
            with files.replacing_folder(path) as place:
                for file in sorted(Path(beside).iterdir()):
                    file.rename(place / file.name)
    _forget_rejected(folder, day)
    return Version(path.name, path, manifest, created)


def reject(folder: Path, day: date, profile: Profile, verdict: Verdict) -> Path:
    """Keep a rejected candidate's profile and Data Docs for people to look at; LATEST stays where it is."""
    path = folder / REJECTED / f"{day}.json"
    gates = [asdict(result) for result in verdict.results]
    with files.replacing_folder(folder / REJECTED / str(day)) as place:
        _write_pages(place, verdict, folder.name, day)
    files.write_text(path, manifests.dump({"day": day, "gates": gates, "profile": profile.facts()}))
    return path


def _forget_rejected(folder: Path, day: date) -> None:
    """Take away what was kept of a candidate whose day is accepted now."""
    (folder / REJECTED / f"{day}.json").unlink(missing_ok=True)
    shutil.rmtree(folder / REJECTED / str(day), ignore_errors=True)


def _is_whole(path: Path) -> bool:
    """Whether a version is there with every byte it had when it was published."""
    try:
        manifests.verify(path, manifests.read(path))
    except UserError:
        return False
    return True


def _write(place: Path, day: date, table: pa.Table, facts: Facts, profile: Profile, verdict: Verdict) -> dict[str, Any]:
    """Write all files of the version into `place`; returns the manifest."""
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    rows = {split: pc.equal(table["split"], split) for split in facts.splits}
    counts = {split: pc.sum(mask).as_py() or 0 for split, mask in rows.items()}
    for split, mask in rows.items():
        path = place / f"{split}.parquet"
        pq.write_table(table.filter(mask).combine_chunks(), path, compression="zstd", row_group_size=_ROW_GROUP)
    manifest: dict[str, Any] = {
        "format": manifests.FORMAT,
        "day": day,
        "project": facts.project,
        "description": facts.description,
        "owner": facts.owner,
        "license": facts.license,
        "classes": list(facts.classes),
        "consensus": facts.consensus_words,
        "statuses": list(facts.statuses),
        "splits": dict(facts.splits),
        "code_version": facts.code_version,
        "project_file_sha256": facts.project_file_sha256,
        "guideline_version": facts.guideline_version,
        "guideline_sha256": facts.guideline_sha256,
        "group": facts.group,
        "reference": facts.reference,
        "slices": {name: _most(table[own_name(name)]) for name in facts.slices},
        "sources": dict(facts.sources),
        "annotators": dict(facts.annotators),
        "pay": dict(facts.pay),
        "jobs": list(facts.jobs),
        "keep": facts.keep,
        "model": facts.model,
        "counts": {
            "rows": len(table),
            "by_split": counts,
            "by_status": _value_counts(table["status"]),
            "empty": {name: table[name].null_count for name in table.column_names},
        },
        "schema": [_column(field) for field in table.schema],
        "profile": profile.facts(),
        "gates": [asdict(result) for result in verdict.results],
        "kpis": facts.kpis.filter(pc.equal(facts.kpis["dimension"], "all")).to_pylist(),
        "lineage": facts.landings.sort_by([("day", "ascending"), ("landed_file", "ascending")]).to_pylist(),
    }
    manifest = manifests.plain(manifest) | {"files": _checksums(place, counts)}
    _write_documents(place, manifest, facts)
    _write_pages(place / DATA_DOCS, verdict, facts.project, day)
    manifest["files"] = _checksums(place, counts)
    manifest["version"] = manifests.name_of(manifest)
    (place / manifests.MANIFEST).write_text(manifests.dump(manifest), encoding="utf-8")
    return manifest


def _write_documents(place: Path, manifest: Mapping[str, Any], facts: Facts) -> None:
    """The files people and dataset tools read: all of them told by the manifest and the datasheet's answers."""
    documents = {
        card.FILE: card.render_card(manifest),
        datasheet.FILE: datasheet.render_datasheet(manifest, facts.answers),
        croissant.FILE: manifests.dump(croissant.croissant(manifest)),
    }
    if facts.model is not None:
        documents[card.MODEL_FILE] = card.render_model_card(manifest)
    for name, text in documents.items():
        (place / name).write_text(text, encoding="utf-8")


def _write_pages(place: Path, verdict: Verdict, project: str, day: date) -> None:
    """Great Expectations' Data Docs of the verdict, and their index."""
    place.mkdir(exist_ok=True)
    for name, page in pages(verdict, project=project, day=day).items():
        (place / name).write_text(page, encoding="utf-8")


def _checksums(place: Path, counts: Mapping[str, int]) -> dict[str, Any]:
    """Every file below `place`: bytes, checksum, and rows where it has any."""
    return {
        file.relative_to(place).as_posix(): {
            "bytes": file.stat().st_size,
            "sha256": files.sha256(file),
            "rows": counts.get(file.stem) if file.suffix == ".parquet" else None,
        }
        for file in sorted(place.rglob("*"))
        if file.is_file()
    }


def _value_counts(column: Any) -> dict[str, int]:
    return {one["values"]: one["counts"] for one in sorted(column.value_counts().to_pylist(), key=str)}


def _most(column: Any) -> dict[str, int]:
    """Rows of each value, most first; those beyond `_MOST` together."""
    counts = sorted(column.value_counts().to_pylist(), key=lambda one: (-one["counts"], str(one["values"])))
    most = {"(empty)" if c["values"] is None else str(c["values"]): c["counts"] for c in counts[:_MOST]}
    rest = sum(c["counts"] for c in counts[_MOST:])
    return most | ({f"{len(counts) - _MOST} others": rest} if rest else {})


def _column(field: Any) -> dict[str, str]:
    return {"name": field.name, "type": str(field.type), "meaning": COLUMNS.get(field.name, "declared item field")}
