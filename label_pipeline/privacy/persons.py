"""Who is who: from a login, an identity at one source, to the person, to the pseudonym. It is decided here alone.

A login is a person of its own unless the roster says whose it is: a person of several logins has one pseudonym,
whatever the source. Which identities were met is kept by `identity_map`; the key is `pseudonyms`'.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from label_pipeline.privacy.pseudonyms import pseudonym

Login = tuple[str, str]
"""A source of the project and what it calls somebody."""
PSEUDONYM = re.compile(r"a-[0-9a-f]{16}")
ROSTER = ""
"""What stands for the source in the pseudonym of a person whom the roster names: no source is called so."""


@dataclass(frozen=True, slots=True)
class Met:
    """A login that was met, its own pseudonym and that of the person: equal where the roster names none."""

    source: str
    identity: str
    login: str
    annotator_id: str


@dataclass(frozen=True, slots=True)
class Persons:
    """The pseudonyms of everybody under one key: `named` holds the person of each login, where the roster tells it."""

    secret: bytes = field(repr=False)
    named: Mapping[Login, str] = field(default_factory=dict, repr=False)

    def met(self, source: str, identity: str) -> Met:
        """A login with its pseudonyms."""
        login = pseudonym(self.secret, source, identity)
        person = self.named.get((source, identity))
        annotator = login if person is None else pseudonym(self.secret, ROSTER, person)
        return Met(source, identity, login, annotator)

    def annotator(self, source: str, identity: str) -> str:
        """The pseudonym under which a login's answers stand."""
        return self.met(source, identity).annotator_id

    def named_pseudonyms(self) -> dict[str, str]:
        """The person's pseudonym of each login of the roster that is one of a person's."""
        return {m.login: m.annotator_id for m in (self.met(*login) for login in self.named)}

    @property
    def key(self) -> str:
        """Which key it is, in 8 hexadecimal digits that tell keys apart and nothing of them."""
        return key_id(self.secret)


def key_id(secret: bytes) -> str:
    """What tells a key from another, and nothing of it: 8 hexadecimal digits."""
    return hmac.new(secret, b"which key this is", hashlib.sha256).hexdigest()[:8]
