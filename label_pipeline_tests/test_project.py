"""The project file: every mistake is one message with file, line, field and what to write instead."""

from __future__ import annotations

import re
from datetime import date
from pathlib import Path

import pytest

from label_pipeline.errors import UserError
from label_pipeline.folders import DataFolder
from label_pipeline.project import Project, load_project, parse_project, project_names
from label_pipeline.project_sources import Source
from label_pipeline.simulate.sample import PROJECT_FILE

WHERE = "projects/reviews/project.yaml"
BASE = """\
project: reviews
start: 2026-10-01
labels:
  classes: [negative, neutral, positive]
sources:
  crowd: {format: csv}
"""
CLASSES = "[negative, neutral, positive]"


def parsed(text: str) -> Project:
    return parse_project(text, WHERE)


def mistake(text: str) -> str:
    with pytest.raises(UserError) as caught:
        parsed(text)
    return str(caught.value)


def in_source(field: str) -> str:
    return BASE.replace("format: csv", f"format: csv, {field}")


def with_classes(classes: str) -> str:
    return BASE.replace(CLASSES, classes)


def more(line: str) -> str:
    return BASE + line + "\n"


MISTAKES = {
    "typo in a key": (more("conzensus: {}"), 7, "conzensus: unknown field. Did you mean 'consensus'?"),
    "typo in a nested key": (more("queue: {budgt: {}}"), 7, "queue.budgt: unknown field. Did you mean 'budget'?"),
    "typo in a source": (
        in_source("anotator: who"),
        6,
        "sources.crowd.anotator: unknown field. Did you mean 'annotator'?",
    ),
    "typo in a target": (
        more("kpis: {alpha: {atleast: 0.6}}"),
        7,
        "kpis.alpha.atleast: unknown field. Did you mean 'at_least'?",
    ),
    "typo in a KPI": (
        more("kpis: {label_acuracy: {at_least: 0.9}}"),
        7,
        "kpis.label_acuracy: 'label_acuracy' is no KPI. Did you mean 'label_accuracy'?",
    ),
    "a KPI of other labels": (
        more("kpis: {mean_absolute_error: {at_most: 0.9}}"),
        7,
        "kpis.mean_absolute_error: 'mean_absolute_error' is a KPI of other labels: number with tolerance, number",
    ),
    "typo in a format": (
        BASE.replace("csv", "cvs"),
        6,
        "sources.crowd.format: 'cvs' is no known value. Did you mean 'csv'?",
    ),
    "typo in a class alias": (
        with_classes(CLASSES + "\n  aliases:\n    fine: neutral\n    good: positve"),
        7,
        "labels.aliases.good: alias 'good' stands for 'positve', which is not a class. Did you mean 'positive'?",
    ),
    "alias that is another class": (
        with_classes(CLASSES + "\n  aliases: {Negative: positive}"),
        5,
        "labels.aliases.Negative: alias 'Negative' stands for 'positive' and for 'negative'",
    ),
    "unknown timezone": (
        more("schedule: {timezone: Europe/Berln}"),
        7,
        "schedule.timezone: 'Europe/Berln' is not a timezone. Did you mean 'Europe/Berlin'?",
    ),
    "unknown timezone of a source": (
        in_source("timezone: America/New_Yorck"),
        6,
        "sources.crowd.timezone: 'America/New_Yorck' is not a timezone. Did you mean 'America/New_York'?",
    ),
    "an engine without the method": (
        more("engine: shards"),
        7,
        "engine: engine shards has no consensus.method 'auto'; it has majority, one_coin, dawid_skene, crowdlab",
    ),
    "an engine without the type of labels": (
        BASE.replace("labels:", "labels:\n  type: ordinal") + "engine: spark\nconsensus: {method: dawid_skene}\n",
        8,
        "engine: engine spark is for labels of type 'single_choice', and these are 'ordinal'",
    ),
    "an engine that weighs no votes": (
        more("engine: shards\nconsensus: {method: majority}\npeople: {gold_checks: {at_least: 0.7}}"),
        7,
        "engine: engine shards cannot take weight from votes, as people.gold_checks asks",
    ),
    "no engine of that name": (
        more("engine: {name: sparks}"),
        7,
        "engine.name: 'sparks' is no known value. Did you mean 'spark'?",
    ),
    "cron of four fields": (
        more("schedule: {cron: 30 2 * *}"),
        7,
        "schedule.cron: '30 2 * *' is not a cron line of five fields, like '30 2 * * *'",
    ),
    "cron out of range": (
        more("schedule: {cron: 30 25 * * *}"),
        7,
        "schedule.cron: '25' in '30 25 * * *' is no cron field from 0 to 23",
    ),
    "too few classes": (with_classes("[only]"), 3, "labels: a label schema needs at least two classes"),
    "a class twice": (with_classes("[a, b, a]"), 4, "labels.classes: a class is listed twice"),
    "classes that differ in case": (
        with_classes("[straße, STRASSE]"),
        4,
        "labels.classes: classes 'straße' and 'STRASSE' differ only in case or spaces",
    ),
    "a class without a name": (with_classes('[a, ""]'), 4, "labels.classes: a class has no name"),
    "classes that are no list": (with_classes("abc"), 4, "labels.classes: Input should be a list (it is 'abc')"),
    "end before start": (more("end: 2026-09-30"), 7, "end: 2026-09-30 is before start 2026-10-01"),
    "no date": (BASE.replace("2026-10-01", "01.10.2026"), 2, "start: Input should be a valid date"),
    "missing field": (
        BASE.replace(f"labels:\n  classes: {CLASSES}\n", ""),
        1,
        "labels: this field is missing",
    ),
    "missing nested field": (
        BASE.replace(f"  classes: {CLASSES}", "  type: ordinal"),
        3,
        "labels.classes: this field is missing",
    ),
    "slice not declared": (
        more("items:\n  fields: [text, product]\n  slices: [prodct]"),
        9,
        "items.slices: 'prodct' is used but not among items.fields. Did you mean 'product'?",
    ),
    "arrival not declared": (
        more("items:\n  fields: [received_at]\n  arrived_at: recieved_at"),
        9,
        "items.arrived_at: 'recieved_at' is used but not among items.fields. Did you mean 'received_at'?",
    ),
    "model input not declared": (
        more("items: {fields: [text]}\npredictions: {baseline: txt}"),
        8,
        "predictions.baseline: 'txt' is used but not among items.fields. Did you mean 'text'?",
    ),
    "model with two inputs": (
        more("items: {fields: [text]}\npredictions: {baseline: {text: text, features: text}}"),
        8,
        "predictions.baseline: give one of 'text' and 'features'",
    ),
    "project name that leads out": (
        BASE.replace("reviews", "../reviews", 1),
        1,
        "project: '../reviews' is not a project name: small letters, digits, '-' and '_'",
    ),
    "source name that leads out": (BASE.replace("crowd:", "../x:"), 6, "sources.../x: '../x' is not a source name"),
    "source name in capitals": (BASE.replace("crowd:", "Crowd:"), 6, "sources.Crowd: 'Crowd' is not a source name"),
    "no source": (BASE.replace("\n  crowd: {format: csv}", " {}"), 5, "sources: a project needs at least one source"),
    "share above one": (more("consensus: {accept_at: 1.5}"), 7, "consensus.accept_at: Input should be less than"),
    "gate that no figure misses": (
        more("kpis: {alpha: {at_least: nan}}"),
        7,
        "kpis.alpha.at_least: Input should be a finite number (it is 'nan')",
    ),
    "two rates of a group": (
        more("costs: {vendor: {per_annotation: 0.1, per_hour: 9}}"),
        7,
        "costs.vendor: give one of 'per_annotation' and 'per_hour'",
    ),
    "a rate below nothing": (
        more("costs: {vendor: {per_hour: -1}}"),
        7,
        "costs.vendor.per_hour: Input should be greater than or equal to 0 (it is '-1')",
    ),
    "target without a number": (
        more("kpis: {alpha: {otherwise: block}}"),
        7,
        "kpis.alpha: a target needs at_least or at_most",
    ),
    "typo in a target's verdict": (
        more("kpis: {alpha: {at_least: 0.6, otherwise: blok}}"),
        7,
        "kpis.alpha.otherwise: 'blok' is no known value. Did you mean 'block'?",
    ),
    "min above max": (
        more("consensus:\n  annotations: {min: 5, max: 2}"),
        8,
        "consensus.annotations: min 5 is above max 2",
    ),
    "guideline without a day": (
        more("guidelines: {current: v3, since: {v1: 2026-10-01}}"),
        7,
        "guidelines.current: 'v3' has no first day in since. Known: v1.",
    ),
    "owner": (more("owner: somebody"), 7, "owner: 'somebody' is neither 'team:NAME' nor an e-mail address"),
    "long delimiter": (in_source('delimiter: "||"'), 6, "sources.crowd.delimiter: '||' is not one sign"),
    "no delimiter": (in_source('delimiter: ""'), 6, "sources.crowd.delimiter: '' is not one sign"),
    "a key twice": (more("start: 2026-10-02"), 7, "'start' is given twice. Keep one of them."),
    "a nested key twice": (more("queue:\n  budget: {}\n  budget: {}"), 9, "'budget' is given twice."),
    "broken YAML": (more("queue: {budget: {}\nowner: team:labels"), 8, "not valid YAML: expected ',' or '}'"),
    "tab": (more("queue:\n\tbudget: {}"), 8, "not valid YAML: found character '\\t'"),
    "two documents": (BASE + "---\n" + BASE, 7, "not valid YAML: but found another document"),
    "a list for a key": ("? [a, b]\n: c\n", 1, "a key is not a word."),
    "a part within itself": ("project: &p\n  x: *p\n", 1, "nested too deeply."),
}


