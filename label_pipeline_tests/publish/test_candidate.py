import json
from datetime import date

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from label_pipeline.contracts.tables import TABLES
from label_pipeline.publish.candidate import COLUMNS, candidate, place
from label_pipeline.publish.placement import EVALUATES, NEAR_GOLD
from label_pipeline_tests.publish.tables import CLASSES, DAY, SPLITS, consensus, first_night, gold, issues, items

ROWS = [
    ("a", "cat", 0.9, "accepted"),
    ("b", "dog", 0.6, "open"),
    ("c", "dog", 0.5, "disputed"),
    ("d", None, 0.0, "unlabelled"),
    ("e", "cat", 0.8, "accepted"),
    ("f", "dog", 1.0, "gold"),
]
GOLD = gold(
    [("e", "dog", "evaluation"), ("f", "dog", "check"), ("z", "cat", "evaluation"), ("never", "cat", "evaluation")]
)
NOISE = issues([("a", "cat", 0.3, True), ("b", "dog", 0.9, False), ("e", "cat", 0.1, True)])
ITEMS = items({k: json.dumps({"text": f"text {k}", "n": i, "x": [i, 0.5]}) for i, k in enumerate("abcefz")})


def build(**changes):
    options = {"classes": CLASSES, "splits": SPLITS, "day": DAY, "fields": ["text", "n", "x"]} | changes
    return first_night(consensus(ROWS), ITEMS, NOISE, GOLD, **options)


def rows_of(table):
    return {row["item_id"]: row for row in table.to_pylist()}


def test_which_items_enter_and_with_which_label():
    """Loss: unlabelled and disputed items in the training set, or gold left out of the test set."""
    rows = rows_of(build())
    assert list(rows) == ["a", "b", "e", "f", "z"]
    assert [row["label"] for row in rows.values()] == ["cat", "dog", "dog", "dog", "cat"]
    assert {key: row["split"] == "test" for key, row in rows.items()} == {
        "a": False, "b": False, "e": True, "f": False, "z": True,
    }  # fmt: skip


def test_the_test_split_holds_the_truth_and_nothing_of_the_votes():
    """Loss: a model judged against the consensus it was trained on, or a noise score of another label."""
    row = rows_of(build())["e"]
    assert (row["label"], row["probabilities"], row["confidence"], row["sample_weight"]) == (
        "dog",
        [0.0, 1.0],
        1.0,
        1.0,
    )
    assert (row["status"], row["label_quality"], row["is_issue"]) == ("gold", None, False)


def test_weights_by_hand():
    """Loss: a coin flip that counts as much as a settled label; K = 2: weight = 2c - 1, times quality if an issue."""
    rows = rows_of(build(include_statuses=["open", "accepted", "disputed"]))
    assert rows["a"]["sample_weight"] == pytest.approx((2 * 0.9 - 1) * 0.3)
    assert rows["b"]["sample_weight"] == pytest.approx(2 * 0.6 - 1)
    assert rows["c"]["sample_weight"] == 0.0


def test_fields_become_typed_columns():
    """Loss: numbers as text, or a training job that must parse JSON."""
    table = build()
    assert table.schema.names == ["item_id", "text", "n", "x", *[name for name in COLUMNS if name != "item_id"]]
    assert (table.schema.field("n").type, table.schema.field("x").type) == (pa.int64(), pa.list_(pa.float64()))
    assert rows_of(table)["b"]["x"] == [1.0, 0.5]


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([1, "one"], ["1", "one"]),
        ([{"a": 1}, None], ['{"a": 1}', None]),
        ([2**70, 1], [str(2**70), "1"]),
        (["\ud800", "b"], ["?", "b"]),
        ([None, None], [None, None]),
        ([[], [{"a": 1}]], ["[]", '[{"a": 1}]']),
    ],
)
def test_values_that_share_no_type_are_kept_as_text(values, expected):
    """Loss: a night that fails because one payload field changed its type."""
    payloads = items({key: json.dumps({"v": value}) for key, value in zip("ab", values, strict=True)})
    table = first_night(
        consensus(ROWS[:2]), payloads, NOISE, gold([]), classes=CLASSES, splits=SPLITS, day=DAY, fields=["v"]
    )
    assert table["v"].to_pylist() == expected


def test_a_field_with_the_name_of_a_column_is_renamed():
    """Loss: an item field called 'label' that silently becomes the label to learn."""
    payloads = items({"a": '{"label": "from the item"}', "b": "{}"})
    table = first_night(
        consensus(ROWS[:2]), payloads, NOISE, gold([]), classes=CLASSES, splits=SPLITS, day=DAY, fields=["label"]
    )
    assert table["item_label"].to_pylist() == ["from the item", None]
    assert table["label"].to_pylist() == ["cat", "dog"]


def test_gold_counts_only_while_in_force_and_is_never_learnt_from_again():
    """Loss: an expired truth that still measures, or one that has measured models and now trains them."""
    expired = gold([("e", "dog", "evaluation")], valid_to=DAY)
    table = first_night(consensus(ROWS), ITEMS, NOISE, expired, classes=CLASSES, splits=SPLITS, day=DAY)
    assert set(rows_of(table)) == {"a", "b", "f"}


