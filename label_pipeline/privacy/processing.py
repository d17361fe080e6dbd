"""The record of processing and the impact assessment of a project, as far as its file tells; the rest is open.

The record's questions are those of Article 30 (1) GDPR with the legal basis, the assessment's those of Article 35 (7),
after the nine criteria of the guidelines WP 248 by which it is decided whether one is due. A person's answers stand in
`processing.yaml` beside the project file and go before what is known. Neither document is legal advice.
"""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlsplit

from label_pipeline.project import Project
from label_pipeline.project_policy import ALL_SOURCES
from label_pipeline.publish.markdown import cell
from label_pipeline.questions import Question, Sections, answered, open_questions, require_known

ANSWERS = "processing.yaml"
RECORD_FILE, IMPACT_FILE = "RECORD_OF_PROCESSING.md", "IMPACT_ASSESSMENT.md"


def render_record(project: Project, answers: Mapping[str, str]) -> str:
    """The record of processing, Markdown.

    Raises:
        UserError: an answer is one to no question of either document.
    """
    return _rendered("Record of processing", "Article 30 (1) GDPR", RECORD, project, answers)


def render_impact(project: Project, answers: Mapping[str, str]) -> str:
    """The data-protection impact assessment, Markdown.

    Raises:
        UserError: an answer is one to no question of either document.
    """
    return _rendered("Data-protection impact assessment", "Article 35 (7) GDPR and WP 248", IMPACT, project, answers)


def _rendered(title: str, source: str, sections: Sections, project: Project, answers: Mapping[str, str]) -> str:
    require_known(answers, (*RECORD, *IMPACT), file=ANSWERS, what="record or the assessment")
    lines = list(answered(sections, project, answers, whose=cell(project.owner) or "whoever answers for the project"))
    head = [
        f"# {title}: {cell(project.project)}",
        "",
        f"The questions are those of {source}. What is filled in follows from the project file.",
        f"Open questions: {open_questions(lines)}. They are answered in `{ANSWERS}` beside the project file, by the key"
        " in brackets. Somebody who answers for it has to read the rest as well: this is no legal advice.",
    ]
    return "\n".join([*head, *lines]) + "\n"


# --- what the project file tells


def _purpose(project: Project) -> str:
    uses = f" It is used by: {', '.join(map(cell, project.publish.jobs))}." if project.publish.jobs else ""
    what = cell(project.description) or "not described in the project file"
    return (
        f"Training data of known quality: {what}. Annotators' answers become labels; how far each annotator can be"
        f" relied on is estimated for that, and to find guidelines that are unclear.{uses}"
    )


def _subjects(project: Project) -> str:
    roster = f" Who they are stands in {cell(project.people.roster)}." if project.people.roster else ""
    people = f"Annotators and adjudicators, who answer in {', '.join(map(cell, project.sources))}.{roster}"
    return f"{people} Whoever stands in the items: {_fields(project)}." if project.items.fields else people


def _data(project: Project) -> str:
    lines = [
        "Of annotators: pseudonym, group and role; every answer with its time, duration, source, guideline and batch;"
        " figures of how right and how fast the answers are, and flags.",
        f"Of items: {_fields(project) if project.items.fields else 'nothing but their ids'}.",
        "In landing, as the tools export them: whatever an export holds, identities of annotators included.",
    ]
    return "\n".join(f"- {line}" for line in lines)


def _fields(project: Project) -> str:
    scrubbed = project.privacy.scrub.fields if project.privacy.scrub else ()
    return ", ".join(f"{cell(name)}{' (scrubbed)' if name in scrubbed else ''}" for name in project.items.fields)


def _recipients(project: Project) -> str:
    lines = ["Those who may read the data folder, each by their role."]
    if project.publish.jobs:
        lines.append(
            f"Training jobs: {', '.join(map(cell, project.publish.jobs))}. Their sets have no annotator column."
        )
    tools = [f"{cell(name)} ({urlsplit(s.pull.url).hostname})" for name, s in project.sources.items() if s.pull]
    if tools:
        lines.append(f"Annotation tools that are pulled from, and that batches may be pushed to: {', '.join(tools)}.")
    told = [f"{len(project.alerts.email)} e-mail addresses"] if project.alerts.email else []
    told += ["a webhook"] if project.alerts.webhook_env else []
    if told:
        lines.append(f"Alerts, without anything personal in them: {' and '.join(told)}.")
    return "\n".join(f"- {line}" for line in lines)


