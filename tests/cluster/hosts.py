"""Hosts on a network of their own, each with an address and a link: network namespaces of Linux."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
from collections.abc import Iterator, Sequence

MISSING = "network namespaces need root and ip (iproute2)"


class Hosts:
    """Hosts that reach each other through one switch.

    Attributes:
        address: of each host, by its name.
    """

    def __init__(self, names: Sequence[str]) -> None:
        mark = os.getpid()
        self._switch = f"t{mark}-switch"
        self._spaces = {name: f"t{mark}-{name}" for name in names}
        self.address = {name: f"10.77.{mark % 256}.{n}" for n, name in enumerate(names, start=1)}

    def build(self) -> None:
        switch = self._switch
        _ip("netns", "add", switch)
        _ip("-n", switch, "link", "add", "bridge", "type", "bridge")
        _ip("-n", switch, "link", "set", "bridge", "up")
        for name, space in self._spaces.items():
            _ip("netns", "add", space)
            _ip("-n", space, "link", "set", "lo", "up")
            ends = ("eth0", "type", "veth", "peer", "name", name, "netns", switch)
            _ip("-n", space, "link", "add", *ends)
            _ip("-n", space, "addr", "add", f"{self.address[name]}/24", "dev", "eth0")
            self.set_link(name, "up")
            _ip("-n", switch, "link", "set", name, "master", "bridge", "up")

    def remove(self) -> None:
        for space in (*self._spaces.values(), self._switch):
            subprocess.run(["ip", "netns", "del", space], capture_output=True, check=False)

    def set_link(self, name: str, state: str) -> None:
        """Takes the link of a host `down` or `up`: no socket is closed by it."""
        _ip("-n", self._spaces[name], "link", "set", "eth0", state)

    def on(self, name: str, *words: str) -> list[str]:
        """The command that runs another one on a host."""
        return ["ip", "netns", "exec", self._spaces[name], *words]


@contextlib.contextmanager
def hosts(*names: str) -> Iterator[Hosts]:
    """Hosts of these names, which are gone afterwards."""
    found = Hosts(names)
    try:
        found.build()
        yield found
    finally:
        found.remove()


def can_have_hosts() -> bool:
    """Whether this process may make namespaces."""
    if shutil.which("ip") is None or os.getuid():
        return False
    name = f"t{os.getpid()}-try"
    made = subprocess.run(["ip", "netns", "add", name], capture_output=True, check=False)
    subprocess.run(["ip", "netns", "del", name], capture_output=True, check=False)
    return made.returncode == 0


def _ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True)
