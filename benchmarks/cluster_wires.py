"""Cables that can be pulled: network namespaces joined to this machine by veth pairs (ip-netns(8), veth(4))."""

import os
import random
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Wires:
    """One namespace with a cable to Redis and everything else, and one of its own to PostgreSQL."""

    name: str
    redis_host: str
    database_host: str

    @property
    def prefix(self) -> tuple[str, ...]:
        """Put before a command that shall run behind the cables."""
        return ("ip", "netns", "exec", self.name)

    def pull(self, which: str) -> None:
        """`r` or `d`: what is sent from now on is heard by nobody, and nobody is told."""
        _ip("link", "set", f"{self.name}{which}", "down")

    def plug(self, which: str) -> None:
        _ip("link", "set", f"{self.name}{which}", "up")


def available() -> bool:
    """Whether this machine lets us make network namespaces."""
    if shutil.which("ip") is None or os.geteuid() != 0:
        return False
    try:
        with wires():
            return True
    except RuntimeError:
        return False


@contextmanager
def wires() -> Iterator[Wires]:
    """Raises RuntimeError where they cannot be made."""
    number = random.randrange(1, 250)
    name = f"sw{number}"
    made = Wires(name, f"10.213.{number}.1", f"10.214.{number}.1")
    _ip("netns", "add", name)
    try:
        for which, host in (("r", made.redis_host), ("d", made.database_host)):
            there = f"{name}{which}"
            _ip("link", "add", there, "type", "veth", "peer", "name", "eth" + which, "netns", name)
            _ip("addr", "add", f"{host}/30", "dev", there)
            _ip("link", "set", there, "up")
            _ip("-n", name, "addr", "add", f"{host[:-1]}2/30", "dev", "eth" + which)
            _ip("-n", name, "link", "set", "eth" + which, "up")
        _ip("-n", name, "link", "set", "lo", "up")
        yield made
    finally:
        subprocess.run(["ip", "netns", "del", name], check=False, capture_output=True)


def _ip(*arguments: str) -> None:
    done = subprocess.run(["ip", *arguments], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"ip {' '.join(arguments)}: {done.stderr.strip()}")
