"""The roster and the gold seeds: small files a person writes, each mistake with its line."""

from __future__ import annotations

from pathlib import Path

import pytest

from label_pipeline.errors import UserError
from label_pipeline.folders import DataFolder
from label_pipeline.privacy.pseudonyms import pseudonym, pseudonyms
from label_pipeline.project import Project, parse_project
from label_pipeline.project_files import gold_seeds, persons, roster

SECRET = b"s" * 32


def project(more: str = "", ids: str = "text") -> Project:
    text = (
        "project: p\nstart: 2026-10-01\nlabels: {classes: [cat, dog], aliases: {kitten: cat}}\n"
        f"items: {{ids: {ids}}}\nsources: {{tool: {{format: csv}}, shop: {{format: csv}}}}\n{more}\n"
    )
    return parse_project(text, "project.yaml")


def home(folder: Path, name: str, text: str | bytes) -> DataFolder:
    path = folder / "projects" / "p" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return DataFolder(folder)


PEOPLE = project("people: {roster: people.csv}")
SEEDS = project("gold: {seeds: gold/*.csv}")
HEAD = "source,identity,group,role,note\n"  # a column that nobody reads does no harm


def test_roster_names_nobody(tmp_path: Path) -> None:
    """Loss: an identity that leaves the roster stands in every table joined to it."""
    folder = home(tmp_path, "people.csv", HEAD + "tool, jane@example.com ,house,annotator,20\nshop,w-1,,adjudicator,\n")
    found = roster(folder, PEOPLE, SECRET)
    named = pseudonyms([("tool", "jane@example.com"), ("shop", "w-1")], SECRET)
    assert found.to_dict("list") == {
        "annotator_id": list(named.values()),
        "group": ["house", "unknown"],
        "role": ["annotator", "adjudicator"],
    }


def test_a_person_of_several_logins_is_listed_once(tmp_path: Path) -> None:
    """Loss: somebody with two logins is two people who cost, label and are told twice."""
    head = "source,identity,group,role,person\n"
    rows = "tool,jane,house,annotator,E-17\nshop,w-1,house,annotator,E-17\nshop,w-2,house,annotator,\n"
    folder = home(tmp_path, "people.csv", head + rows)
    who = persons(folder, PEOPLE, SECRET)
    assert who.annotator("tool", "jane") == who.annotator("shop", "w-1") == pseudonym(SECRET, "", "E-17")
    assert list(roster(folder, PEOPLE, SECRET)["annotator_id"]) == [
        pseudonym(SECRET, "", "E-17"),
        pseudonym(SECRET, "shop", "w-2"),
    ]
    home(tmp_path, "people.csv", head + rows.replace("w-1,house,annotator", "w-1,house,adjudicator"))
    with pytest.raises(UserError, match=r"people\.csv:3: this person has another group or role in a row above"):
        roster(folder, PEOPLE, SECRET)


def test_no_roster_is_an_empty_one(tmp_path: Path) -> None:
    """Loss: a small project has no roster, and must not need one."""
    assert list(roster(DataFolder(tmp_path), project(), SECRET).columns) == ["annotator_id", "group", "role"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (HEAD + "tool,1,g,anotator,\n", "projects/p/people.csv:2: unknown role 'anotator'. Did you mean 'annotator'?"),
        (HEAD + "tool,1,g,model,\ntol,2,g,model,\n", "projects/p/people.csv:3: unknown source 'tol'. Did you mean"),
        (HEAD + "tool,1,g,Jane Doe,\n", "projects/p/people.csv:2: unknown role. Known: adjudicator"),
        (HEAD + "Jane Doe,1,g,model,\n", "projects/p/people.csv:2: unknown source. Known: shop, tool."),
        (HEAD + "tool,1,g,model,\ntool,1 ,h,model,\n", "projects/p/people.csv:3: this person is listed twice"),
        ("source,identity,group\n", "projects/p/people.csv: column 'role' is missing"),
        ("", "projects/p/people.csv: column 'source' is missing"),
        (HEAD.encode() + b"tool,\xe9,g,model,\n", "projects/p/people.csv: the file is not UTF-8 text"),
        (HEAD + 'tool,"' + "x" * 200_000 + '",g,model,\n', "projects/p/people.csv:2: the line cannot be read"),
    ],
)
def test_mistakes_in_the_roster(tmp_path: Path, text: str | bytes, words: str) -> None:
    """Loss: a role spelt wrongly would let an adjudicator's word count as one vote."""
    folder = home(tmp_path, "people.csv", text)
    with pytest.raises(UserError) as caught:
        roster(folder, PEOPLE, SECRET)
    assert str(caught.value).startswith(words)


