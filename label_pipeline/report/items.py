"""How an item is shown: its text cut to what fits, its picture as a small image without metadata."""

from __future__ import annotations

import base64
import json
import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from io import BytesIO
from typing import Any, Protocol

SIDE = 128
"""Longest side of an embedded picture, in pixels."""

_TEXT = 280
_FIELD = 80
_MAX_PIXELS = 50_000_000
_MAX_BYTES = 12_000
_TIME = re.compile(r"^(\d{4}-\d{2}-\d{2})T(\d{2}:\d{2}):\d{2}(?:\.\d+)?(?:Z|[+-]\d{2}:\d{2})?$")
"""A moment of ISO 8601; its seconds and its offset are nothing to look at."""


class Looks(Protocol):
    """How a project's items are looked at, as in `data.ReportData`."""

    @property
    def payloads(self) -> Callable[[Sequence[str]], Mapping[str, Mapping[str, Any]]]:
        """The declared fields of a few items."""

    @property
    def picture(self) -> Callable[[str], bytes | None]:
        """The bytes of an item's picture."""

    @property
    def text_field(self) -> str:
        """The field shown first."""

    @property
    def picture_field(self) -> str:
        """The field that a picture stands for."""


@dataclass(frozen=True)
class Look:
    """How a project's items are looked at, for pages that show nothing else of a night."""

    payloads: Callable[[Sequence[str]], Mapping[str, Mapping[str, Any]]]
    picture: Callable[[str], bytes | None]
    text_field: str
    picture_field: str


@dataclass(frozen=True)
class ItemView:
    """An item as the report shows it: `picture` a data URI or empty, `text` its main field, `fields` the others."""

    item_id: str
    text: str
    fields: list[tuple[str, str]]
    picture: str
    small: bool


class ItemViews:
    """Looks each shown item up once."""

    def __init__(self, data: Looks, item_ids: Iterable[str]) -> None:
        ids = sorted(set(item_ids))
        payloads = data.payloads(ids) if ids else {}
        self._views = {item_id: _view(data, item_id, payloads.get(item_id, {})) for item_id in ids}

    def __getitem__(self, item_id: str) -> ItemView:
        return self._views[item_id]


def _view(data: Looks, item_id: str, payload: Mapping[str, Any]) -> ItemView:
    picture, small = thumbnail(data.picture(item_id))
    shown = {name: value for name, value in payload.items() if value is not None and not isinstance(value, list | dict)}
    text = clean(shown.pop(data.text_field, ""), _TEXT)
    if picture:
        shown.pop(data.picture_field, None)
    fields = [(name, _TIME.sub(r"\1 \2", clean(value, _FIELD))) for name, value in shown.items()]
    return ItemView(clean(item_id, _FIELD), text, fields, picture, small)


def clean(value: Any, limit: int) -> str:
    """Text of at most `limit` characters: control characters and halves of surrogate pairs replaced, ends cut off."""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    text = "".join(c if unicodedata.category(c) not in ("Cc", "Cs") or c in "\n\t" else "�" for c in text[: limit + 1])
    return text if len(text) <= limit else text[: limit - 1].rstrip() + "…"


def thumbnail(picture: bytes | None) -> tuple[str, bool]:
    """A data URI of the picture, at most `SIDE` pixels a side, and whether it is so small that pixels should show.

    The picture is drawn anew, so that nothing but pixels is carried over: no place, no camera, no trailing
    bytes. Empty when there is none or it cannot be read.
    """
    if not picture:
        return "", False
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(BytesIO(picture)) as image:
            if image.width * image.height > _MAX_PIXELS:
                return "", False
            small = max(image.size) <= SIDE // 2
            plain = image.convert("RGBA" if image.has_transparency_data else "RGB")
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return "", False
    plain.thumbnail((SIDE, SIDE))
    return _data_uri(plain), small


def _data_uri(image: Any) -> str:
    """PNG where it is small, else JPEG."""
    buffer = BytesIO()
    image.save(buffer, "PNG", optimize=True)
    kind = "png"
    if buffer.tell() > _MAX_BYTES:
        buffer, kind = BytesIO(), "jpeg"
        image.convert("RGB").save(buffer, "JPEG", quality=80)
    return f"data:image/{kind};base64,{base64.b64encode(buffer.getvalue()).decode()}"
