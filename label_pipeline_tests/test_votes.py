"""Votes are the same whatever container, order or type the annotations arrive in."""

import duckdb
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from label_pipeline.errors import UserError
from label_pipeline.votes import DENSE_CELLS, Votes, require_dense

COLUMNS = ["item_id", "annotator_id", "label"]
ROWS = [("b", "ann", "cat"), ("a", "ben", "dog"), ("a", "ann", "cat"), ("c", "ben", "dog"), ("b", "cid", "dog")]


def frame(rows, columns=COLUMNS):
    return pd.DataFrame(rows, columns=columns)


def same(one: Votes, other: Votes) -> bool:
    arrays = ("items", "annotators", "offsets", "annotator", "label")
    return one.classes == other.classes and all(
        np.array_equal(getattr(one, name), getattr(other, name)) for name in arrays
    )


def test_codes_by_hand():
    """Guards against annotations that move to another item, annotator or class in coding."""
    votes = Votes.build(frame(ROWS))
    assert votes.items.tolist() == ["a", "b", "c"]
    assert votes.annotators.tolist() == ["ann", "ben", "cid"]
    assert votes.classes == ("cat", "dog")
    assert votes.offsets.tolist() == [0, 2, 4, 5]
    assert votes.annotator.tolist() == [0, 1, 0, 2, 1]
    assert votes.label.tolist() == [0, 1, 0, 1, 1]
    assert (votes.n, votes.n_items, votes.n_annotators, votes.n_classes) == (5, 3, 3, 2)
    assert votes.item.tolist() == [0, 0, 1, 1, 2]
    assert votes.per_item.tolist() == [2, 2, 1]
    assert votes.per_annotator.tolist() == [2, 2, 1]
    assert votes.per_class.tolist() == [2, 3]
    assert votes.annotator_order().tolist() == [0, 2, 1, 4, 3]
    assert votes.counts().tolist() == [[1, 1], [1, 1], [0, 1]]


def test_every_container_gives_the_same_votes():
    """Guards against a difference between what a notebook, the lake and the mart hand over."""
    table = frame(ROWS)
    expected = Votes.build(table)
    chunked = pa.concat_tables([pa.Table.from_pandas(table[:2]), pa.Table.from_pandas(table[2:])])
    connection = duckdb.connect()
    relation = connection.from_arrow(chunked)
    for given_as in (
        chunked,
        relation,
        connection.sql("select *, now() as loaded, 'x' as \"odd name\" from chunked"),
        table.astype("category"),
        table.astype("string"),
        table.astype(pd.ArrowDtype(pa.string())),
        pa.Table.from_pandas(table.astype("category")),
        table.rename(columns={"label": "odd label"}).assign(label=None),
    ):
        named = {"label": "odd label"} if "odd label" in list(getattr(given_as, "columns", [])) else {}
        assert same(Votes.build(given_as, **named), expected)


@given(st.permutations(range(12)))
def test_row_order_never_matters(order):
    """Guards against results that depend on the order in which files landed, repeated labels included."""
    rows = [(i, a, k) for i, a, k in zip("aabbccaabbcc", "xyxyxyxyxyxy", "121212211221", strict=True)]
    table = frame(rows).assign(annotated_at=[1, 1, 2, 2, 3, 3, 2, 0, 2, 1, None, 3])
    assert same(Votes.build(table.iloc[list(order)]), Votes.build(table))


def test_newest_label_wins():
    """Guards against a corrected label losing to the one it corrects, for every type of time column."""
    rows = [("a", "x", "old"), ("a", "x", "new"), ("b", "x", "new"), ("b", "x", "old"), ("c", "x", "one")]
    text = ["2026-01-01T10:00:00+02:00", "2026-01-01T09:30:00Z", "2026-01-02", None, None]
    for times in (text, pd.to_datetime(text, utc=True, format="ISO8601"), [1.0, 2.0, 3.0, None, None]):
        table = frame(rows).assign(annotated_at=times)
        for given_as in (table, pa.Table.from_pandas(table)):
            votes = Votes.build(given_as, classes=["new", "old", "one"])
            assert [votes.classes[k] for k in votes.label] == ["new", "new", "one"]


def test_equal_times_and_duplicates():
    """Guards against a batch delivered twice counting twice, and against ties decided by row order."""
    twice = frame(ROWS + ROWS)
    assert same(Votes.build(twice), Votes.build(frame(ROWS)))
    tie = frame([("a", "x", "cat"), ("a", "x", "dog"), ("a", "x", "cat")])
    assert Votes.build(tie).label.tolist() == [1]


def test_numbers_stay_numbers():
    """Guards against numeric ids sorted as text, and against `1905.0` beside `1905`."""
    votes = Votes.build(frame([(10, 7, 2.0), (9, 7, 1.0), (9, 8, 10.0)]))
    assert votes.items.tolist() == [9, 10]
    assert votes.items.dtype == np.int64
    assert votes.classes == ("1", "2", "10")
    floats = Votes.build(frame([(1905.0, 7, True), (1906.0, 7, False)]))
    assert floats.items.tolist() == [1905, 1906]
    assert floats.classes == ("False", "True")
    assert Votes.build(frame([("a", "x", 0.5), ("a", "y", 2.0)])).classes == ("0.5", "2.0")


def test_declared_classes_and_items():
    """Guards against losing unused classes, their order, or items nobody labelled yet."""
    votes = Votes.build(frame(ROWS), classes=["dog", "bird", "cat"], items=["z", "a", "0"])
    assert votes.classes == ("dog", "bird", "cat")
    assert votes.items.tolist() == ["0", "a", "b", "c", "z"]
    assert votes.per_item.tolist() == [0, 2, 2, 1, 0]
    assert votes.label.tolist() == [2, 0, 2, 0, 0]


