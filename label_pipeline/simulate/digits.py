"""The sample's items: scikit-learn's handwritten digits, how hard each is, and their pictures as PNG.

E. Alpaydin and C. Kaynak, "Optical Recognition of Handwritten Digits", UCI Machine Learning Repository, 1998.
What people make of them is in `work`.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Sequence
from dataclasses import dataclass

SIDE = 8
INK = 16  # darkest value of a point
WRITERS_PER_BATCH = 450  # rows; the rows of the data stand in the order of their writers


@dataclass(frozen=True)
class Digit:
    """One digit: its row in the data, its class, 64 points from 0 (paper) to 16 (ink), and how it looks.

    `hardness` runs from 0 (the plainest) to 4, mean 1, by rank of how far the digit is from the mean of its own
    class, set against the nearest mean of another class, which it `resembles`.
    """

    row: int
    truth: str
    pixels: tuple[int, ...]
    hardness: float
    resembles: str

    @property
    def item_id(self) -> str:
        """The item's id; its number is the row in `sklearn.datasets.load_digits`."""
        return f"digit-{self.row:04d}"

    @property
    def batch(self) -> str:
        """A to D: which writers it comes from."""
        return "ABCD"[min(self.row // WRITERS_PER_BATCH, 3)]


def digits() -> list[Digit]:
    """All 1,797 digits, in the order of the data."""
    import numpy as np
    from sklearn.datasets import load_digits

    data = load_digits()
    means = np.stack([data.data[data.target == c].mean(axis=0) for c in range(10)])
    distance = ((data.data[:, None, :] - means[None, :, :]) ** 2).sum(axis=2)
    rows = np.arange(len(data.target))
    own = distance[rows, data.target]
    distance[rows, data.target] = np.inf
    # Rounded, so that ranks do not hang on the last bit of a machine's sums.
    strangeness = np.round(own / distance.min(axis=1), 6)
    rank = np.argsort(np.argsort(strangeness, kind="stable"), kind="stable") / (len(rows) - 1)
    return [
        Digit(
            row=int(k),
            truth=str(data.target[k]),
            pixels=tuple(int(v) for v in data.data[k]),
            hardness=round(4 * float(rank[k]) ** 3, 4),
            resembles=str(distance[k].argmin()),
        )
        for k in rows
    ]


def png(pixels: Sequence[int]) -> bytes:
    """An 8 × 8 grey PNG, dark ink on white paper.

    The points are stored, not compressed: another zlib would compress them to other bytes.
    """
    grey = bytes(255 - value * 255 // INK for value in pixels)
    lines = b"".join(b"\0" + grey[k : k + SIDE] for k in range(0, SIDE * SIDE, SIDE))
    length = struct.pack("<HH", len(lines), 0xFFFF ^ len(lines))
    stored = b"\x78\x01\x01" + length + lines + struct.pack(">I", zlib.adler32(lines))
    header = struct.pack(">IIBBBBB", SIDE, SIDE, 8, 0, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", stored), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body)) for kind, body in chunks
    )
