"""The environment of a job: what `--env` gives, and what of it may be shown."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping

from trainer.checkpoints.safe_io.redaction import MARK, redacted
from trainer.checkpoints.safe_io.safe_json import shown, shown_line
from trainer.errors import UsageError
from trainer.shown_commands import RESTORE_VARIABLE, STOP_WAIT, WORKERS_VARIABLE

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_SECRET = re.compile(r"secret|token|passw|pwd|key|credential|auth|signature", re.IGNORECASE)
_SHOWN = (RESTORE_VARIABLE, WORKERS_VARIABLE, "AWS_REGION", "AWS_DEFAULT_REGION")
_LEAST = 4  # characters of a secret that is looked for in a text; fewer would hide the text itself


def parse_variables(items: Iterable[str]) -> dict[str, str]:
    """The variables of `--env NAME=VALUE`; of `--env NAME` with the value that this shell has.

    Raises:
        UsageError: it is no variable, or this shell has none of the name.
    """
    found = {}
    for item in items:
        name, given, value = item.partition("=")
        if not _NAME.fullmatch(name):
            raise UsageError(f"--env {shown(name)}: expected NAME=VALUE")
        if not given:
            here = os.environ.get(name)
            if here is None:
                raise UsageError(
                    f"--env {name}: no such variable in this shell; give it as --env {name}=VALUE"
                )
            value = here
        found[name] = value
    return found


def is_secret(name: str, value: str) -> bool:
    """Whether a variable has to be hidden: by its name, or because of a URL with credentials."""
    return bool(value) and (_SECRET.search(name) is not None or redacted(value) != value)


def shown_variables(variables: Mapping[str, str]) -> str:
    """The variables in one line: values only of those that the program knows to be no secrets."""

    def one(name: str, value: str) -> str:
        return f"{name}={shown_line(value) if name in _SHOWN else MARK}"

    own = {k: v for k, v in variables.items() if k != STOP_WAIT}
    return " ".join(one(name, str(own[name])) for name in sorted(own))


class Mask:
    """Hides the secrets of a job's environment in whatever it prints."""

    def __init__(self, variables: Mapping[str, str]) -> None:
        """`variables` are those of the job."""
        secrets = {str(v) for k, v in variables.items() if is_secret(k, str(v))}
        self._secrets = sorted((s for s in secrets if len(s) >= _LEAST), key=len, reverse=True)

    def __call__(self, text: str) -> str:
        """The text without them, and without the credentials of URLs."""
        for secret in self._secrets:
            text = text.replace(secret, MARK)
        return redacted(text)