def test_no_annotations():
    """Guards against a crash on the first night of a project."""
    empty = frame([]).astype(object)
    for given_as in (empty, pa.Table.from_pandas(empty)):
        votes = Votes.build(given_as, classes=["x"], items=["b", "a"])
        assert (votes.n, votes.n_items, votes.n_annotators, votes.n_classes) == (0, 2, 0, 1)
        assert votes.offsets.tolist() == [0, 0, 0]
        assert votes.annotator_order().tolist() == []
        assert Votes.build(given_as).classes == ()


@settings(max_examples=50)
@given(st.lists(st.text(), min_size=1, unique=True))
def test_text_ids_sort_by_code_point(ids):
    """Guards against the fast sort by eight bytes disagreeing with the order of strings."""
    ids = [text for text in ids if text.isprintable()] or ["a"]
    long = ["prefix-" + text for text in ids] + ["prefix-longer than eight " + text for text in ids]
    for texts in (ids, long):
        votes = Votes.build(frame([(text, "x", "k") for text in texts]))
        assert votes.items.tolist() == sorted(set(texts))


@pytest.mark.parametrize(
    ("annotations", "options", "message"),
    [
        (frame(ROWS).rename(columns={"label": "lable"}), {}, "Did you mean 'lable'"),
        (frame([("a", None, "cat"), ("a", "x", "dog")]), {}, "1 of 2 values of 'annotator_id' are empty"),
        (frame([("a", "x", float("nan")), ("b", "x", 1.0)]), {}, "1 of 2 values of 'label' are empty"),
        (pa.table({"item_id": ["a", None], "annotator_id": ["x", "y"], "label": ["k", "k"]}), {}, "1 of 2 values"),
        (frame([("a", "x", "cat"), (1, "x", "dog")]), {}, "'item_id' mixes kinds of values"),
        (frame([("a", "x", ["cat"])]), {}, "'label'"),
        (frame([("a", "x", pd.Timestamp("2026-01-01"))]), {}, "'label' holds timestamp"),
        (frame(ROWS), {"classes": ["cat", "dig"]}, "label 'dog' is not a declared class. Did you mean 'dig'"),
        (frame(ROWS), {"classes": ["cat", "dog", "cat"]}, "class 'cat' is declared twice"),
        (frame(ROWS), {"items": [1, 2]}, "the items given hold int64"),
        ([1, 2], {}, "annotations are a list"),
        (
            frame([("a", "x", "k"), ("a", "x", "l")]).assign(annotated_at=["yesterday", "2026-01-01"]),
            {},
            "no ISO 8601 time",
        ),
    ],
)
def test_bad_input_is_one_clear_error(annotations, options, message):
    """Guards against a traceback, or a silent guess, where the input can be mended."""
    with pytest.raises(UserError, match=message):
        Votes.build(annotations, **options)


def test_views():
    """Guards against held-out votes and shards that lose or shift annotations."""
    votes = Votes.build(frame(ROWS))
    kept = votes.keep(np.array([True, False, False, True, True]))
    assert kept.offsets.tolist() == [0, 1, 2, 3]
    assert kept.annotator.tolist() == [0, 2, 1]
    assert kept.label.tolist() == [0, 1, 1]
    part = votes.shard(1, 3)
    assert part.items.tolist() == ["b", "c"]
    assert part.offsets.tolist() == [0, 2, 3]
    assert part.annotator.tolist() == [0, 2, 1]
    assert votes.shard(1, 1).n == 0


def test_codes_are_checked():
    """Guards against codes that would read or write outside the arrays of a compiled loop."""
    sizes = {"items": 2, "annotators": 2, "classes": 2}
    votes = Votes.of_codes([1, 0, 0], [0, 1, 0], [1, 0, 1], **sizes)
    assert votes.label.tolist() == [1, 0, 1]
    assert votes.annotator.tolist() == [0, 1, 0]
    with pytest.raises(UserError, match=r"annotator code lies outside 0\.\.1"):
        Votes.of_codes([0], [2], [0], **sizes)
    with pytest.raises(UserError, match="class code"):
        Votes.of_codes([0], [0], [-1], **sizes)
    with pytest.raises(UserError, match="two labels"):
        Votes.of_codes([0, 0], [1, 1], [0, 1], **sizes)


def test_a_matrix_that_cannot_fit_is_refused():
    """Guards against a killed process where a message would do."""
    require_dense(DENSE_CELLS, 1)
    with pytest.raises(UserError, match="classes is more than"):
        require_dense(DENSE_CELLS, 2)


def test_real_annotations(datasets):
    """Guards against losing people's labels: each (item, annotator) of the real files is there once."""
    table = pd.read_csv(datasets / "emergent_stance" / "annotations.csv", dtype=str)
    votes = Votes.build(table)
    pairs = table.groupby(["item_id", "annotator_id"]).ngroups
    assert (votes.n, votes.n_items, votes.n_annotators) == (pairs, table.item_id.nunique(), 218)
    newest = table.sort_values("annotated_at").groupby(["item_id", "annotator_id"]).label.last()
    got = pd.Series(
        np.array(votes.classes)[votes.label],
        index=pd.MultiIndex.from_arrays([votes.items[votes.item], votes.annotators[votes.annotator]]),
    )
    clear = ~table.duplicated(["item_id", "annotator_id", "annotated_at"], keep=False)
    certain = pd.MultiIndex.from_frame(table.loc[clear, ["item_id", "annotator_id"]].drop_duplicates())
    assert (got[certain].to_numpy() == newest[certain].to_numpy()).all()
