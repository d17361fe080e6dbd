"""What docs/privacy.md says about roles: the commands make the folders so, and the policy lets in whom it says."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from datetime import date
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import pytest

from label_pipeline.folders import DataFolder
from label_pipeline.project_privacy import READERS
from label_pipeline_tests.orchestration.runs import write
from label_pipeline_tests.test_mart_roles import build, small

__all__ = ["small"]

PAGE = (Path(__file__).parents[2] / "docs" / "privacy.md").read_text(encoding="utf-8")
FOLDER = DataFolder(Path("labels"))
PLACES = {
    "projects": FOLDER.project("p") / "people.csv",
    "landing": FOLDER.landing("p", date(2026, 10, 5)) / "crowd" / "a.csv",
    "lake": FOLDER.lake / "annotation_events" / "project=p" / "day=2026-10-05" / "part.parquet",
    "mart": FOLDER.mart("p"),
    "dagster": FOLDER.dagster / "storage" / "x.db",
    "report": FOLDER.report("p", date(2026, 10, 5)),
    "published": FOLDER.published("p") / "2026-10-05-1a2b3c4d" / "train.parquet",
    "audit": FOLDER.audit("p"),
    **{role: FOLDER.role_mart(role, "p") for role in READERS},
}
MAY_READ = {
    "training": {"training", "published"},
    "quality": {"quality", "report"},
    "operations": {"operations"},
    "privacy": {"audit"},
    "nights": set(PLACES),
    "somebody-else": set(),
}


def policy() -> list[dict[str, Any]]:
    (text,) = re.findall(r"```json\n(.*?)```", PAGE, re.DOTALL)
    document = json.loads(text)
    assert document["Version"] == "2012-10-17"
    statements: list[dict[str, Any]] = document["Statement"]
    return statements


def many(value: Any) -> list[str]:
    return [value] if isinstance(value, str) else list(value)


def allowed(role: str, path: Path, *, own_policy: bool = False) -> bool:
    """Whether a role may read an object, as S3 decides: an explicit denial goes before any permission."""
    who, what = f"arn:aws:iam::111122223333:role/label-{role}", f"arn:aws:s3:::{path.as_posix()}"
    permitted = own_policy
    for statement in policy():
        applies = any(fnmatchcase(what, pattern) for pattern in many(statement["Resource"])) and any(
            fnmatchcase("s3:GetObject", action) for action in many(statement["Action"])
        )
        principal = statement["Principal"]
        applies = applies and (principal == "*" or who in many(principal["AWS"]))
        for operator, (key, value) in {
            operator: next(iter(terms.items())) for operator, terms in statement.get("Condition", {}).items()
        }.items():
            seen = {"aws:PrincipalArn": who, "aws:SecureTransport": "true"}[key]
            applies = applies and (seen != value if operator == "ArnNotEquals" else seen == value)
        if applies and statement["Effect"] == "Deny":
            return False
        permitted = permitted or (applies and statement["Effect"] == "Allow")
    return permitted


@pytest.mark.parametrize("role", MAY_READ)
def test_the_policy_lets_each_role_read_its_own(role: str) -> None:
    """Loss: a policy that is copied from the page gives training the roster, or quality nothing."""
    assert {name for name, path in PLACES.items() if allowed(role, path)} == MAY_READ[role]


def test_people_are_closed_to_whoever_has_a_policy_of_their_own() -> None:
    """Loss: an account-wide permission to read all buckets reads landing too."""
    read = {name for name, path in PLACES.items() if allowed("somebody-else", path, own_policy=True)}
    assert not read & {"projects", "landing", "lake", "mart", "dagster"}


def test_the_page_names_each_role_and_its_group() -> None:
    """Loss: a role with a mart that nobody knows of."""
    for role in (*READERS, "privacy"):
        assert re.search(rf"^\| {role} \|", PAGE, re.MULTILINE)


@pytest.fixture
def reachable() -> Iterator[Path]:
    """A folder that other accounts can reach; pytest's own are closed to them."""
    place = Path(tempfile.mkdtemp(prefix="label-pipeline-test-"))
    place.chmod(0o755)
    yield place
    shutil.rmtree(place)


@pytest.mark.skipif(os.getuid() != 0, reason="only the administrator becomes other accounts")
def test_the_commands_let_each_group_read_its_own(small: DataFolder, reachable: Path) -> None:
    """Loss: folders that are set up as the page says, and are open to the next account, or closed to their own group.

    Real accounts read, before and after the next night swapped the files.
    """
    (script,) = re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL)
    groups = {role: 54321 + k for k, role in enumerate(READERS)}
    for role, group in groups.items():
        script = script.replace(f"label-{role} ", f"{group} ")
    script = script.replace("label-$role", "$((54321 + n))").replace("; do\n", "; do\n", 1)
    script = script.replace("; do\n", "; do\n  case $role in training) n=0;; quality) n=1;; operations) n=2;; esac\n")
    folder = DataFolder(reachable / "data")
    shutil.copytree(small.root, folder.root)
    build(folder, *READERS)
    for path in (folder.landing("p") / "x.csv", folder.project("p") / "people.csv", folder.published("p") / "LATEST"):
        write(path, "x")
    write(folder.report("p", date(2026, 10, 5)), "x")
    subprocess.run(["sh", "-euc", script], cwd=reachable, check=True)
    for _ in range(2):
        read = {
            role: {name for name, path in places(folder).items() if reads(path, group)}
            for role, group in groups.items()
        }
        assert read == {
            "training": {"training", "published"},
            "quality": {"quality", "report", "published"},
            "operations": {"operations", "published"},
        }
        build(folder, *READERS)


def places(folder: DataFolder) -> dict[str, Path]:
    return {
        "landing": folder.landing("p") / "x.csv",
        "projects": folder.project("p") / "people.csv",
        "published": folder.published("p") / "LATEST",
        "report": folder.report("p", date(2026, 10, 5)),
        "mart": folder.mart("p"),
        **{role: folder.role_mart(role, "p") for role in READERS},
    }


def reads(path: Path, group: int) -> bool:
    """Whether an account of that group alone can read a file."""
    done = subprocess.run(
        ["head", "-c", "1", path], user=54300, group=group, extra_groups=[], capture_output=True, check=False
    )
    return done.returncode == 0
