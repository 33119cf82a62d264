"""Searches the hub's network for cameras."""

from collections.abc import Sequence
from dataclasses import dataclass

from vision.core.clock import Clock
from vision.streams.discovery import MULTICAST, FoundCamera, discover
from vision.streams.ptz import OnvifClient


@dataclass(frozen=True, slots=True)
class OnvifFinding:
    """api.services.Finding by WS-Discovery and ONVIF."""

    clock: Clock

    def discover(self, hosts: Sequence[str]) -> list[FoundCamera]:
        return discover(self.clock, asked=[MULTICAST, *((host, MULTICAST[1]) for host in hosts)])

    def streams(self, address: str) -> list[str]:
        client = OnvifClient(address, self.clock, verify_tls=False)  # cameras come with self-signed certificates
        try:
            return client.stream_uris()
        finally:
            client.close()
