import json
import shutil
import subprocess
import sys
from dataclasses import replace
from datetime import timedelta

import pytest

from label_pipeline import clock
from label_pipeline.errors import UserError
from label_pipeline.publish import load_training_set
from label_pipeline.publish.latest import point_latest
from label_pipeline.publish.version import publish
from label_pipeline_tests.publish.tables import DAY, whole_night

TABLE, SEEN, PASSED, FACTS = whole_night()


@pytest.fixture
def data(tmp_path):
    folder = tmp_path / "published" / "demo"
    point_latest(folder, publish(folder, DAY, TABLE, FACTS, SEEN, PASSED).name)
    return tmp_path


def path_of(data):
    return load_training_set("demo", data=data).path


def test_what_was_published_is_what_is_loaded(data):
    """Loss: a row lost or changed between the pipeline and the training job."""
    import pyarrow as pa

    training = load_training_set("demo", data=data)
    assert training.classes == ["cat", "dog"]
    loaded = pa.concat_tables([training.arrow(split) for split in training.splits]).sort_by("item_id")
    assert loaded.equals(TABLE.sort_by("item_id"))
    frame = training.frame("test")
    assert len(frame) == 20
    assert frame["probabilities"].iloc[0].tolist() == [0.0, 1.0]
    with pytest.raises(UserError, match="Did you mean 'train'"):
        training.frame("trian")


def test_loading_imports_nothing_heavy():
    """Loss: a training image that must carry Dagster and Great Expectations."""
    code = (
        "import sys\nfrom label_pipeline.publish import load_training_set\n"
        "print(sorted(set(sys.argv[1:]) & set(sys.modules)))"
    )
    heavy = ["dagster", "great_expectations", "cleanlab", "sklearn", "pandera", "matplotlib", "pandas", "numba"]
    run = subprocess.run([sys.executable, "-c", code, *heavy], capture_output=True, text=True)
    assert run.stdout.strip() == "[]", run.stderr


def test_a_changed_byte_is_refused(data):
    """Loss: training on a file that a disk or a person changed."""
    file = path_of(data) / "train.parquet"
    raw = bytearray(file.read_bytes())
    raw[len(raw) // 2] ^= 1
    file.write_bytes(raw)
    with pytest.raises(UserError, match=r"train\.parquet.*not the one that was published"):
        load_training_set("demo", data=data)


def test_a_truncated_and_a_missing_file_are_refused(data):
    file = path_of(data) / "train.parquet"
    file.write_bytes(file.read_bytes()[:-1])
    with pytest.raises(UserError, match="not the one"):
        load_training_set("demo", data=data)
    file.unlink()
    with pytest.raises(UserError, match=r"train\.parquet: the file is missing"):
        load_training_set("demo", data=data)


def test_a_manifest_of_another_version_is_refused(data):
    """Loss: yesterday's promises over today's rows."""
    folder = data / "published" / "demo"
    other = publish(folder, DAY, TABLE, replace(FACTS, guideline_version="v4"), SEEN, PASSED)
    shutil.copy(other.path / "manifest.json", path_of(data) / "manifest.json")
    with pytest.raises(UserError, match="named after its manifest"):
        load_training_set("demo", data=data)


def test_a_changed_manifest_is_refused(data):
    file = path_of(data) / "manifest.json"
    manifest = json.loads(file.read_text())
    manifest["kpis"][0]["ci_low"] = 0.99
    file.write_text(json.dumps(manifest))
    with pytest.raises(UserError, match="named after its manifest"):
        load_training_set("demo", data=data)
    manifest["format"] = 99
    file.write_text(json.dumps(manifest))
    with pytest.raises(UserError, match="Update label-pipeline"):
        load_training_set("demo", data=data)


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"format": 1, "version": "x"}'])
def test_a_manifest_that_is_none_is_refused(data, text):
    (path_of(data) / "manifest.json").write_text(text)
    with pytest.raises(UserError, match="cannot be read"):
        load_training_set("demo", data=data)


def test_what_is_not_there_is_named_with_what_is(data):
    """Loss: an hour spent on a typo."""
    with pytest.raises(UserError, match="Did you mean 'demo'"):
        load_training_set("demos", data=data)
    with pytest.raises(UserError, match="is not a version"):
        load_training_set("demo", version="../../etc", data=data)
    with pytest.raises(UserError, match="is not there"):
        load_training_set("demo", version="2026-10-14-00000000", data=data)
    (data / "published" / "demo" / "LATEST").unlink()
    with pytest.raises(UserError, match="no night was good enough"):
        load_training_set("demo", data=data)


def test_requirements_are_met_or_said(data, monkeypatch):
    """Loss: a job that trains on labels below the accuracy or older than it needs."""
    monkeypatch.setattr(clock, "today", lambda timezone: DAY + timedelta(days=2))
    load_training_set(
        "demo",
        data=data,
        require=["label_accuracy.ci_low>=0.9", "age_days <= 2", "rows.train>100", "guideline_version==v3"],
    )
    load_training_set("demo", data=data, require="label_accuracy>=0.95")
    with pytest.raises(
        UserError, match=r"label_accuracy\.ci_low is 0\.93, asked: >= 0\.94; age_days is 2, asked: <= 1"
    ):
        load_training_set("demo", data=data, require=["label_accuracy.ci_low>=0.94", "age_days<=1"])


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        ("label_acuracy>=0.9", "Did you mean 'label_accuracy'"),
        ("label_accuracy", "cannot be read"),
        ("label_accuracy>=high", "Write a number"),
        ("", "cannot be read"),
    ],
)
def test_a_requirement_with_a_mistake_is_refused_not_ignored(data, expression, message):
    """Loss: a misspelt requirement that always passes."""
    with pytest.raises(UserError, match=message):
        load_training_set("demo", data=data, require=[expression])


def test_a_kpi_without_data_meets_nothing(tmp_path):
    """Loss: 'no data' taken for good enough."""
    from label_pipeline_tests.publish.tables import kpis

    facts = replace(FACTS, kpis=kpis(("label_accuracy", "all", "", None, "no data")))
    folder = tmp_path / "published" / "demo"
    point_latest(folder, publish(folder, DAY, TABLE, facts, SEEN, PASSED).name)
    with pytest.raises(UserError, match="label_accuracy is not known"):
        load_training_set("demo", data=tmp_path, require=["label_accuracy>=0"])
