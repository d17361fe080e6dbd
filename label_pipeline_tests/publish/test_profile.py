import pyarrow as pa
import pytest

from label_pipeline.contracts.tables import TABLES
from label_pipeline.publish.profile import TOTALS, profile
from label_pipeline_tests.publish.tables import (
    CLASSES,
    DAY,
    SPLITS,
    consensus,
    first_night,
    gold,
    issues,
    items,
    landings,
)

VOTED = consensus(
    [
        ("a", "cat", 0.9, "accepted"),
        ("b", "cat", 0.7, "accepted"),
        ("c", "dog", 0.8, "accepted"),
        ("d", None, 0.0, "unlabelled"),
        ("e", "dog", 0.8, "accepted"),
    ]
)
GOLD = gold([("e", "cat", "evaluation")])
NOISE = issues([("a", "cat", 0.2, True), ("b", "cat", 0.9, False), ("c", "dog", 0.9, False)])


def build():
    return first_night(VOTED, items({"a": "{}"}), NOISE, GOLD, classes=CLASSES, splits=SPLITS, day=DAY)


ABOUT = {
    "consensus": VOTED,
    "gold": GOLD,
    "issues": NOISE,
    "placed": TABLES["splits"].empty(),
    "landings": landings(),
    "classes": CLASSES,
    "splits": SPLITS,
    "day": DAY,
}


def totals(table, **changes):
    return profile(table, **(ABOUT | changes)).totals.iloc[0].to_dict()


def test_totals_by_hand():
    """Loss: a gate that looks at a number which means something else."""
    seen = totals(build())
    assert set(seen) == set(TOTALS)
    assert (seen["items"], seen["labelled"], seen["rows"], seen["learning_rows"]) == (5, 4, 4, 3)
    assert seen["coverage"] == pytest.approx(3 / 4)
    assert seen["min_class_share"] == pytest.approx(1 / 3)
    assert seen["issue_share"] == pytest.approx(1 / 3)
    assert seen["mean_confidence"] == pytest.approx(0.8)
    assert (seen["evaluation_gold"], seen["gold_leak"], seen["false_gold"]) == (1, 0, 0)
    assert (seen["landed"], seen["unaccounted"], seen["quarantined_share"]) == (10, 0, 0.1)
    assert (seen["repeated_items"], seen["unlabelled_rows"]) == (0, 0)


def test_classes_by_hand():
    classes = profile(
        build(),
        consensus=VOTED,
        gold=GOLD,
        issues=NOISE,
        placed=TABLES["splits"].empty(),
        landings=landings(),
        classes=(*CLASSES, "fox"),
        splits=SPLITS,
        day=DAY,
    ).classes.set_index("class")
    assert classes["learning_rows"].to_dict() == {"cat": 2, "dog": 1, "fox": 0}
    assert classes["test_rows"].to_dict() == {"cat": 1, "dog": 0, "fox": 0}
    assert classes["issues"].to_dict() == {"cat": 1, "dog": 0, "fox": 0}
    assert classes.loc["cat", "mean_confidence"] == pytest.approx(0.8)


def changed(table, column, values):
    at = table.schema.get_field_index(column)
    return table.set_column(at, column, pa.array(values, table.schema.field(column).type))


def test_every_kind_of_damage_shows():
    """Loss: a fault of the pipeline that no number shows, so that no gate can stop it."""
    table = build()
    everywhere_train = changed(table, "split", ["train"] * 4)
    assert totals(everywhere_train)["gold_leak"] == 1
    assert totals(changed(table, "split", ["test"] * 4))["false_gold"] == 3
    assert totals(changed(table, "label", ["cat", "cat", "dog", "dog"]))["false_gold"] == 1
    assert totals(changed(table, "label", ["cat", None, "fox", "cat"]))["unlabelled_rows"] == 2
    assert totals(pa.concat_tables([table, table]))["repeated_items"] == 4
    assert totals(table, landings=landings(landed=11))["unaccounted"] == 1
    assert totals(table, classes=(*CLASSES, "fox"))["missing_classes"] == 1


def test_near_duplicates_in_two_splits_show():
    """Loss: the gate on leaking splits counts what the placement says, and not what the rows are."""
    table = changed(build(), "split", ["train", "validation", "train", "test"])
    near = changed(NOISE, "duplicate_set", [4, 4, None])
    assert totals(table, issues=near)["split_leak"] == 1
    assert totals(changed(table, "split", ["train", "train", "train", "test"]), issues=near)["split_leak"] == 0


@pytest.mark.parametrize(
    ("row", "error"),
    [
        ([0.5, 0.6], 0.1),
        ([1.2, -0.2], 0.2),
        ([1.0], 1.0),
        (None, 1.0),
        ([float("nan"), 0.5], 1.0),
        ([0.5, 0.25, 0.25], 1.0),
    ],
)
def test_probabilities_that_are_none(row, error):
    """Loss: soft labels that do not sum to one, or are too few, train a model on nonsense."""
    table = build()
    rows = [row, *table["probabilities"].to_pylist()[1:]]
    assert totals(changed(table, "probabilities", rows))["max_sum_error"] == pytest.approx(error)


@pytest.mark.parametrize(
    ("column", "values"),
    [
        ("item_id", [None]),
        ("confidence", [1.01, -0.01, float("nan")]),
        ("sample_weight", [1.5, float("inf"), None]),
        ("agreement", [2.0]),
        ("label_quality", [float("nan")]),
        ("n_annotations", [-1, None]),
        ("is_issue", [None]),
        ("status", ["wrong", None]),
        ("split", ["tset", None]),
    ],
)
def test_a_value_its_column_may_not_have_shows(column, values):
    """Loss: a weight of NaN turns a whole training run into NaN; a row of no split is never seen by anybody."""
    table = build()
    for value in values:
        seen = profile(changed(table, column, [value, *table[column].to_pylist()[1:]]), **ABOUT)
        assert seen.totals["broken_rows"].item() == 1, value
        assert [words.split()[0] for words in seen.broken] == [column]
        assert list(seen.broken.values()) == [1]
    assert profile(table, **ABOUT).broken == {}


def test_an_empty_candidate_has_numbers_for_every_gate():
    """Loss: NaN in the profile of an empty night passes a gate that ignores missing values."""
    empty = build().slice(0, 0)
    seen = totals(empty, consensus=VOTED.slice(0, 0), gold=gold([]), landings=landings().slice(0, 0))
    assert all(value == value and value is not None for value in seen.values())
    assert (seen["coverage"], seen["missing_classes"], seen["learning_rows"]) == (0, 2, 0)