@pytest.mark.parametrize("case", MISTAKES)
def test_a_mistake_is_one_message_with_its_place(case: str) -> None:
    """Loss: a message without line or field leaves a person searching a file of a hundred lines."""
    text, line, words = MISTAKES[case]
    said = mistake(text)
    assert f"{WHERE}:{line}: {words}" in said.split("\n")[0]
    assert "\n" not in said


@pytest.mark.parametrize("text", ["", "# nothing yet\n", "- a\n- b\n", "hello\n"])
def test_a_file_that_is_no_mapping_says_how_to_begin(text: str) -> None:
    """Loss: an empty file is what a failed save leaves; a traceback would not say so."""
    assert mistake(text) == f"{WHERE}: the file is empty or not a mapping. Start with 'project: NAME'."


@pytest.mark.parametrize("text", ["{a: " * 500 + "1" + "}" * 500, BASE + "owner: \0\n"])
def test_a_file_that_no_person_wrote_is_a_message_too(text: str) -> None:
    """Loss: one hostile file must not end the process that loads every project."""
    assert mistake(text).startswith(WHERE)


def test_all_mistakes_of_a_file_are_told_at_once() -> None:
    """Loss: a person who mends one line at a time runs the night five times."""
    said = mistake(BASE.replace("csv", "cvs") + "conzensus: {}\nowner: x\n").split("\n")
    assert [line.split(": ")[1] for line in said] == ["sources.crowd.format", "conzensus"]
    assert said[1].startswith("project.yaml:7: conzensus")