@pytest.mark.parametrize("name", ["people.csv", "../other/people.csv", "/etc/hostname"])
def test_a_roster_that_is_not_beside_the_project_file(tmp_path: Path, name: str) -> None:
    """Loss: a path that leads out would read another project's people."""
    home(tmp_path, "../other/people.csv", HEAD)
    with pytest.raises(UserError, match="beside the project file"):
        roster(DataFolder(tmp_path), project(f"people: {{roster: {name}}}"), SECRET)


def test_seeds_are_read_in_order_with_their_place(tmp_path: Path) -> None:
    """Loss: a truth without file and row cannot be questioned."""
    home(tmp_path, "gold/b.csv", "item_id,label\ni3,dog\n")
    folder = home(tmp_path, "gold/a.csv", "\ufeffitem_id,label,role\ni1, CAT ,check\n\ni2,kitten,\n")
    assert gold_seeds(folder, SEEDS).to_dict("list") == {
        "item_id": ["i1", "i2", "i3"],
        "label": ["cat", "cat", "dog"],
        "role": ["check", "", ""],
        "evidence": ["gold/a.csv:2", "gold/a.csv:4", "gold/b.csv:2"],
    }


def test_seeds_know_that_ids_are_integers(tmp_path: Path) -> None:
    """Loss: a seed for 1905.0 would never meet the item 1905."""
    folder = home(tmp_path, "gold/a.csv", "item_id,label\n1905.0,cat\n7,dog\n")
    integers = project("gold: {seeds: gold/*.csv}", ids="integer")
    assert gold_seeds(folder, integers)["item_id"].tolist() == ["1905", "7"]
    assert gold_seeds(folder, SEEDS)["item_id"].tolist() == ["1905.0", "7"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("item_id,label\ni1,cat\ni2,dgo\n", "projects/p/gold/a.csv:3: 'dgo' is not a class [gold.seeds]. Did you mean"),
        ("item_id,label\n ,cat\n", "projects/p/gold/a.csv:2: the item is empty [gold.seeds]"),
        ("item,label\n1,cat\n", "projects/p/gold/a.csv: column 'item_id' is missing. Did you mean 'item'?"),
        ("item_id,label\ni1\n", "projects/p/gold/a.csv:2: '' is not a class"),
    ],
)
def test_mistakes_in_seeds(tmp_path: Path, text: str, words: str) -> None:
    """Loss: a wrong truth measures everybody wrongly."""
    folder = home(tmp_path, "gold/a.csv", text)
    with pytest.raises(UserError) as caught:
        gold_seeds(folder, SEEDS)
    assert str(caught.value).startswith(words)


@pytest.mark.parametrize("pattern", ["../*/gold/*.csv", "/etc/*.csv"])
def test_seeds_stay_beside_the_project_file(tmp_path: Path, pattern: str) -> None:
    """Loss: a pattern that leads out would read another project's truths."""
    home(tmp_path, "../other/gold/a.csv", "item_id,label\ni1,cat\n")
    with pytest.raises(UserError, match="leads out of the project"):
        gold_seeds(DataFolder(tmp_path), project(f"gold: {{seeds: {pattern}}}"))


def test_seeds_that_are_nowhere(tmp_path: Path) -> None:
    """Loss: a typo in the pattern would measure nothing, silently."""
    home(tmp_path, "project.yaml", "")
    with pytest.raises(UserError, match=r"no file matches 'gold/\*\.csv'"):
        gold_seeds(DataFolder(tmp_path), SEEDS)
    assert gold_seeds(DataFolder(tmp_path), project()).empty
