"""Which Ray a run joins, and what is said of one that is not there."""

from __future__ import annotations

import contextlib
import json
import socket
import socketserver
import struct
import threading
from collections.abc import Iterator

import pytest

from trainer.cluster.addresses import (
    Address,
    ClusterUnreachable,
    address_of,
    check_answers,
    needs_ray,
)
from trainer.cluster.ray_session import start_ray
from trainer.config.run_groups import RayGroup

JOB = json.dumps({"metadata": {"job_submission_id": "raysubmit_1"}})


@pytest.mark.parametrize(
    ("configured", "variable", "joined"),
    [
        (None, None, None),
        (None, "", None),
        (None, "head:6379", "RAY_ADDRESS = head:6379"),
        ("other:6379", "head:6379", "ray.address = other:6379"),
        ("local", "head:6379", None),
        (None, "local", None),
        ("auto", None, "ray.address = auto"),
    ],
)
def test_the_configuration_goes_before_the_environment(
    configured: str | None,
    variable: str | None,
    joined: str | None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    if variable is not None:
        monkeypatch.setenv("RAY_ADDRESS", variable)
    address = address_of(RayGroup(address=configured))
    assert (None if address is None else str(address)) == joined


def test_a_run_in_one_process_joins_ray_only_within_a_job(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAY_ADDRESS", "127.0.0.1:1")
    assert not needs_ray(RayGroup())
    assert not start_ray(RayGroup())  # a stray variable changes nothing
    assert needs_ray(RayGroup(num_env_runners=1))
    assert needs_ray(RayGroup(address="auto"))
    monkeypatch.setenv("RAY_JOB_CONFIG_JSON_ENV_VAR", JOB)
    assert needs_ray(RayGroup())


@contextlib.contextmanager
def listening(answer: bytes | None) -> Iterator[str]:
    """The address of a server that answers its first caller so; None: it never does."""
    server = socket.create_server(("127.0.0.1", 0))
    callers = []

    def serve() -> None:
        with contextlib.suppress(OSError):
            caller, _ = server.accept()
            callers.append(caller)
            if answer is not None:
                caller.recv(64)
                caller.sendall(answer)
                caller.close()

    thread = threading.Thread(target=serve)
    thread.start()
    yield f"127.0.0.1:{server.getsockname()[1]}"
    server.close()
    thread.join()
    for caller in callers:
        caller.close()


_SETTINGS, _HEADERS = 4, 1
_NOT_FOUND = b"\x8d"  # `:status: 404` in the compression of HTTP/2


def frame(kind: int, flags: int, stream: int, payload: bytes = b"") -> bytes:
    """A frame of HTTP/2."""
    return struct.pack(">I", len(payload))[1:] + struct.pack(">BBI", kind, flags, stream) + payload


class _Proxy(socketserver.StreamRequestHandler):
    """Speaks HTTP/2 and knows no path; `server.asked` counts the requests."""

    def handle(self) -> None:
        self.rfile.read(len(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"))
        self.wfile.write(frame(_SETTINGS, 0, 0))
        while len(head := self.rfile.read(9)) == 9:
            kind, flags, stream = struct.unpack(">BBI", head[3:])
            self.rfile.read(int.from_bytes(head[:3], "big"))
            if kind == _SETTINGS and not flags:
                self.wfile.write(frame(_SETTINGS, 1, 0))
            if kind == _HEADERS:
                self.server.asked += 1  # type: ignore[attr-defined]
                self.wfile.write(frame(_HEADERS, 5, stream, _NOT_FOUND))


def test_what_speaks_the_protocol_of_ray_and_is_not_ray_is_asked_once() -> None:
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), _Proxy) as server:
        server.daemon_threads = True
        server.asked = 0  # type: ignore[attr-defined]
        threading.Thread(target=server.serve_forever, daemon=True).start()
        place = f"127.0.0.1:{server.server_address[1]}"
        with pytest.raises(ClusterUnreachable, match=r"not as Ray does; .* \(.*404\); set ray\.a"):
            start_ray(RayGroup(address=place, num_env_runners=1))
        assert server.asked == 1  # type: ignore[attr-defined]
        server.shutdown()


def refusal(place: str, source: str = "ray.address") -> str:
    with pytest.raises(ClusterUnreachable) as refused:
        check_answers(Address(place, source), timeout_s=0.2)
    return str(refused.value)


def test_an_address_where_nobody_is_names_itself_and_the_ways_on() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        place = f"127.0.0.1:{server.getsockname()[1]}"
    text = refusal(place)
    assert text.startswith(f"cannot join the Ray cluster at ray.address = {place}: ")
    assert "refused: Ray's head node does not run there; set ray.address to the HOST" in text
    assert "or to local for a Ray of one's own" in text
    assert "unset it, or --set ray.address=local" in refusal(place, "RAY_ADDRESS")


def test_an_address_that_takes_the_call_and_says_nothing_is_given_up() -> None:
    with listening(None) as place:
        assert f"{place}: it does not answer within 0.2 s: " in refusal(place)


@pytest.mark.parametrize("answer", [b"", b"HTTP/1.1 400 Bad Request\r\n\r\n"])
def test_what_is_no_ray_is_told_so(answer: bytes) -> None:
    with listening(answer) as place:
        assert "not as Ray does; the port of Ray's control service is usually 6379" in refusal(
            place
        )


def test_a_cluster_with_certificates_is_left_to_ray(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAY_USE_TLS", "1")
    with listening(b"\x15\x03\x01") as place:
        check_answers(Address(place, "ray.address"))


def test_what_answers_as_ray_does_is_left_to_ray() -> None:
    with listening(bytes([0, 0, 0, 4, 0, 0, 0, 0, 0])) as place:
        check_answers(Address(place, "ray.address"))


@pytest.mark.parametrize(
    ("place", "why"),
    [
        ("head", "that is not HOST:PORT"),
        ("head:port", "that is not HOST:PORT"),
        ("http://head:8265", "where jobs are submitted to"),
        ("ray://head:10001", "Ray Client's addresses cannot be trained with"),
    ],
)
def test_an_address_of_another_kind_is_told_which(place: str, why: str) -> None:
    assert why in refusal(place)