def test_classes_stay_text() -> None:
    """Loss: YAML's guesses turn a class `no` into false, `007` into 7 and a date into an object."""
    project = parsed(with_classes("[yes, no, 007, null, 1.50, ~, 2026-10-05]"))
    assert project.labels.classes == ("yes", "no", "007", "null", "1.50", "~", "2026-10-05")


@pytest.mark.parametrize("cron", ["30 2 * * *", "*/15 0-6 1,15 jan-mar Mon", "0 0 31 12 7", "5-59/10 * * * mon-fri"])
def test_good_cron_lines_pass(cron: str) -> None:
    """Loss: a check that refuses what the scheduler understands would take a working schedule away."""
    assert parsed(more(f'schedule: {{cron: "{cron}"}}')).schedule.cron == cron


@pytest.mark.parametrize("field", ["60", "a", "*/0", "5-1", "1,", "²", "-1", "@daily", "1-2-3"])
def test_bad_cron_lines_do_not(field: str) -> None:
    """Loss: a schedule the scheduler refuses takes all projects of the code location down with it."""
    assert "schedule.cron" in mistake(more(f'schedule: {{cron: "{field} * * * *"}}'))


def test_words_for_classes_are_looked_up_without_case_and_spaces() -> None:
    """Loss: an alias that the check sees and the lookup does not sends its answers to quarantine."""
    project = parsed(with_classes("[Straße, Weg]\n  aliases: {' strase ': Straße}"))
    assert project.labels.by_word == {"strasse": "Straße", "weg": "Weg", "strase": "Straße"}


def test_guidelines_in_force() -> None:
    """Loss: figures per guideline version compare nothing when the day of change is off by one."""
    project = parsed(more("guidelines: {current: v2, since: {v1: 2026-10-01, v2: 2026-10-12}}"))
    days = [date(2026, 10, 11), date(2026, 10, 12), date(2026, 12, 1)]
    assert [project.guideline_on(day) for day in days] == ["v1", "v2", "v2"]
    assert parsed(BASE).guideline_on(days[0]) == "v1"


