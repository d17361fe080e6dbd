"""Croissant metadata of a version: what its files and columns are, as JSON-LD that dataset tools read.

The vocabulary is MLCommons' Croissant 1.0. The version's own name is left out: it is the hash of what this file is part
of; the day stands in for it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

FILE = "croissant.json"
TYPES = {"string": "sc:Text", "double": "sc:Float", "int64": "sc:Integer", "bool": "sc:Boolean"}
OPEN_LICENSE = "https://spdx.org/licenses/{}.html"

CONTEXT: dict[str, Any] = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "citeAs": "cr:citeAs",
    "column": "cr:column",
    "conformsTo": "dct:conformsTo",
    "cr": "http://mlcommons.org/croissant/",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "dct": "http://purl.org/dc/terms/",
    "equivalentProperty": "cr:equivalentProperty",
    "examples": {"@id": "cr:examples", "@type": "@json"},
    "extract": "cr:extract",
    "field": "cr:field",
    "fileProperty": "cr:fileProperty",
    "fileObject": "cr:fileObject",
    "fileSet": "cr:fileSet",
    "format": "cr:format",
    "includes": "cr:includes",
    "isLiveDataset": "cr:isLiveDataset",
    "jsonPath": "cr:jsonPath",
    "key": "cr:key",
    "md5": "cr:md5",
    "parentField": "cr:parentField",
    "path": "cr:path",
    "recordSet": "cr:recordSet",
    "references": "cr:references",
    "regex": "cr:regex",
    "repeated": "cr:repeated",
    "replace": "cr:replace",
    "samplingRate": "cr:samplingRate",
    "sc": "https://schema.org/",
    "separator": "cr:separator",
    "source": "cr:source",
    "subField": "cr:subField",
    "transform": "cr:transform",
}


def croissant(manifest: Mapping[str, Any]) -> dict[str, Any]:
    """The metadata of a version whose manifest holds the checksums of its Parquet files."""
    splits = list(manifest["counts"]["by_split"])
    year, month, day = (int(part) for part in manifest["day"].split("-"))
    known = {"license": _license(manifest["license"])} if manifest["license"] else {}
    return {
        "@context": CONTEXT,
        "@type": "sc:Dataset",
        "conformsTo": "http://mlcommons.org/croissant/1.0",
        "name": manifest["project"],
        "description": manifest["description"] or f"Training set of the project {manifest['project']}.",
        "citeAs": f"{manifest['owner']}: {manifest['project']}, labels as of {manifest['day']}.",
        "version": f"{year}.{month}.{day}",
        "datePublished": manifest["day"],
        "creator": {"@type": "sc:Organization", "name": manifest["owner"]},
        "keywords": ["label quality", "soft labels"],
        **known,
        "distribution": [_file(split, manifest["files"][f"{split}.parquet"]) for split in splits],
        "recordSet": [_records(split, manifest["schema"], manifest["classes"]) for split in splits],
    }


def _license(name: str) -> str:
    return name if "://" in name else OPEN_LICENSE.format(name)


def _file(split: str, facts: Mapping[str, Any]) -> dict[str, Any]:
    name = f"{split}.parquet"
    return {
        "@type": "cr:FileObject",
        "@id": name,
        "name": name,
        "description": f"Rows of the split {split}.",
        "contentUrl": name,
        "contentSize": f"{facts['bytes']} B",
        "encodingFormat": "application/x-parquet",
        "sha256": facts["sha256"],
    }


def _records(split: str, schema: list[Mapping[str, str]], classes: list[str]) -> dict[str, Any]:
    return {
        "@type": "cr:RecordSet",
        "@id": split,
        "name": split,
        "description": "One item a record."
        + (f" Classes in the order of probabilities: {', '.join(classes)}." if classes else ""),
        "key": {"@id": f"{split}/item_id"},
        "field": [_field(split, column) for column in schema],
    }


def _field(split: str, column: Mapping[str, str]) -> dict[str, Any]:
    name, held = column["name"], column["type"]
    within = held.removeprefix("list<").removesuffix(">").split(": ")[-1]
    repeated = {"repeated": True} if held.startswith("list<") else {}
    return {
        "@type": "cr:Field",
        "@id": f"{split}/{name}",
        "name": name,
        "description": column["meaning"],
        "dataType": TYPES.get(within, "sc:Text"),
        **repeated,
        "source": {"fileObject": {"@id": f"{split}.parquet"}, "extract": {"column": name}},
    }
