"""Every request to a dashboard ends, whatever answers there."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator

import pytest

from trainer.commands.submit.jobs import ClusterError, Jobs


@pytest.fixture
def dripping() -> Iterator[str]:
    """URL of a server whose answer comes byte by byte and has no end."""
    over = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as server:

        def drip(client: socket.socket) -> None:
            with client, contextlib.suppress(OSError):
                client.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n")
                while not over.wait(0.02):
                    client.sendall(b" ")

        def serve() -> None:
            with contextlib.suppress(OSError):
                while not over.is_set():
                    drip(server.accept()[0])

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}"
        over.set()


def test_an_answer_without_end_is_given_up(dripping: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("trainer.commands.submit.jobs._CONNECT_S", 0.5)
    with pytest.raises(ClusterError, match="does not answer in time"):
        Jobs(dripping, answer_s=0.5)
