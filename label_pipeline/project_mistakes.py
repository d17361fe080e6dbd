"""Mistakes in a project file, in words: file, line, field, what is wrong, the nearest valid name."""

from __future__ import annotations

import re
from typing import Any, get_args

from pydantic import BaseModel

from label_pipeline.errors import nearest
from label_pipeline.yaml_lines import Document


def message(problem: Any, document: Document, model: type[BaseModel], where: str) -> str:
    """One mistake that pydantic found in a document of `model`: file, line, field, and the nearest valid name."""
    loc = (*problem["loc"], *problem.get("ctx", {}).get("at", ()))
    field = ".".join(str(part) for part in loc) or "project"
    here = f"{where}:{document.line(loc)}: {field}"
    if problem["type"] == "extra_forbidden":
        return f"{here}: unknown field. {nearest(str(loc[-1]), _fields_at(model, loc[:-1]))}"
    if problem["type"] == "missing":
        return f"{here}: this field is missing"
    if problem["type"] == "literal_error":
        known = re.findall("'([^']*)'", problem["ctx"]["expected"])
        return f"{here}: '{problem['input']}' is no known value. {nearest(str(problem['input']), known)}"
    words = str(problem["msg"]).removeprefix("Value error, ")
    words = words.replace("valid tuple", "list").replace("valid dictionary", "mapping")
    given = problem["input"]
    return f"{here}: {words}" + (f" (it is '{given}')" if isinstance(given, str) and given not in words else "")


def _fields_at(whole: type[BaseModel], loc: tuple[Any, ...]) -> list[str]:
    """The field names a mapping at `loc` may have."""
    model: Any = whole
    for part in loc:
        if isinstance(model, type) and issubclass(model, BaseModel):
            annotation = model.model_fields[part].annotation if part in model.model_fields else None
            models = [
                a for a in (annotation, *get_args(annotation)) if isinstance(a, type) and issubclass(a, BaseModel)
            ]
            is_map = getattr(annotation, "__origin__", None) in (dict, tuple)
            model = (models[0], "map") if is_map and models else (models[0] if models else None)
        elif isinstance(model, tuple):
            model = model[0]
    return list(model.model_fields) if isinstance(model, type) and issubclass(model, BaseModel) else []
