"""The guidelines' texts beside the project file."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from label_pipeline.folders import DataFolder
from label_pipeline.guidelines.documents import Document, documents
from label_pipeline.guidelines.tables import order_of_versions, versions_table
from label_pipeline.project import parse_project

FILE = """\
project: pets
start: 2026-10-05
labels: {classes: [cat, dog]}
sources: {crowd: {format: csv}}
"""


def found(root: Path, guidelines: str = "", **texts: bytes) -> dict[str, Document]:
    """The versions of a project whose file says `guidelines`, with these files beside it."""
    project = parse_project(FILE + guidelines, "project.yaml")
    home = root / "projects" / "pets" / "guidelines"
    home.mkdir(parents=True, exist_ok=True)
    for name, content in texts.items():
        (home / f"{name}.md").write_bytes(content)
    return {document.version: document for document in documents(DataFolder(root), project)}


def test_versions_stand_in_the_order_in_which_they_came_into_force(tmp_path: Path) -> None:
    """Loss: v10 before v9, and a change compared backwards. A text that nothing names is a draft, and comes last."""
    said = "guidelines: {current: v10, since: {v9: 2026-10-05, v10: 2026-10-12}, batches: {b-7: v9}}\n"
    versions = found(tmp_path, said, v9=b"# Nine\n", v10=b"\xef\xbb\xbf# Ten\r\n\r\ntext", v11=b"draft")
    assert list(versions) == ["v9", "v10", "v11"]
    assert [d.title for d in versions.values()] == ["Nine", "Ten", ""]
    assert versions["v9"].batches == ("b-7",)
    assert versions["v10"].since == date(2026, 10, 12)
    assert [d.named for d in versions.values()] == [True, True, False]
    assert not any(d.warning for d in versions.values())


@pytest.mark.parametrize(
    ("content", "warning"),
    [
        (None, "there is no text: write guidelines/v1.md"),
        (b"", "guidelines/v1.md is empty"),
        (b" \n\t", "guidelines/v1.md is empty"),
        (b"caf\xe9", "guidelines/v1.md is not UTF-8 text"),
    ],
)
def test_a_text_that_cannot_be_read_is_a_warning(tmp_path: Path, content: bytes | None, warning: str) -> None:
    """Loss: a night does not run, or says nothing, because of a text that no label depends on."""
    texts = {} if content is None else {"v1": content}
    (one,) = found(tmp_path, "guidelines: {current: v1}\n", **texts).values()
    assert one.warning.startswith(warning)
    assert (one.text, one.sha256) == ("", "")


def test_a_project_that_says_nothing_of_guidelines_is_not_asked_for_one(tmp_path: Path) -> None:
    """Loss: every small project has a warning that nobody can mend, and all learn to overlook warnings."""
    (one,) = found(tmp_path).values()
    assert (one.version, one.warning) == ("v1", "")


def test_no_name_leads_out_of_the_folder(tmp_path: Path) -> None:
    """Loss: a project file that reads files of the machine into a report."""
    (tmp_path / "projects").mkdir()
    (tmp_path / "projects" / "secret.md").write_text("secret")
    (one,) = found(tmp_path, 'guidelines: {current: "../../secret"}\n').values()
    assert one.text == ""
    assert one.warning.startswith("its name cannot be that of a file")


def test_a_version_that_only_answers_name_is_told(tmp_path: Path) -> None:
    """Loss: the project file forgets a version, and a month of answers stands under nothing."""
    texts = list(found(tmp_path, "guidelines: {current: v2, since: {v2: 2026-10-12}}\n", v2=b"# Two").values())
    order = order_of_versions(texts, ["v2", "v1"])
    assert order == ["v1", "v2"]
    rows = versions_table(order, texts, {}, "v2").to_dict("records")
    assert [row["place"] for row in rows] == [1, 2]
    assert "answers name it" in rows[0]["warning"]
    assert [row["in_force"] for row in rows] == [False, True]
