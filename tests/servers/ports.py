"""Ports for servers that have to be told one, and whether they have taken it."""

import random
import socket
import time
from pathlib import Path

_LOWEST, _HIGHEST = 15_000, 32_000
"""Below what the system hands out by itself: no connection of another test takes the port before its server does."""


def free_port(host: str = "127.0.0.1", *, room: int = 1) -> int:
    """The first of `room` ports in a row that nobody uses, neither by TCP nor by UDP; an even one, as RTP likes them.

    Drawn by chance, because other test processes draw too. Raises AssertionError when there are none.
    """
    for _ in range(200):
        port = random.randrange(_LOWEST, _HIGHEST, 2)
        if all(_is_free(host, port + offset) for offset in range(room)):
            return port
    raise AssertionError(f"no {room} free ports in a row on {host}")


def wait_for_udp(*ports: int, group: str = "", within_s: float = 60.0) -> bool:
    """Whether UDP sockets are bound to all these ports, and the multicast group is joined, in time.

    Looked up rather than tried: a port that is tried is taken for that moment.
    """
    until_s = time.monotonic() + within_s
    while not (set(ports) <= _bound_udp() and (not group or _is_joined(group))):
        if time.monotonic() > until_s:
            return False
        time.sleep(0.02)
    return True


def _is_free(host: str, port: int) -> bool:
    for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
        with socket.socket(socket.AF_INET, kind) as probe:
            try:
                probe.bind((host, port))
            except OSError:
                return False
    return True


def _is_joined(group: str) -> bool:
    number = socket.inet_aton(group)[::-1].hex().upper()  # as the kernel prints it
    return number in Path("/proc/net/igmp").read_text(encoding="ascii")


def _bound_udp() -> set[int]:
    lines = Path("/proc/net/udp").read_text(encoding="ascii").splitlines()[1:]
    return {int(line.split()[1].rpartition(":")[2], 16) for line in lines}