def test_defaults_are_those_of_the_documentation() -> None:
    """Loss: a default that moves without its documentation changes every project that relies on it."""
    project = parsed(BASE)
    assert (project.timezone, project.schedule.cron, project.end) == ("UTC", "30 2 * * *", None)
    assert (project.consensus.method, project.consensus.accept_at) == ("auto", 0.9)
    assert (project.consensus.annotations.min, project.consensus.annotations.max) == (2, 5)
    assert (project.queue.budget.annotations, project.queue.adjudicate_after) == (100, 4)
    assert (project.publish.splits.train, project.publish.splits.validation) == (0.8, 0.2)
    source = project.sources["crowd"]
    assert (source.mode, source.item, source.label, source.annotator) == (
        "increment",
        ("item_id",),
        ("label",),
        "annotator_id",
    )
    assert (source.timezone, source.encoding, source.delimiter) == ("UTC", "utf-8", ",")


def test_the_sample_project_parses() -> None:
    """Loss: the worked example of the documentation is the first file everybody copies."""
    text = PROJECT_FILE.format(start="2026-10-05", end="2026-10-18", second="2026-10-12")
    project = parse_project(text, "projects/sample/project.yaml")
    assert project.labels.classes == tuple("0123456789")
    assert project.labels.aliases == {"four": "4", "nine": "9"}
    assert project.sources["vendor"].annotated_at == "finished_at"
    assert project.kpis["label_accuracy"].otherwise == "block"


def test_the_documents_examples_parse() -> None:
    """Loss: an example that does not work is copied all the same."""
    text = (Path(__file__).resolve().parents[1] / "docs" / "project-file.md").read_text("utf-8")
    small, whole, changes, question = re.findall(r"```yaml\n(.*?)```", text, re.DOTALL)
    assert parsed(small) == parsed(BASE)
    schema = f"labels:\n  classes: {CLASSES}\n"
    assert parsed(BASE.replace(schema, changes) + "  vendor: {format: csv}\n").labels.alias_changes
    assert parsed(question).landing_of == "topic"
    shown = parsed(whole).model_dump(exclude_unset=True)
    assert shown.keys() | {"landing"} == Project.model_fields.keys()  # whoever reads another's files pulls none
    assert {field for source in shown["sources"].values() for field in source} == Source.model_fields.keys()
    table = text.split("## Fields")[1]
    assert [field for field in [*Project.model_fields, *Source.model_fields] if field not in table] == []


# Files


def written(folder: Path, name: str, text: str | bytes) -> DataFolder:
    path = folder / "projects" / name / "project.yaml"
    path.parent.mkdir(parents=True)
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return DataFolder(folder)


def failing(folder: DataFolder, name: str) -> str:
    with pytest.raises(UserError) as caught:
        load_project(folder, name)
    return str(caught.value)


def test_a_project_is_found_by_its_name_only(tmp_path: Path) -> None:
    """Loss: a name that leads out of the data folder would read any file of the machine."""
    folder = written(tmp_path, "reviews", BASE)
    assert load_project(folder, "reviews").project == "reviews"
    assert "there is no project 'review'. Did you mean 'reviews'?" in failing(folder, "review")
    outside = tmp_path / "project.yaml"
    outside.write_text(BASE)
    for name in ("..", "../projects/reviews", "reviews/", "", "reviews\n", "re\0views"):
        assert "there is no project" in failing(folder, name)


def test_folder_and_file_agree(tmp_path: Path) -> None:
    """Loss: a copied project file would write into the lake of the project it was copied from."""
    folder = written(tmp_path, "copied", BASE)
    assert failing(folder, "copied").startswith(
        "projects/copied/project.yaml: the file says project 'reviews' but stands in folder 'copied'"
    )


def test_byte_order_mark_and_other_encodings(tmp_path: Path) -> None:
    """Loss: an umlaut read wrongly makes a class that no answer ever matches."""
    folder = written(tmp_path, "reviews", b"\xef\xbb\xbf" + BASE.encode())
    assert load_project(folder, "reviews").project == "reviews"
    written(tmp_path, "latin", with_classes("[gut, böse]").encode("latin-1"))
    assert failing(folder, "latin") == "projects/latin/project.yaml:4: the file is not UTF-8 text. Save it as UTF-8."
    written(tmp_path, "utf16", BASE.encode("utf-16"))
    assert "not UTF-8 text" in failing(folder, "utf16")


def test_broken_files_are_listed_and_stray_folders_are_not(tmp_path: Path) -> None:
    """Loss: a project whose file broke last night must not vanish from the list without a word."""
    folder = written(tmp_path, "reviews", BASE)
    written(tmp_path, "broken", "project: [")
    written(tmp_path, "Not A Name", BASE)
    (tmp_path / "projects" / "empty").mkdir()
    assert project_names(folder) == ["broken", "reviews"]
