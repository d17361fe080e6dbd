"""Assets that take landing in: events, items, quarantine, the account of every file."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from functools import partial
from typing import TYPE_CHECKING

import dagster as dg

from label_pipeline.contracts.tables import (
    ANNOTATION_EVENTS,
    INTAKE,
    ITEMS,
    LANDED_PREDICTIONS,
    LANDINGS,
    LOGINS,
    QUARANTINE,
)
from label_pipeline.errors import UserError
from label_pipeline.ingest import ingest_day
from label_pipeline.ingest.flood import flood_words
from label_pipeline.landing import project_files, project_gone
from label_pipeline.orchestration import assets_pull
from label_pipeline.orchestration.desk import Desk
from label_pipeline.orchestration.table_assets import Check, CheckSpec, Made, Output, table_step
from label_pipeline.privacy.identity_map import remember
from label_pipeline.privacy.redact import Wanted, redact_delivered

if TYPE_CHECKING:
    import pyarrow as pa


def build(desk: Desk) -> list[dg.AssetsDefinition]:
    """The first stage of a project's graph."""
    intake = table_step(
        desk,
        [
            Output("annotation_events", ANNOTATION_EVENTS),
            Output("items", ITEMS),
            Output("quarantine", QUARANTINE),
            Output("logins", LOGINS),
            Output("landings", LANDINGS),
            Output("landed_predictions", LANDED_PREDICTIONS),
        ],
        _ingest,
        group="intake",
        after=[assets_pull.PULL] if assets_pull.stops_nights(desk) else [],
        checks=[
            CheckSpec(
                "every_row_accounted_for",
                "landings",
                "In each landed file: answers found = accepted + quarantined + duplicates.",
            ),
            CheckSpec(
                "all_files_readable",
                "landings",
                "Every landed file could be read as what its source says.",
                blocking=False,
            ),
            CheckSpec(
                "nobody_erased_landed",
                "landings",
                "Landed files that deliver who or what was erased again could be rewritten without.",
                blocking=False,
            ),
            CheckSpec(
                "no_flood",
                "quarantine",
                "The share of a day's answers in quarantine is within the project's limit.",
                gate=True,
            ),
        ],
    )
    return [intake]


def _ingest(desk: Desk, day: date) -> Made:
    desk.require_days_before(day)
    desk.require_same_people(day - timedelta(days=1))
    if gone := project_gone(desk.folder, desk.project, day):
        return _as_it_was(desk, day, gone)
    files = project_files(desk.folder, desk.project, day)
    known = desk.known_before(day)
    found = ingest_day(desk.project, day, files, known, desk.persons)
    kept: list[str] = []
    if found.erased and known.barred:
        # The one change of a landed file: who was erased does not stay in it either. Then the account is of what stays.
        wanted = Wanted(known.barred.login, known.barred.item)
        done = redact_delivered(desk.project, found.erased, wanted)
        kept = [f"{one.name}: {one.why}" for one in done if one.fate == "kept"]
        files = project_files(desk.folder, desk.project, day)
        found = ingest_day(desk.project, day, files, known, desk.persons)
    # First: no pseudonym stands in the lake that the map does not know.
    remember(desk.project.project, day, desk.persons.key, found.met)
    rows = {
        "annotation_events": found.events,
        "items": found.items,
        "quarantine": found.quarantine,
        "logins": found.logins,
        "landings": found.landings,
        "landed_predictions": found.predictions,
    }
    flood = flood_words(desk.project, day, found.quarantine, sum(found.landings["landed"].to_pylist()))
    return Made(
        rows,
        _figures(found.landings),
        partial(_plot, found.landings),
        _words(found.landings, found.quarantine),
        _checks(found.landings, day)
        | {"no_flood": Check(not flood, flood), "nobody_erased_landed": _still_there(day, kept)},
    )


def _still_there(day: date, kept: Sequence[str]) -> Check:
    """Whether what was erased and came again is out of the landed files."""
    words = "It was taken in without them; have the file delivered again without them, or remove it."
    return Check(not kept, "\n".join(f"{day}: {one}. {words}" for one in kept))


def _as_it_was(desk: Desk, day: date, gone: list[str]) -> Made:
    """A day whose landed files were deleted: what was taken in of them stays as it is, and says so.

    Raises:
        UserError: nothing was, or people were somebody else then, or other files came since.
    """
    where = f"project {desk.project.project}"
    said = f"{day} cannot be taken in again: {len(gone)} of its landed files were deleted"
    if not desk.lake.has(LANDINGS, day):
        raise UserError(f"{said}, and the lake does not have it", where=where, rule="retention.landing")
    try:
        desk.require_same_people(day)
    except UserError as error:
        words = f"{error.what}. {said}"
        raise UserError(words, where=where, rule=error.rule, do="Take the change back.") from None
    rows = {t.name: desk.lake.read(t, day) if desk.lake.has(t, day) else t.empty() for t in INTAKE}
    told = set(rows["landings"]["landed_file"].to_pylist())
    new = [file.name for file in project_files(desk.folder, desk.project, day) if file.name not in told]
    if new:
        words = f"{said}, and {len(new)} others have come since"
        raise UserError(words, where=where, rule="retention.landing", do="Land them on a later day.")
    said = f"{said}; what was taken in of them stays as it is."
    dg.get_dagster_logger().warning("%s %s", desk.project.project, said)
    words = f"{said}\n\n{_words(rows['landings'], rows['quarantine'])}"
    checks = _checks(rows["landings"], day) | {"no_flood": Check(True, ""), "nobody_erased_landed": Check(True, "")}
    return Made(rows, _figures(rows["landings"]), partial(_plot, rows["landings"]), words, checks)


def _figures(landings: pa.Table) -> dict[str, float]:
    counts = {n: float(sum(landings[n].to_pylist())) for n in ("landed", "accepted", "quarantined", "duplicates")}
    return {"files": float(len(landings)), **counts}


def _checks(landings: pa.Table, day: date) -> dict[str, Check]:
    rows = landings.to_pylist()
    astray = [r for r in rows if r["landed"] != r["accepted"] + r["quarantined"] + r["duplicates"]]
    unread = [r for r in rows if r["problem"]]
    return {
        "every_row_accounted_for": Check(
            not astray,
            f"{day}: rows are missing or counted twice in {', '.join(r['landed_file'] for r in astray)}"
            if astray
            else "",
        ),
        "all_files_readable": Check(not unread, "\n".join(f"{day}/{r['landed_file']}: {r['problem']}" for r in unread)),
    }


def _words(landings: pa.Table, quarantine: pa.Table) -> str:
    lines = ["| file | landed | accepted | quarantined | duplicates |", "|---|---|---|---|---|"]
    lines += [
        f"| {r['landed_file']} | {r['landed']} | {r['accepted']} | {r['quarantined']} | {r['duplicates']} |"
        for r in landings.to_pylist()[:20]
    ]
    reasons: dict[str, int] = {}
    for rule in quarantine["rule"].to_pylist():
        reasons[rule] = reasons.get(rule, 0) + 1
    top = ", ".join(f"{rule} {n}" for rule, n in sorted(reasons.items(), key=lambda p: (-p[1], p[0])))
    return "\n".join(lines) + (f"\n\nQuarantined: {top}" if top else "")


def _plot(landings: pa.Table) -> bytes:
    from label_pipeline.report.plots import bar

    names = ["accepted", "quarantined", "duplicates"]
    return bar(names, [sum(landings[n].to_pylist()) for n in names], "Answers landed")