def _transfers(project: Project) -> str:
    """Only what the pipeline does itself can be known: where the tools and addresses stand cannot."""
    asks = any(s.pull for s in project.sources.values()) or project.alerts.email or project.alerts.webhook_env
    return "" if asks else "The pipeline itself sends nothing: it pulls from no tool and alerts nobody."


def _retention(project: Project) -> str:
    keep = project.retention
    lines = [
        f"states of labels, people and queue, day by day: {keep.as_of} days, and of each month the first",
        f"reports: {keep.reports} days; runs in Dagster's storage: {keep.runs} days",
        f"training sets: the newest {project.publish.keep} versions and those in use",
        "figures of whole nights, and the audit log: for good",
    ]
    lines += [f"{cell(name)}: {days} days, and of no month the first" for name, days in sorted(keep.tables.items())]
    for name, days in sorted(keep.landing.items()):
        lines.append(
            f"landed files of {'every source not named here' if name == ALL_SOURCES else cell(name)}: {days} days"
        )
    if not keep.landing:
        lines.append("landed files, identities included: until somebody deletes them (see `retention.landing`)")
    return "What `label-pipeline prune` keeps:\n\n" + "\n".join(f"- {line}" for line in lines)


def _measures(project: Project) -> str:
    scrub = project.privacy.scrub
    kinds = [*scrub.kinds, *(["listed names"] if scrub.names else [])] if scrub else []
    kinds += ["what Presidio finds"] if scrub and scrub.presidio else []
    lines = [
        "Annotators are keyed pseudonyms past landing; the key, and the map back, lie outside the data folder.",
        "Item fields that nobody declared are not read; quarantined answers are minimised.",
        f"Free text loses {', '.join(kinds)} in {', '.join(map(cell, scrub.fields))}." if scrub
        else "Free text is not scrubbed (`privacy.scrub`).",
        "Each role has its own view; training sets have no annotator column.",
        "Acts on gold, people, versions and erasures stand in a hash-chained audit log.",
        "Erasure and access are commands: `label-pipeline erase`, `label-pipeline access`.",
    ]  # fmt: skip
    return "\n".join(f"- {line}" for line in lines)


def _scoring(project: Project) -> str:
    return "Yes: how right, how fast and how steady each annotator is, is estimated every night, with intervals."


def _automated(project: Project) -> str:
    checks = project.people.gold_checks
    if checks is None:
        return "No: flags are reasons to look, and nobody's votes lose weight (`people.gold_checks` is not set)."
    what = "count half" if checks.otherwise == "weigh" else "no longer count"
    return (
        f"In part: votes of whoever is shown to get fewer than {checks.at_least:g} of gold checks right {what}, from"
        " that night on, without a person in between. What follows for the person is not decided here. Each has a"
        " report of their own and an appeal."
    )


def _monitoring(project: Project) -> str:
    return "Yes, annotators' work: the time and duration of every answer are kept and judged."


def _sensitive(project: Project) -> str:
    return "" if project.items.fields else "No field of an item is read."


def _matched(project: Project) -> str:
    if len(project.sources) < 2:
        return "No: there is one source."
    known = "; people known in several are one person by the roster" if project.people.roster else ""
    return f"Yes: answers of {len(project.sources)} sources are put together by item{known}."


def _necessity(project: Project) -> str:
    """What each field of an item is read for, as far as the project file says."""
    if not project.items.fields:
        return "No field of an item is read."
    lines = [f"{cell(name)}: {', '.join(_uses(project, name))}" for name in project.items.fields]
    return "What is read of an item, and for what; whether less would do is open:\n\n" + "\n".join(
        f"- {line}" for line in lines
    )


def _uses(project: Project, field: str) -> list[str]:
    base = project.predictions.baseline
    told = {
        "shown to annotators": field not in project.hidden,
        "the time of its arrival": field == project.items.arrived_at,
        "figures by slice": field in project.items.slices,
        "read by the built-in model": base is not None and field in (base.text, base.features),
        "splits are made by it": field == project.publish.group,
        "in the training set": True,
    }
    return [use for use, holds in told.items() if holds]


