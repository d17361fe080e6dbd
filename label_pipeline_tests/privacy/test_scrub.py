"""Identifiers in free text: what is found, what is left alone, and that nothing found stays."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from label_pipeline.privacy.scrub import PATTERNS, Names, Scrubber, Span, iban, luhn, scrub

ALL = list(PATTERNS.values())


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("write to Ada.Lovelace+x@mail.example.org, please", "write to [email], please"),
        ("<ü.müller@büro.example.de>", "<[email]>"),
        ("DE89 3704 0044 0532 0130 00", "[iban]"),
        ("iban GB82WEST12345698765432.", "iban [iban]."),
        ("paid with 4111 1111 1111 1111 today", "paid with [card] today"),
        ("paid with 5500-0055-5555-5559", "paid with [card]"),
        ("from 192.168.10.254:8080", "from [ip]:8080"),
        ("from 2001:db8::8a2e:370:7334 and ::1", "from [ip] and [ip]"),
        ("call +49 30 1234567 or 0049 (0)30 123-4567", "call [phone] or [phone]"),
        ("call (030) 123 4567, 030/1234567", "call [phone], [phone]"),
        ("call 555-123-4567 or (555) 123-4567.", "call [phone] or [phone]."),
    ],
)
def test_what_is_found(text: str, expected: str) -> None:
    """Loss: a person's address or account goes out with the training set."""
    assert scrub(text, ALL) == expected


@pytest.mark.parametrize(
    "text",
    [
        "on 2026-10-05 at 10:20:30 and 2026.10.05",
        "2026-10-05T10:20:30.513742Z",
        "version 1.2.3, section 4.5.6.7.8, 999.1.1.1",
        "item 1905, price 1,234,567.89, 12345678 pieces",
        "4111 1111 1111 1112 fails its check digit, 0000 0000 0000 0000 is none",
        "DE00 3704 1144 1532 1130 11 fails its remainder",
        "a@b, @someone, 3 @ 4.00 each",
        "std::vector::size, a::b, 10:20",
        "ISBN 978-3-16-148410-0",
    ],
)
def test_what_is_left_alone(text: str) -> None:
    """Loss: scrubbing that eats dates, versions and counts takes from annotators what they need to decide."""
    assert scrub(text, ALL) == text


def test_checksums_by_hand() -> None:
    """Loss: a checksum that accepts everything scrubs every long number; one that accepts nothing scrubs none."""
    assert luhn("79927398713")
    assert not any(luhn(f"7992739871{d}") for d in "012456789")
    assert iban("GB82 WEST 1234 5698 7654 32")
    assert not iban("GB83 WEST 1234 5698 7654 32")


def test_names_by_list() -> None:
    """Loss: `Ann` taken out of `annotator`, or `Ann Smith` left as `[name] Smith`."""
    names = Names(["Ann", "Ann Smith", "O'Hara (sr.)", " ", "Émile"])
    assert scrub("ANN SMITH met ann and O'Hara (sr.); the annotator, émile", [names]) == (
        "[name] met [name] and [name]; the annotator, [name]"
    )
    assert scrub("nobody", [Names([])]) == "nobody"


class _At:
    """Finds fixed spans."""

    def __init__(self, *spans: tuple[int, int, str]) -> None:
        self.spans = spans

    def find(self, text: str) -> Iterator[Span]:
        for span in self.spans:
            yield Span(*span)


@pytest.mark.parametrize(
    ("spans", "expected"),
    [
        ([(1, 3, "x"), (2, 5, "y")], "0[x]5678"),  # the later one sticks out, and goes too
        ([(1, 3, "x"), (1, 5, "y")], "0[y]5678"),
        ([(1, 3, "x"), (3, 5, "y")], "0[x][y]5678"),
        ([(0, 9, "x"), (3, 5, "y")], "[x]"),
    ],
)
def test_finds_that_overlap(spans: list[tuple[int, int, str]], expected: str) -> None:
    """Loss: half of an identifier left because two recognisers did not agree where it ends."""
    assert scrub("012345678", [_At(*spans)]) == expected


@given(st.text(alphabet="ab1 @.:-+()/", max_size=60), st.integers(0, 60))
def test_an_identifier_is_found_wherever_it_stands(around: str, at: int) -> None:
    """Loss: what stands beside an address decides whether it is seen."""
    at = min(at, len(around))
    text = f"{around[:at]} ada@example.org {around[at:]}"
    assert "ada@example.org" not in scrub(text, ALL)


@pytest.mark.parametrize("piece", ["a@", "1-", "a.", "::", "1 ", "(0", "+1", "AB12", "0 "])
def test_long_texts_take_linear_time(piece: str) -> None:
    """Loss: one hostile text of a megabyte holds up the night for hours."""
    began = time.process_time()
    scrub(piece * 200_000, ALL)
    assert time.process_time() - began < 20


def test_payloads_lose_identifiers_in_scrubbed_fields_only() -> None:
    """Loss: an address deep in a list goes through; or a field nobody asked about comes out changed."""
    scrubber = Scrubber(["text", "turns"], [PATTERNS["email"], Names(["Ada"])])
    payload = '{"text":"Ada: a@b.org","turns":[{"by a@b.org":["a@b.org",1,null]}],"other":"a@b.org","é":1.50}'
    assert json.loads(scrubber.payload(payload)) == {
        "text": "[name]: [email]",
        "turns": [{"by [email]": ["[email]", 1, None]}],
        "other": "a@b.org",
        "é": 1.5,
    }
    untouched = '{"text": "nothing here", "é": 1.50}'
    assert scrubber.payload(untouched) == untouched
