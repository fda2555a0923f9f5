"""Which Ray a run belongs to, and whether it answers."""

from __future__ import annotations

import os
import socket
from typing import NamedTuple

from trainer.checkpoints.safe_io.safe_json import first_line
from trainer.cluster.ray_job import in_ray_job
from trainer.config.run_groups import RayGroup
from trainer.errors import EXIT_ERROR

LOCAL = "local"
_VARIABLE = "RAY_ADDRESS"
_ANSWER_S = 10.0
# A client's first words in HTTP/2, by which Ray's control service is called; a server answers with
# its settings at once.
_GREETING = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes([0, 0, 0, 4, 0, 0, 0, 0, 0])
_SETTINGS = 4
NOT_RAY = "it answers, but not as Ray does; the port of Ray's control service is usually 6379"


class ClusterUnreachable(RuntimeError):  # noqa: N818 - reads as the state it reports
    """There is no Ray at the address given, or this process cannot join it."""

    exit_code = EXIT_ERROR


class Address(NamedTuple):
    """Where a Ray runs.

    Attributes:
        place: HOST:PORT of its control service, or "auto".
        source: who has given it, as a user would write it.
    """

    place: str
    source: str

    def __str__(self) -> str:
        return f"{self.source} = {self.place}"


def needs_ray(settings: RayGroup) -> bool:
    """Whether a run starts or joins a Ray; with all of it in one process, only within a Ray job."""
    return not settings.is_local or in_ray_job() is not None


def address_of(settings: RayGroup) -> Address | None:
    """The Ray that a run joins: of the configuration, else of the environment; None: its own."""
    given = Address(settings.address or "", "ray.address")
    if not given.place:
        given = Address(os.environ.get(_VARIABLE, "").strip(), _VARIABLE)
    return None if given.place in ("", LOCAL) else given


def check_cluster(settings: RayGroup) -> None:
    """Finds out, without Ray, whether the cluster that a run needs answers.

    Raises:
        ClusterUnreachable: see `check_answers`.
    """
    address = address_of(settings)
    if needs_ray(settings) and address is not None:
        check_answers(address)


def check_answers(address: Address, timeout_s: float = _ANSWER_S) -> None:
    """Finds out within seconds, without Ray, whether one can be at `address`.

    Ray itself would try for most of a minute, and then say that it has "timed out".

    Raises:
        ClusterUnreachable: nobody is there, it does not answer, or it is something else.
    """
    if address.place == "auto":
        return  # Ray looks among the processes of this machine
    if "://" in address.place:
        raise unreachable(address, _other_address(address.place))
    host, _, port = address.place.rpartition(":")
    if not host or not port.isdecimal() or not 0 < int(port) < 2**16:
        raise unreachable(address, "that is not HOST:PORT, as HOST:6379")
    try:
        with socket.create_connection((host.strip("[]"), int(port)), timeout_s) as connection:
            if os.environ.get("RAY_USE_TLS", "0").lower() in ("1", "true"):
                return  # it speaks only to those with a certificate
            connection.settimeout(timeout_s)
            connection.sendall(_GREETING)
            answer = _first_bytes(connection, 9)
    except TimeoutError:
        why = f"it does not answer within {timeout_s:g} s"
        raise unreachable(
            address, f"{why}: Ray's head node does not run, or a firewall is between"
        ) from None
    except OSError as error:
        raise unreachable(
            address, f"{error.strerror or error}: Ray's head node does not run there"
        ) from None
    if len(answer) < 9 or answer[3] != _SETTINGS:
        raise unreachable(address, NOT_RAY)


def ask_once(address: Address) -> None:
    """Asks the control service at `address` who it is, as Ray does; but Ray asks twenty times.

    Whatever takes calls in HTTP/2, as a proxy does, passes `check_answers`.

    Raises:
        ClusterUnreachable: it is something else.
    """
    from ray import _raylet  # late: a mistake is told without it
    from ray.exceptions import RpcError

    if address.place == "auto":
        return
    try:
        _raylet.GcsClient(address=address.place)  # type: ignore[attr-defined]
    except RpcError as error:
        why = first_line(error).removeprefix("RPC error: ").rstrip(". ")
        raise unreachable(address, f"{NOT_RAY} ({why})") from error


def unreachable(address: Address, why: str) -> ClusterUnreachable:
    """The error that names an address and the ways on."""
    if address.source == _VARIABLE:
        ways = (
            f"set {_VARIABLE} right or unset it, or --set ray.address=local for a Ray of one's own"
        )
    else:
        ways = "set ray.address to the HOST:6379 of a head node, or to local for a Ray of one's own"
    return ClusterUnreachable(f"cannot join the Ray cluster at {address}: {why}; {ways}")


def _first_bytes(connection: socket.socket, count: int) -> bytes:
    answer = b""
    while len(answer) < count and (more := connection.recv(count - len(answer))):
        answer += more
    return answer


def _other_address(place: str) -> str:
    if place.startswith("http"):
        return "that is where jobs are submitted to, not the control service of its head node"
    return (
        "Ray Client's addresses cannot be trained with; start the training on a node, or as a job"
    )
