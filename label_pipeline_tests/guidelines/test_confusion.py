"""Which classes are said of the same items."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from label_pipeline.guidelines.confusion import confusions, share_of, split_items
from label_pipeline_tests.guidelines.said import votes_of

SAID = st.lists(st.text(alphabet="abcd", min_size=0, max_size=5), max_size=25)


def test_counts_items_and_people_by_hand() -> None:
    """Loss: the guideline is rewritten for the wrong pair.

    Of six items with two answers, a or b is said on five, both on i0, i1, i3. The rarer answer there is b by p2, b by
    p1 and, on the even i3, a by p0 and b by p1: three people, p1 with two of four.
    """
    votes = votes_of(["aab", "aba", "aaa", "ab", "cc", "bc", "a"])
    first, second = confusions(votes)
    assert (first.first, first.second, first.both, first.share.n) == ("a", "b", 3, 5)
    assert first.share.value == 0.6
    assert (first.people, first.largest) == (3, 0.5)
    assert (second.first, second.second, second.both) == ("b", "c", 1)
    assert split_items(votes, 0, 1).tolist() == [0, 1, 3]
    assert share_of(votes, "a", "b") == first.share


def test_one_person_is_no_ambiguity() -> None:
    """Loss: a guideline is changed because one annotator did not read it."""
    by_one = votes_of(["aab"] * 30)
    assert not confusions(by_one)[0].ambiguous
    by_three = votes_of(["aab", "aba", "baa"] * 10)
    assert confusions(by_three)[0].ambiguous
    seldom = votes_of(["aab", "aba", "baa"] + ["aaa"] * 100)
    assert not confusions(seldom)[0].ambiguous, "3 of 103 items may be slips"


@given(SAID)
def test_pairs_are_those_counted_item_by_item(said: list[str]) -> None:
    """Loss: sparse arithmetic that counts an answer twice."""
    votes = votes_of(said)
    several = [set(each) for each in said if len(each) >= 2]
    wanted = {
        (a, b): (sum({a, b} <= each for each in several), sum(bool({a, b} & each) for each in several))
        for a in "abcd"
        for b in "abcd"
        if a < b
    }
    found = {(p.first, p.second): (p.both, p.share.n) for p in confusions(votes)}
    assert found == {pair: counts for pair, counts in wanted.items() if counts[0]}
    for (a, b), (both, either) in wanted.items():
        share = share_of(votes, a, b)
        assert (share.n, share.value) == (either, both / either if either else None)
