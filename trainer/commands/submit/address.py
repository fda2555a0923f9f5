"""The address of the dashboard that jobs are submitted to."""

from __future__ import annotations

import os
from urllib.parse import urlsplit

from trainer.cluster.addresses import Address, ClusterUnreachable, check_answers
from trainer.errors import UsageError

PORT = 8265
DEFAULT = f"http://127.0.0.1:{PORT}"
API_VARIABLE, RAY_VARIABLE = "RAY_API_SERVER_ADDRESS", "RAY_ADDRESS"
_OWN_HOSTS = ("127.0.0.1", "localhost", "::1")


def dashboard_address(given: str | None) -> str:
    """The URL of the dashboard: as given, else of the environment as Ray has it, else Ray's own.

    Raises:
        UsageError: it is no address of a dashboard; the message says which would be.
    """
    found = {"--address": given, API_VARIABLE: os.environ.get(API_VARIABLE)}
    found[RAY_VARIABLE] = os.environ.get(RAY_VARIABLE)
    source, text = next(((key, text) for key, text in found.items() if text), ("", DEFAULT))
    text = text.strip()
    scheme, mark, rest = text.partition("://")
    if not mark:
        # Typed without a scheme it can only be the dashboard; in RAY_ADDRESS it is Ray's own port.
        if source == RAY_VARIABLE:
            raise UsageError(_no_dashboard(source, text))
        scheme, rest = "http", text if _has_port(text) else f"{text.rstrip('/')}:{PORT}"
    if scheme not in ("http", "https"):
        raise UsageError(_no_dashboard(source, text))
    url = f"{scheme}://{rest.rstrip('/')}"
    try:
        parts = urlsplit(url)
        named = parts.hostname and (parts.port is None or parts.port > 0)
    except ValueError:
        named = None
    if not named:
        raise UsageError(f"{source} {text}: expected http://HOST:8265")
    return url


def what_answers(address: str) -> str:
    """What is at the address of a dashboard that does not answer in HTTP, and what to do."""
    parts = urlsplit(address)
    host = parts.hostname or ""
    try:
        check_answers(Address(f"{host}:{parts.port or 80}", "--address"))
        found = f"{address} is an address of Ray itself"
    except ClusterUnreachable:
        found = f"what answers at {address} does not speak HTTP"
    return f"{found}; jobs are submitted to the dashboard: --address http://{host}:{PORT}"


def is_this_machine(address: str) -> bool:
    """Whether a dashboard is reached on the loopback: its head may see the same files."""
    return urlsplit(address).hostname in _OWN_HOSTS


def _has_port(text: str) -> bool:
    return text.rstrip("/").rpartition(":")[2].isdecimal()


def _no_dashboard(source: str, text: str) -> str:
    host = text.rpartition("://")[2].partition(":")[0]
    better = host if host and host != "auto" else "HOST"
    return (
        f"{source} {text} is an address of Ray itself; jobs are submitted to the dashboard: "
        f"--address http://{better}:8265"
    )
