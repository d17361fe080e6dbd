"""The data card: what a person or the Hugging Face hub reads first in a version's folder."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def render_card(manifest: Mapping[str, Any]) -> str:
    """README.md of a version: Hugging Face's YAML header, then the facts of the manifest in words.

    The version's own name is left out: it is the hash of what this file is part of.
    """
    import yaml
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("label_pipeline.publish"),
        autoescape=False,  # noqa: S701  Markdown, not HTML; text from people passes through the filters below
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        undefined=StrictUndefined,
    )
    environment.filters |= {"cell": _cell, "share": lambda value: f"{100 * (value or 0):.1f} %"}
    header = yaml.safe_dump(_header(manifest), sort_keys=False, allow_unicode=True)
    return environment.get_template("card.md").render(manifest, header=header)


def _header(manifest: Mapping[str, Any]) -> dict[str, Any]:
    """What the hub indexes; splits without a row are left out, as no reader can infer their columns' use."""
    filled = [split for split, rows in manifest["counts"]["by_split"].items() if rows]
    known = {"license": manifest["license"]} if manifest["license"] else {}
    return {
        "pretty_name": manifest["project"],
        **known,
        "size_categories": [_size(manifest["counts"]["rows"])],
        "tags": ["label-quality", "soft-labels", "crowdsourced"],
        "configs": [
            {
                "config_name": "default",
                "data_files": [{"split": split, "path": f"{split}.parquet"} for split in filled],
            }
        ],
    }


def _size(rows: int) -> str:
    """The hub's size category."""
    below = {1_000: "n<1K", 10_000: "1K<n<10K", 100_000: "10K<n<100K", 1_000_000: "100K<n<1M", 10_000_000: "1M<n<10M"}
    return next((name for limit, name in below.items() if rows < limit), "10M<n<100M")


def _cell(text: Any) -> str:
    """Text from people in one cell of a Markdown table or one line, with no markup of its own."""
    line = " ".join(str("" if text is None else text).split())
    return "".join(f"\\{sign}" if sign in "\\`*_[]<>|#" else sign for sign in line)
