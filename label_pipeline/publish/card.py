"""The cards of a version: the data card, which a person or the Hugging Face hub reads first, and the baseline's."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from label_pipeline.kpis.catalogue import KPIS
from label_pipeline.publish.markdown import render, share

FILE, MODEL_FILE = "README.md", "MODEL_CARD.md"
SHOWN = (
    "label_accuracy",
    "label_accuracy_all_items",
    "estimated_label_accuracy",
    "mean_absolute_error",
    "alpha",
    "noise_rate",
    "dispute_rate",
)
"""The KPIs a reader of the card wants first; the others are in the manifest and the night's report."""


def render_card(manifest: Mapping[str, Any]) -> str:
    """README.md of a version: Hugging Face's YAML header, then the facts of the manifest in words.

    The version's own name is left out: it is the hash of what this file is part of.
    """
    import yaml

    header = yaml.safe_dump(_header(manifest), sort_keys=False, allow_unicode=True)
    told = {row["kpi"]: row for row in manifest["kpis"] if row["value"] is not None}
    figures = [told[name] | {"words": KPIS[name].meaning} for name in SHOWN if name in told]
    return render("card.md", **manifest, header=header, figures=figures, confidence=confidence_words(told))


def confidence_words(told: Mapping[str, Mapping[str, Any]]) -> str:
    """Whether `confidence` can be taken at its word, and what to do; empty where labels have none that could be right.

    `told` are the overall KPIs that have data. Held against each other are what labels say of themselves and what gold
    makes of that (`label_accuracy_all_items`): the same items, so that a gap beyond the interval is one of confidence.
    """
    if "estimated_label_accuracy" not in told:
        return ""
    said, gold = told["estimated_label_accuracy"]["value"], told.get("label_accuracy_all_items")
    itself = f"By their own confidence {share(said)} of the labels are right"
    if gold is None or gold["ci_low"] is None or gold["ci_high"] is None:
        return (
            f"{itself}. No evaluation gold says whether that holds, and errors that annotators share do not show in it:"
            " take it as the best case, and hide gold items among the work."
        )
    measured = f"{share(gold['value'])} ({share(gold['ci_low'])} to {share(gold['ci_high'])})"
    if said > gold["ci_high"]:
        return (
            f"**Confidence is too high.** {itself}; {gold['n']:,} evaluation gold items put it at {measured}. Do not"
            " take `confidence` and `probabilities` as chances: order by them, and learn from `label` alone until more"
            " gold checks have calibrated them."
        )
    if said < gold["ci_low"]:
        return (
            f"**Confidence is too low.** {itself}; {gold['n']:,} evaluation gold items put it at {measured}. Labels are"
            " better than they say; more gold checks calibrate them."
        )
    return (
        f"{itself}; {gold['n']:,} evaluation gold items put it at {measured}. They do not contradict each other, so"
        " `confidence` and `probabilities` may be used as chances, within that interval."
    )


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
