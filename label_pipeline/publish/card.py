"""The cards of a version: the data card, which a person or the Hugging Face hub reads first, and the baseline's."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from label_pipeline.kpis.catalogue import KPIS
from label_pipeline.publish.markdown import render

FILE, MODEL_FILE = "README.md", "MODEL_CARD.md"
SHOWN = ("label_accuracy", "mean_absolute_error", "estimated_label_accuracy", "alpha", "noise_rate", "dispute_rate")
"""The KPIs a reader of the card wants first; the others are in the manifest and the night's report."""


def render_card(manifest: Mapping[str, Any]) -> str:
    """README.md of a version: Hugging Face's YAML header, then the facts of the manifest in words.

    The version's own name is left out: it is the hash of what this file is part of.
    """
    import yaml

    header = yaml.safe_dump(_header(manifest), sort_keys=False, allow_unicode=True)
    told = {row["kpi"]: row for row in manifest["kpis"] if row["value"] is not None}
    figures = [told[name] | {"words": KPIS[name].meaning} for name in SHOWN if name in told]
    return render("card.md", **manifest, header=header, figures=figures)


def render_model_card(manifest: Mapping[str, Any]) -> str:
    """MODEL_CARD.md of the built-in baseline, whose facts are the manifest's `model`."""
    return render("model_card.md", **manifest)


def _header(manifest: Mapping[str, Any]) -> dict[str, Any]:
    """What the hub indexes; splits without a row are left out, as no reader can infer their columns' use."""
    filled = [split for split, rows in manifest["counts"]["by_split"].items() if rows]
    return {
        "pretty_name": manifest["project"],
        **_license(manifest["license"]),
        "size_categories": [_size(manifest["counts"]["rows"])],
        "tags": ["label-quality", "soft-labels"],
        "configs": [
            {
                "config_name": "default",
                "data_files": [{"split": split, "path": f"{split}.parquet"} for split in filled],
            }
        ],
    }


def _license(name: str) -> dict[str, str]:
    """The hub knows licences by their SPDX names in small letters, and others by their address."""
    if "://" in name:
        return {"license": "other", "license_link": name}
    return {"license": name.lower()} if name else {}


def _size(rows: int) -> str:
    """The hub's size category."""
    below = {1_000: "n<1K", 10_000: "1K<n<10K", 100_000: "10K<n<100K", 1_000_000: "100K<n<1M", 10_000_000: "1M<n<10M"}
    return next((name for limit, name in below.items() if rows < limit), "10M<n<100M")
