"""Scrubbing: identifiers of people in free text become what kind they were, like `[email]`.

A recogniser finds spans of one or several kinds in a text; what several find is replaced once. The built-in ones know
patterns and checksums and no language: they miss a name that is on no list, and a street. A stronger detector comes in
through the same interface. Which fields are scrubbed is the project file's to say.
"""

from __future__ import annotations

import ipaddress
import json
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """One identifier: characters `start` up to `end` of the text, and its kind."""

    start: int
    end: int
    kind: str


class Recogniser(Protocol):
    """Whatever finds identifiers in a text."""

    def find(self, text: str) -> Iterator[Span]:
        """The identifiers in `text`, in any order; they may overlap."""
        ...


@dataclass(frozen=True, slots=True)
class Pattern:
    """An identifier that a regular expression finds and, where it has one, `valid` confirms (a checksum, a range)."""

    kind: str
    expression: re.Pattern[str]
    valid: Callable[[str], bool] = bool

    def find(self, text: str) -> Iterator[Span]:
        """Every match that is confirmed."""
        for match in self.expression.finditer(text):
            if self.valid(match.group()):
                yield Span(*match.span(), self.kind)


def _digits(text: str) -> str:
    return "".join(c for c in text if c.isascii() and c.isdigit())


def luhn(text: str) -> bool:
    """Whether the digits of `text` end with their check digit (ISO/IEC 7812-1), as those of payment cards do."""
    digits = [int(c) for c in reversed(_digits(text))]
    doubled = sum(sum(divmod(2 * d, 10)) for d in digits[1::2])
    return len(set(digits)) > 1 and (sum(digits[::2]) + doubled) % 10 == 0


def iban(text: str) -> bool:
    """Whether `text`, without its spaces, is an IBAN by its remainder of 97 (ISO 13616-1)."""
    code = "".join(text.split()).upper()
    return 15 <= len(code) <= 34 and int("".join(str(int(c, 36)) for c in code[4:] + code[:4])) % 97 == 1


def _address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return any(c.isdigit() for c in text)  # `a::b` is an address too, and more often a name in a program


def _phone(text: str) -> bool:
    """A number of a length that is dialled (ITU-T E.164), and no day, clock time or plain count."""
    return 7 <= len(_digits(text)) <= 15 and not re.fullmatch(r"(19|20)\d\d[-./ ]\d\d?[-./ ]\d\d?.*", text)


# Every repetition is bounded, and no two neighbours take the same signs: time stays linear in the text's length.
_SEPARATOR = r"[ .\-/\u00a0]"
PATTERNS: dict[str, Pattern] = {
    "email": Pattern("email", re.compile(r"(?<![\w.%+-])[\w.%+-]{1,64}@(?:[\w-]{1,63}\.){1,8}[^\W\d_]{2,24}")),
    "iban": Pattern(
        "iban", re.compile(r"(?<!\w)[A-Za-z]{2}\d{2}(?: ?[A-Za-z0-9]{4}){2,7}(?: ?[A-Za-z0-9]{1,3})?(?!\w)"), iban
    ),
    "card": Pattern("card", re.compile(r"(?<![\w.-])\d(?:[ -]?\d){12,18}(?![\w-])"), luhn),
    "ip": Pattern(
        "ip",
        re.compile(
            r"(?<![\w.:])(?:\d{1,3}(?:\.\d{1,3}){3}(?![\w.]*\d)|[0-9A-Fa-f]{0,4}(?::[0-9A-Fa-f]{0,4}){2,7}(?!\w))"
        ),
        _address,
    ),
    "phone": Pattern(
        "phone",
        re.compile(
            # +49 30 1234567, 0049 (0)30 123-4567 | (030) 123 4567, 030/1234567 | 555-123-4567, (555) 123-4567
            rf"(?<![\w.+])(?:(?:\+|00)\d{{1,3}}{_SEPARATOR}?(?:\(\d{{1,4}}\){_SEPARATOR}?)?\d(?:{_SEPARATOR}?\d){{4,13}}"
            rf"|\(0\d{{1,4}}\){_SEPARATOR}?\d(?:{_SEPARATOR}?\d){{3,10}}|0\d{{2,4}}[ /-]\d(?:{_SEPARATOR}?\d){{3,10}}"
            rf"|(?:\(\d{{3}}\) ?|\d{{3}}[-. ])\d{{3}}[-. ]\d{{4}})(?![\w])"
        ),
        _phone,
    ),
}
"""The built-in kinds, each with what confirms it."""


class Names:
    """Names by list, whole words and case aside: what a project knows to stand in its texts."""

    kind = "name"

    def __init__(self, names: Iterable[str]) -> None:
        known = sorted({name.strip() for name in names if name.strip()}, key=lambda name: (-len(name), name))
        self._found = (
            re.compile(rf"(?<!\w)(?:{'|'.join(map(re.escape, known))})(?!\w)", re.IGNORECASE) if known else None
        )

    def find(self, text: str) -> Iterator[Span]:
        """Every name that stands in the text as whole words; of two that begin alike the longer."""
        for match in self._found.finditer(text) if self._found else ():
            yield Span(*match.span(), self.kind)


def scrub(text: str, recognisers: Sequence[Recogniser]) -> str:
    """`text` with every identifier replaced by its kind in square brackets.

    Of overlapping finds the one that begins first counts, of those that begin alike the longest, and what sticks out of
    it goes too: nothing that any recogniser found is left.
    """
    spans = sorted({s for r in recognisers for s in r.find(text)}, key=lambda s: (s.start, -s.end, s.kind))
    parts: list[str] = []
    done = 0
    for span in spans:
        if span.start >= done:
            parts += [text[done : span.start], f"[{span.kind}]"]
        done = max(done, span.end)
    return "".join([*parts, text[done:]])


@dataclass(frozen=True, slots=True)
class Scrubber:
    """What is taken out of which fields of items."""

    fields: Sequence[str]
    recognisers: Sequence[Recogniser]

    def payload(self, payload: str) -> str:
        """An item's payload, a JSON object, without identifiers in the texts of its scrubbed fields."""
        item = json.loads(payload)
        clean = item | {name: self._value(item[name]) for name in self.fields if name in item}
        return payload if clean == item else json.dumps(clean, ensure_ascii=False, separators=(",", ":"))

    def _value(self, value: Any) -> Any:
        """Texts at any depth; keys too, since a tool may write what people said as keys."""
        if isinstance(value, str):
            return scrub(value, self.recognisers)
        if isinstance(value, list):
            return [self._value(each) for each in value]
        if isinstance(value, dict):
            return {scrub(key, self.recognisers): self._value(each) for key, each in value.items()}
        return value
