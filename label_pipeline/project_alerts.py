"""The `alerts` part of the project file: who is told after a night.

What is told, and how it is sent, is `alerts`'. Secrets stand in environment variables, which are named here or fixed.
"""

from __future__ import annotations

import re

from pydantic import model_validator

from label_pipeline.project_base import Names, Part, wrong

VARIABLE = re.compile(r"[A-Z_][A-Z0-9_]{0,99}")
ADDRESS = re.compile(r"[^@\s,;<>\"]+@[^@\s,;<>\"]+\.[^@\s,;<>\"]+")


class Alerts(Part):
    """`webhook_env`: the environment variable with the address that gets a POST; `email`: addresses."""

    webhook_env: str | None = None
    email: Names = ()

    # Told for the whole part, not for its field: the message of a field repeats its value, and the address of a
    # webhook written into the wrong place is a secret.
    @model_validator(mode="after")
    def _sound(self) -> Alerts:
        if self.webhook_env is not None and not VARIABLE.fullmatch(self.webhook_env):
            raise wrong("write the NAME of an environment variable, never the address itself", "webhook_env")
        if not all(ADDRESS.fullmatch(address) for address in self.email):
            raise wrong("this is not a list of e-mail addresses", "email")
        return self