def test_what_is_drawn_for_evaluation_and_its_near_duplicates_wait():
    """Loss: an item trains tonight's model and measures next week's, which has learnt from the same sets."""
    from label_pipeline.publish.profile import profile
    from label_pipeline_tests.publish.tables import landings

    rows = [row | {"duplicate_set": 7 if row["item_id"] in "ab" else None} for row in NOISE.to_pylist()]
    twins = pa.Table.from_pylist(rows, NOISE.schema)
    parts, nothing = (consensus(ROWS), ITEMS, twins, gold([])), TABLES["splits"].empty()
    placed = place(*parts, nothing, splits=SPLITS, day=DAY, drawn={"a"})
    why = {row["item_id"]: row["held_back"] for row in placed.to_pylist()}
    assert (why["a"], why["b"]) == (EVALUATES, NEAR_GOLD)
    table = candidate(*parts, placed, classes=CLASSES, splits=SPLITS, day=DAY)
    assert not {"a", "b"} & set(rows_of(table))
    careless = place(*parts, nothing, splits=SPLITS, day=DAY)
    leaking = candidate(*parts, careless, classes=CLASSES, splits=SPLITS, day=DAY)
    for made, leaks in ((table, 0), (leaking, 2)):
        seen = profile(
            made, consensus=parts[0], issues=twins, placed=placed, gold=parts[3], landings=landings(),
            classes=CLASSES, splits=SPLITS, day=DAY, drawn={"a"},
        )  # fmt: skip
        assert seen.totals.iloc[0]["gold_leak"] == leaks


def test_without_a_gold_split_evaluation_gold_is_held_back():
    """Loss: evaluation gold in training because a project declared shares only."""
    table = build(splits={"train": 0.9, "validation": 0.1})
    assert "e" not in rows_of(table)
    assert set(rows_of(table)) == {"a", "b", "f"}


def test_nothing_labelled_gives_an_empty_set_of_the_same_shape():
    table = first_night(
        consensus([("d", None, 0.0, "unlabelled")]),
        ITEMS,
        NOISE,
        gold([]),
        classes=CLASSES,
        splits=SPLITS,
        day=DAY,
        fields=["n"],
    )
    assert len(table) == 0
    assert table.schema.names[:3] == ["item_id", "n", "label"]


@settings(max_examples=60, deadline=None)
@given(
    st.dictionaries(st.text("abcdefgh", min_size=1, max_size=2), st.sampled_from(CLASSES), min_size=1, max_size=25),
    st.dictionaries(st.text("abcdefgh", min_size=1, max_size=2), st.sampled_from(CLASSES), max_size=12),
    st.permutations(range(5)),
)
def test_evaluation_gold_is_never_learnt(labels, truths, order):
    """Loss: gold leak, the one thing that makes every later number look better than it is."""
    voted = consensus([(key, label, 0.9, "accepted") for key, label in labels.items()])
    settled = gold([(key, label, "evaluation") for key, label in truths.items()])
    no_items = ITEMS.slice(0, 0)
    table = first_night(voted, no_items, NOISE, settled, classes=CLASSES, splits=SPLITS, day=DAY)
    learnt = {row["item_id"] for row in table.to_pylist() if row["split"] != "test"}
    tested = {row["item_id"]: row["label"] for row in table.to_pylist() if row["split"] == "test"}
    assert not learnt & set(truths)
    assert tested == {key: truths[key] for key in truths if key in labels}
    assert learnt == set(labels) - set(truths)
    shuffled = voted.take(sorted(range(len(voted)), key=lambda i: order[i % 5]))
    assert table.equals(first_night(shuffled, no_items, NOISE, settled, classes=CLASSES, splits=SPLITS, day=DAY))


def test_real_annotations_from_votes_to_candidate(datasets):
    """Loss: a set whose test labels are not the truth, on 2,595 real items."""
    import pandas as pd

    from label_pipeline.publish.profile import profile
    from label_pipeline.votes import Votes
    from label_pipeline_tests.publish.tables import landings, table

    folder = datasets / "emergent_stance"
    annotations = pd.read_csv(folder / "annotations.csv", dtype=str)
    truth = pd.read_csv(folder / "truth.csv", dtype=str)
    payload = pd.read_csv(folder / "items.csv", dtype=str, keep_default_na=False)
    votes = Votes.build(annotations[annotations["status"] != "Rejected"])
    counts = votes.counts()
    share = counts / counts.sum(axis=1, keepdims=True)
    label = [votes.classes[i] for i in counts.argmax(axis=1)]
    n = votes.n_items
    voted = table(
        "consensus_labels", item_id=votes.items, label=label, voted_label=label, probabilities=share.tolist(),
        confidence=share.max(axis=1), agreement=share.max(axis=1), n_annotations=counts.sum(axis=1),
        method=["majority"] * n, status=["open"] * n,
    )  # fmt: skip
    seeds = truth.sample(100, random_state=1)
    settled = gold([(row.item_id, row.label, "evaluation") for row in seeds.itertuples()])
    things = items({row.item_id: json.dumps({"text": row.text}) for row in payload.itertuples()})
    made = first_night(
        voted, things, issues([]), settled, classes=votes.classes, splits=SPLITS, day=date(2026, 1, 2), fields=["text"]
    )
    seen = profile(
        made,
        consensus=voted,
        gold=settled,
        issues=issues([]),
        placed=TABLES["splits"].empty(),
        landings=landings(),
        classes=votes.classes,
        splits=SPLITS,
        day=date(2026, 1, 2),
    ).totals.iloc[0]
    tested = {row["item_id"]: row["label"] for row in made.to_pylist() if row["split"] == "test"}
    assert tested == dict(zip(seeds["item_id"], seeds["label"], strict=True))
    assert (len(made), seen["gold_leak"], seen["false_gold"], seen["missing_classes"]) == (n, 0, 0, 0)
    assert seen["max_sum_error"] < 1e-9
    assert made["text"].null_count == 0
