"""The datasheet of a version: the questions of Gebru et al., Datasheets for Datasets (2021), and what we know of them.

An answer is a fact of the manifest, or what a person wrote into the project's `datasheet.yaml`, which goes before it.
A question that neither answers is marked as open: a datasheet that guesses is worse than one that asks.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from label_pipeline.publish.markdown import cell, share
from label_pipeline.questions import Question, answered, open_questions, require_known

FILE = "DATASHEET.md"
ANSWERS = "datasheet.yaml"

Facts = Mapping[str, Any]


def render_datasheet(facts: Facts, answers: Mapping[str, str]) -> str:
    """Markdown of all questions; `answers` are a person's, by key. Raises UserError for a key that is no question's."""
    require_known(answers, SECTIONS, file=ANSWERS, what="datasheet")
    lines = list(answered(SECTIONS, facts, answers, whose=cell(facts["owner"])))
    head = [
        f"# Datasheet of {cell(facts['project'])}",
        "",
        f"Labels as of {facts['day']}. The questions are those of Gebru et al., Datasheets for Datasets (2021).",
        f"Open questions: {open_questions(lines)}. They are answered in `{ANSWERS}` beside the project file, by the key"
        " in brackets.",
    ]
    return "\n".join([*head, *lines]) + "\n"


def _rows(facts: Facts) -> str:
    splits = ", ".join(f"{n:,} in {cell(name)}" for name, n in facts["counts"]["by_split"].items())
    return f"{facts['counts']['rows']:,}: {splits}."


def _sample(facts: Facts) -> str:
    totals = facts["profile"]["totals"]
    return (
        f"Of {totals['items']:,} items that are known, {totals['labelled']:,} have a label. Items enter with status "
        f"{', '.join(facts['statuses'])}; {totals['held_back']:,} are held back for near duplicates or their group."
    )


def _missing(facts: Facts) -> str:
    without = [name for name, n in facts["counts"]["empty"].items() if n]
    listed = ", ".join(f"{cell(name)} in {facts['counts']['empty'][name]:,}" for name in without)
    return f"Empty values: {listed} rows." if without else "No column has an empty value."


def _errors(facts: Facts) -> str:
    totals = facts["profile"]["totals"]
    accuracy = _kpi(facts, "label_accuracy", "Labels are right in")
    return (
        f"{accuracy} Confident learning doubts {share(totals['issue_share'])} of the learning rows (`is_issue`); each "
        "row has its confidence, and near duplicates never stand in two splits."
    )


def _kpi(facts: Facts, name: str, words: str) -> str:
    row = next((r for r in facts["kpis"] if r["kpi"] == name and r["value"] is not None), None)
    if row is None:
        return ""
    return f"{words} {share(row['value'])} ({share(row['ci_low'])} to {share(row['ci_high'])}, n {row['n']:,})."


def _labels(facts: Facts) -> str:
    return f"A label of {len(facts['classes'])} classes: {', '.join(map(cell, facts['classes']))}. {_consensus(facts)}"


def _consensus(facts: Facts) -> str:
    return f"It is the consensus of several annotators. {cell(facts['consensus'])}"


def _parts(facts: Facts) -> str:
    said = []
    for name, members in facts["slices"].items():
        shares = ", ".join(f"{cell(m)} {share(n / max(facts['counts']['rows'], 1))}" for m, n in members.items())
        said.append(f"By {cell(name)}: {shares} of the rows.")
    return " ".join(said)


def _outside(facts: Facts) -> str:
    name = cell(facts["reference"])
    return f"The field {name} names files that are not part of the set; the labels stand alone." if name else ""


def _collected(facts: Facts) -> str:
    sources = ", ".join(f"{cell(name)} ({cell(form)})" for name, form in facts["sources"].items())
    return (
        f"Exports of labelling tools, landed file by file: {sources}. Every file and its checksum is in the manifest."
    )


def _who(facts: Facts) -> str:
    groups = ", ".join(f"{n:,} of group {cell(name)}" for name, n in facts["annotators"].items())
    pay = ", ".join(f"{cell(name)} {words}" for name, words in facts["pay"].items())
    return f"Annotators: {groups}." + (f" What their work costs: {pay}." if pay else "") if groups else ""


def _when(facts: Facts) -> str:
    days = [row["day"] for row in facts["lineage"]]
    return f"What it rests on landed from {min(days)} to {max(days)}." if days else ""


def _prepared(facts: Facts) -> str:
    return (
        "Labels are the consensus of annotations; answers that broke a rule were quarantined "
        f"({share(facts['profile']['totals']['quarantined_share'])} of the day's); item fields are as they landed. "
        f"Guideline version: {cell(facts['guideline_version'])}."
    )


def _raw(facts: Facts) -> str:
    return f"Yes: the {len(facts['lineage']):,} landed files are kept unchanged, and the set is rebuilt from them."


def _splits(facts: Facts) -> str:
    gold = [cell(name) for name, part in facts["splits"].items() if part == "gold"]
    test = f" {gold[0]} is the evaluation gold: its labels are settled truth." if gold else ""
    return f"Yes: {', '.join(map(cell, facts['splits']))}; items never move between them.{test}"


def _nothing(facts: Facts) -> str:
    return "Nothing was added."


SECTIONS: tuple[tuple[str, tuple[Question, ...]], ...] = (
    (
        "Motivation",
        (
            Question("motivation.purpose", "What was it made for?", lambda f: cell(f["description"])),
            Question("motivation.creator", "Who made it, and for whom?", lambda f: cell(f["owner"])),
            Question("motivation.funding", "Who paid for it?"),
            Question("motivation.other", "Anything else about its purpose?", _nothing),
        ),
    ),
    (
        "Composition",
        (
            Question("composition.instances", "What is one instance? Are there several kinds?", lambda f: (
                "One item with the declared fields "
                + (", ".join(cell(c["name"]) for c in f["schema"] if c["meaning"] == "declared item field") or "(none)")
                + ", its label and how sure it is."
            )),
            Question("composition.count", "How many instances are there, of each kind?", _rows),
            Question("composition.sample", "Is it all there is, or a sample, and of what?", _sample),
            Question("composition.data", "What is in an instance: raw data or features?", lambda f: (
                "; ".join(f"{cell(c['name'])} ({cell(c['type'])}): {cell(c['meaning'])}" for c in f["schema"]) + "."
            )),
            Question("composition.labels", "Has each instance a label or target?", _labels),
            Question("composition.missing", "Is information missing from instances, and why?", _missing),
            Question("composition.relations", "Are relations between instances made explicit?", lambda f: (
                f"Items with an equal value of {cell(f['group'])} are in one split." if f["group"] else
                "Near duplicates are found each night and never stand in two splits."
            )),
            Question("composition.splits", "Are there recommended splits, and by what reasoning?", _splits),
            Question("composition.errors", "Are there errors, noise or redundancies?", _errors),
            Question("composition.external", "Does it stand alone or lean on outside resources?", _outside),
            Question("composition.confidential", "Does it hold confidential data?"),
            Question("composition.offensive", "Is there content that may offend or distress?"),
            Question("composition.subpopulations", "Does it identify subpopulations? How are they spread?", _parts),
            Question("composition.identifiable", "Can people be identified from it?"),
            Question("composition.sensitive", "Does it hold data that is sensitive for people?"),
            Question("composition.other", "Anything else about what is in it?", _nothing),
        ),
    ),
    (
        "Collection",
        (
            Question("collection.acquired", "How was each instance's data acquired?"),
            Question("collection.mechanism", "By what tools and procedures, and how were they checked?", _collected),
            Question("collection.sampling", "If it is a sample, how was it drawn?"),
            Question("collection.people", "Who took part, and how were they paid?", _who),
            Question("collection.time", "Over what time was it collected?", _when),
            Question("collection.ethics", "Was there an ethical review?"),
            Question("collection.direct", "Was it obtained from the people concerned, or from others?"),
            Question("collection.notice", "Were the people concerned told?"),
            Question("collection.consent", "Did they consent, and to what?"),
            Question("collection.revoke", "Can they withdraw their consent, and how?"),
            Question("collection.impact", "Was the impact on the people concerned examined?"),
            Question("collection.other", "Anything else about its collection?", _nothing),
        ),
    ),
    (
        "Cleaning and labelling",
        (
            Question("preparation.done", "What cleaning, preparation and labelling was done?", _prepared),
            Question("preparation.raw", "Is the raw data kept as well?", _raw),
            Question("preparation.software", "Is the software that did it available?", lambda f: (
                f"label-pipeline {cell(f['code_version'])}; the project file's checksum is in the manifest."
            )),
            Question("preparation.other", "Anything else about its preparation?", _nothing),
        ),
    ),
    (
        "Uses",
        (
            Question("uses.past", "What has it been used for?", lambda f: (
                "Training jobs declared: " + ", ".join(map(cell, f["jobs"])) + "." if f["jobs"] else ""
            )),
            Question("uses.repository", "Is there a list of works that use it?"),
            Question("uses.other_tasks", "What else could it be used for?"),
            Question("uses.risks", "What about it may harm later uses, and what lessens that?"),
            Question("uses.forbidden", "What should it not be used for?"),
            Question("uses.other", "Anything else about its uses?", _nothing),
        ),
    ),
    (
        "Distribution",
        (
            Question("distribution.third_parties", "Will it be given to others?"),
            Question("distribution.how", "How will it be distributed? Has it a DOI?"),
            Question("distribution.when", "When?"),
            Question("distribution.license", "Under what licence or terms?", lambda f: cell(f["license"])),
            Question("distribution.restrictions", "Have third parties restricted the data?"),
            Question("distribution.export", "Do export controls or other rules apply?"),
            Question("distribution.other", "Anything else about its distribution?", _nothing),
        ),
    ),
    (
        "Maintenance",
        (
            Question("maintenance.who", "Who maintains it?", lambda f: cell(f["owner"])),
            Question("maintenance.contact", "How can they be reached?", lambda f: (
                cell(f["owner"]) if "@" in f["owner"] else ""
            )),
            Question("maintenance.erratum", "Is there an erratum?", lambda f: (
                "A version is never changed: an error is mended in a later one, `label-pipeline diff` tells what "
                "changed, and `rollback` takes a version out of use, with its reason in the audit log."
            )),
            Question("maintenance.updates", "Will it be updated, how often, by whom?", lambda f: (
                "Every night that passes its gates gives a new version; LATEST names the newest that may be used."
            )),
            Question("maintenance.retention", "Are there limits on how long data about people is kept?"),
            Question("maintenance.old_versions", "Are older versions kept?", lambda f: (
                f"The newest {f['keep']} and those in use by declared jobs; any day's set can be made again."
            )),
            Question("maintenance.contributions", "Can others extend it, and how is that checked?", lambda f: (
                "By landing annotations: every answer passes the same rules, and every version the same gates."
            )),
            Question("maintenance.other", "Anything else about its maintenance?", _nothing),
        ),
    ),
)  # fmt: skip
