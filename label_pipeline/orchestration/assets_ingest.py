"""Assets that take landing in: events, items, quarantine, the account of every file."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from functools import partial

import dagster as dg

from label_pipeline.contracts.tables import (
    ANNOTATION_EVENTS,
    ITEMS,
    LANDED_PREDICTIONS,
    LANDINGS,
    LOGINS,
    QUARANTINE,
)
from label_pipeline.ingest import Ingested, ingest_day
from label_pipeline.ingest.flood import flood_words
from label_pipeline.landing import project_files
from label_pipeline.orchestration import assets_pull
from label_pipeline.orchestration.desk import Desk
from label_pipeline.orchestration.table_assets import Check, CheckSpec, Made, Output, table_step
from label_pipeline.privacy.identity_map import remember
from label_pipeline.privacy.redact import Wanted, redact_delivered


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
    counts = {n: float(sum(found.landings[n].to_pylist())) for n in ("landed", "accepted", "quarantined", "duplicates")}
    return Made(
        rows={
            "annotation_events": found.events,
            "items": found.items,
            "quarantine": found.quarantine,
            "landings": found.landings,
            "landed_predictions": found.predictions,
            "logins": found.logins,
        },
        figures={"files": float(len(files)), **counts},
        plot=partial(_plot, found),
        words=_words(found),
        checks=_checks(desk, found, day) | {"nobody_erased_landed": _still_there(day, kept)},
    )


def _still_there(day: date, kept: Sequence[str]) -> Check:
    """Whether what was erased and came again is out of the landed files."""
    words = "It was taken in without them; have the file delivered again without them, or remove it."
    return Check(not kept, "\n".join(f"{day}: {one}. {words}" for one in kept))


def _checks(desk: Desk, found: Ingested, day: date) -> dict[str, Check]:
    flood = flood_words(desk.project, day, found.quarantine, sum(found.landings["landed"].to_pylist()))
    rows = found.landings.to_pylist()
    astray = [r for r in rows if r["landed"] != r["accepted"] + r["quarantined"] + r["duplicates"]]
    unread = [r for r in rows if r["problem"]]
    return {
        "every_row_accounted_for": Check(
            not astray,
            f"{day}: rows are missing or counted twice in {', '.join(r['landed_file'] for r in astray)}"
            if astray
            else "",
        ),
        "no_flood": Check(not flood, flood),
        "all_files_readable": Check(not unread, "\n".join(f"{day}/{r['landed_file']}: {r['problem']}" for r in unread)),
    }


def _words(found: Ingested) -> str:
    lines = ["| file | landed | accepted | quarantined | duplicates |", "|---|---|---|---|---|"]
    lines += [
        f"| {r['landed_file']} | {r['landed']} | {r['accepted']} | {r['quarantined']} | {r['duplicates']} |"
        for r in found.landings.to_pylist()[:20]
    ]
    reasons: dict[str, int] = {}
    for rule in found.quarantine["rule"].to_pylist():
        reasons[rule] = reasons.get(rule, 0) + 1
    top = ", ".join(f"{rule} {n}" for rule, n in sorted(reasons.items(), key=lambda p: (-p[1], p[0])))
    return "\n".join(lines) + (f"\n\nQuarantined: {top}" if top else "")


def _plot(found: Ingested) -> bytes:
    from label_pipeline.report.plots import bar

    names = ["accepted", "quarantined", "duplicates"]
    return bar(names, [sum(found.landings[n].to_pylist()) for n in names], "Answers landed")
