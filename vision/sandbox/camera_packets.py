"""Clips cut into RTP packets once, ready to be replayed with other numbers."""

import struct
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np
from av.bitstream import BitStreamFilterContext
from numpy.typing import NDArray

_PAYLOAD_BYTES = 1400


@dataclass(slots=True)
class PacketisedFrame:
    """One picture as interleaved RTP packets in one buffer; `headers` are the offsets of the RTP headers."""

    buffer: NDArray[np.uint8]
    headers: NDArray[np.int64]
    key: bool


@dataclass(slots=True)
class PacketisedClip:
    codec: str
    fps: float
    frames: list[PacketisedFrame]
    parameter_sets: list[bytes]


def packetise(path: Path) -> PacketisedClip:
    """A clip's pictures as RTP (RFC 6184, RFC 7798), single units and fragments, parameter sets before keyframes."""
    frames: list[PacketisedFrame] = []
    sets: dict[int, bytes] = {}
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        codec, fps = stream.codec_context.name, float(stream.average_rate or 25)
        to_annex_b = BitStreamFilterContext(f"{codec}_mp4toannexb", stream)
        for packet in container.demux(stream):
            for converted in to_annex_b.filter(packet) if packet.size else ():
                units = _units(bytes(converted))
                sets |= {_nal_type(codec, u): u for u in units if _nal_type(codec, u) in {7, 8, 32, 33, 34}}
                frames.append(_packetised(codec, units, list(sets.values()), key=converted.is_keyframe))
        extradata = stream.codec_context.extradata or b""
    return PacketisedClip(codec, fps, frames, list(sets.values()) or _units(extradata))


def _units(stream: bytes) -> list[bytes]:
    parts = stream.replace(b"\x00\x00\x00\x01", b"\x00\x00\x01").split(b"\x00\x00\x01")
    return [part for part in parts if part]


def _nal_type(codec: str, unit: bytes) -> int:
    return unit[0] & 31 if codec == "h264" else unit[0] >> 1 & 63


def _packetised(codec: str, units: list[bytes], sets: list[bytes], *, key: bool) -> PacketisedFrame:
    if key and sets and not any(unit in units for unit in sets):
        units = sets + units
    payloads = [payload for unit in units for payload in _payloads(codec, unit)]
    buffer, headers = bytearray(), []
    for n, payload in enumerate(payloads):
        marker = 0x80 if n == len(payloads) - 1 else 0
        buffer += struct.pack("!BBHBBHII", 0x24, 0, 12 + len(payload), 0x80, marker | 96, 0, 0, 0)
        headers.append(len(buffer) - 12)
        buffer += payload
    return PacketisedFrame(np.frombuffer(buffer, np.uint8), np.array(headers), key)


def _payloads(codec: str, unit: bytes) -> list[bytes]:
    if len(unit) <= _PAYLOAD_BYTES:
        return [unit]
    head = 1 if codec == "h264" else 2
    indicator = bytes([unit[0] & 0xE0 | 28]) if head == 1 else bytes([unit[0] & 0x81 | 49 << 1, unit[1]])
    kind, body = _nal_type(codec, unit), unit[head:]
    pieces = [body[at : at + _PAYLOAD_BYTES] for at in range(0, len(body), _PAYLOAD_BYTES)]
    last = len(pieces) - 1
    return [
        indicator + bytes([(0x80 if n == 0 else 0) | (0x40 if n == last else 0) | kind]) + piece
        for n, piece in enumerate(pieces)
    ]