def _risks(project: Project) -> str:
    scrubbed = bool(project.privacy.scrub)
    rows = [
        ("an annotator is recognised in what others read", "keyed pseudonyms; small cells withheld; roles",
         "a few annotators may be told apart by their hours or by their group"),
        ("an annotator is judged wrongly", "intervals; a minimum before any judgement; own report; appeal",
         "errors that most annotators share count against whoever is right"),
        ("a person in an item is recognised", "declared fields only" + ("; free text scrubbed" if scrubbed else ""),
         "names on no list, streets, ages, faces" if scrubbed else "whatever the declared fields hold"),
        ("landing, which holds identities, is read or copied", "file permissions; roles; erasure",
         "copies and backups outside the data folder"),
        ("data are kept longer than needed", "terms above; erasure with a certificate",
         "models that were trained on withdrawn versions"),
    ]  # fmt: skip
    head = ["| what may happen | what is done | what remains |", "|---|---|---|"]
    return "\n".join([*head, *(f"| {' | '.join(row)} |" for row in rows)])


RECORD: Sections = (
    (
        "Who",
        (
            Question("record.controller", "Who is the controller, and who else decides with them?"),
            Question("record.contact", "Who answers for this project?", lambda p: cell(p.owner)),
            Question("record.officer", "Who is the data protection officer?"),
        ),
    ),
    (
        "What and why",
        (
            Question("record.purpose", "For what purpose?", _purpose),
            Question("record.basis", "On what legal basis (Articles 6 and 9)?"),
            Question("record.subjects", "Whose data?", _subjects),
            Question("record.data", "What data?", _data),
        ),
    ),
    (
        "Where it goes",
        (
            Question("record.recipients", "Who receives it?", _recipients),
            Question("record.transfers", "Does it leave for a third country, and on what grounds?", _transfers),
        ),
    ),
    (
        "How long and how safe",
        (
            Question("record.retention", "How long is it kept?", _retention),
            Question("record.landing", "How long are landing files kept, which hold what the tools export?"),
            Question("record.measures", "What protects it (Article 32)?", _measures),
        ),
    ),
)  # fmt: skip
"""The record's questions; a fact goes no further than the project file."""

IMPACT: Sections = (
    (
        "Is an assessment due? Two criteria or more usually say so",
        (
            Question("due.scoring", "1. Are people scored or evaluated?", _scoring),
            Question("due.automated", "2. Do decisions with effect on people follow by themselves?", _automated),
            Question("due.monitoring", "3. Is anybody monitored systematically?", _monitoring),
            Question("due.sensitive", "4. Are there sensitive or very personal data?", _sensitive),
            Question("due.scale", "5. Is it done on a large scale?"),
            Question("due.matched", "6. Are sets of data matched?", _matched),
            Question("due.vulnerable", "7. Are the people in a weaker position, such as those who work for you?"),
            Question("due.novel", "8. Is technology used in a new way?"),
            Question("due.hindered", "9. Can it keep people from a right, a service or a contract?"),
            Question("due.verdict", "So: is an assessment due?"),
        ),
    ),
    (
        "What is done",
        (
            Question("impact.purpose", "What is done, and for what?", _purpose),
            Question("impact.data", "With what data, of whom?", lambda p: f"{_subjects(p)}\n\n{_data(p)}"),
            Question("impact.flow", "Which way do they take?", lambda p: (
                f"Files of {', '.join(map(cell, p.sources))} land, are read with identities replaced, and become"
                " labels, figures, reports and training sets. See the record of processing for recipients and terms."
            )),
        ),
    ),
    (
        "Is it needed, and is it fair?",
        (
            Question("impact.necessity", "Would less do?", _necessity),
            Question("impact.told", "How are annotators, and people in items, told?"),
            Question("impact.rights", "How are access, correction, erasure and objection served?", lambda p: (
                "`label-pipeline access` and `erase` for annotators and items; a report of their own, and an appeal,"
                " for annotators. Who receives a request, and how a person in an item is found, is for people to say."
            )),
        ),
    ),
    (
        "What may go wrong",
        (
            Question("impact.risks", "Which risks are there for people, and what is done?", _risks),
            Question("impact.severity", "How likely and how severe is what remains?"),
        ),
    ),
    (
        "Decision",
        (
            Question("impact.views", "What do the people concerned, or their representatives, say?"),
            Question("impact.officer", "What does the data protection officer advise?"),
            Question("impact.decision", "Who decided what, and when?"),
            Question("impact.review", "When is it looked at again?"),
        ),
    ),
)  # fmt: skip
"""The assessment's questions; the first nine decide whether one is due."""
