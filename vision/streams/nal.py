"""NAL units in RTP: which packets begin a keyframe, and keyframes put together from their packets.

H.264 after RFC 6184 (single, STAP-A, FU-A), H.265 after RFC 7798 (single, AP, FU; no DONL).
"""

from dataclasses import dataclass, field
from typing import Final

START_CODE: Final = b"\x00\x00\x00\x01"

SKIP, KEY, FRAGMENT, AGGREGATE, PARAMETERS, MESSAGE = range(6)
"""What a packet's first payload byte says it is: of no interest, the keyframe's slice, one of several pieces,
several units in one packet, a parameter set, a message that may call the picture a keyframe."""

_H264_MESSAGE: Final = 6
_RECOVERY_POINT: Final = 6


@dataclass(frozen=True, slots=True)
class Codec:
    """One codec's byte tables, so that the packet loop decides by one or two look-ups.

    Attributes:
        first: kind of a packet by its first payload byte.
        fragment: by the fragment header byte: 1 where it begins a keyframe's slice.
        header_bytes: length of a NAL unit's header.
    """

    name: str
    header_bytes: int
    first: bytes
    fragment: bytes
    nal_type: bytes
    parameter_types: frozenset[int]
    key_types: frozenset[int]


def _h264() -> Codec:
    key, parameters = frozenset({5}), frozenset({7, 8})
    kinds = {5: KEY, _H264_MESSAGE: MESSAGE, 7: PARAMETERS, 8: PARAMETERS, 24: AGGREGATE, 28: FRAGMENT}
    first = bytes(kinds.get(byte & 31, SKIP) for byte in range(256))
    fragment = bytes(int(byte & 0x80 and byte & 31 in key) and 1 for byte in range(256))
    return Codec("h264", 1, first, fragment, bytes(byte & 31 for byte in range(256)), parameters, key)


def _hevc() -> Codec:
    key, parameters = frozenset(range(16, 22)), frozenset({32, 33, 34})
    kinds = dict.fromkeys(key, KEY) | dict.fromkeys(parameters, PARAMETERS) | {48: AGGREGATE, 49: FRAGMENT}
    first = bytes(kinds.get(byte >> 1 & 63, SKIP) for byte in range(256))
    fragment = bytes(int(byte & 0x80 and byte & 63 in key) and 1 for byte in range(256))
    return Codec("hevc", 2, first, fragment, bytes(byte >> 1 & 63 for byte in range(256)), parameters, key)


CODECS: Final = {"h264": _h264(), "hevc": _hevc()}


@dataclass(slots=True)
class AccessUnit:
    """One picture's NAL units being put together, as an Annex B byte stream.

    Attributes:
        key: a keyframe's slice is in it, or a message that it can be decoded without what came before.
        recovers_in: pictures until a decoder that begins here shows all of it; None where it does not say.
        broken: a packet is missing or malformed; a decoder would show smears.
    """

    codec: Codec
    data: bytearray = field(default_factory=bytearray)
    key: bool = False
    broken: bool = False
    recovers_in: int | None = None
    parameter_sets: dict[int, bytes] = field(default_factory=dict)
    _inside: bool = False

    def add(self, buffer: bytearray, begin: int, end: int) -> None:
        """Append one RTP payload, `buffer[begin:end]`."""
        if begin >= end:
            return
        kind = self.codec.first[buffer[begin]]
        if kind == FRAGMENT:
            self._fragment(buffer, begin, end)
        elif kind == AGGREGATE:
            self._aggregate(buffer, begin, end)
        else:
            self._unit(buffer, begin, end)

    def _unit(self, buffer: bytearray, begin: int, end: int) -> None:
        nal_type = self.codec.nal_type[buffer[begin]]
        if nal_type in self.codec.parameter_types:
            self.parameter_sets[nal_type] = bytes(buffer[begin:end])
            return
        self.key = self.key or nal_type in self.codec.key_types
        if self.codec.first[buffer[begin]] == MESSAGE:
            self.recovers_in = recovery_point(bytes(buffer[begin + 1 : end]))
            self.key = self.key or self.recovers_in == 0
        self.data += START_CODE
        self.data += memoryview(buffer)[begin:end]

    def _aggregate(self, buffer: bytearray, begin: int, end: int) -> None:
        at = begin + self.codec.header_bytes
        while at + 2 < end:
            size = buffer[at] << 8 | buffer[at + 1]
            at += 2
            if size == 0 or at + size > end:
                self.broken = True
                return
            self._unit(buffer, at, at + size)
            at += size

    def _fragment(self, buffer: bytearray, begin: int, end: int) -> None:
        header_at = begin + self.codec.header_bytes
        if header_at >= end:
            self.broken = True
            return
        header = buffer[header_at]
        if header & 0x80:
            self._inside = True
            self.data += START_CODE
            if self.codec.header_bytes == 1:
                self.key = self.key or header & 31 in self.codec.key_types
                self.data.append(buffer[begin] & 0xE0 | header & 31)
            else:
                self.key = self.key or header & 63 in self.codec.key_types
                self.data.append(buffer[begin] & 0x81 | (header & 63) << 1)
                self.data.append(buffer[begin + 1])
        elif not self._inside:
            self.broken = True
        self.data += memoryview(buffer)[header_at + 1 : end]
        if header & 0x40:
            self._inside = False


def recovery_point(message: bytes) -> int | None:
    """How many pictures an H.264 recovery point (SEI, Annex D.1.8) is away; None where there is none.

    0 is an I-picture that stands for itself though it is no IDR picture, as open groups have them; more is an intra
    refresh, where no picture ever does.
    """
    message, at = message.replace(b"\0\0\3", b"\0\0"), 0
    while at + 2 < len(message):
        kind = size = 0
        while at < len(message) and message[at] == 0xFF:
            kind, at = kind + 255, at + 1
        kind, at = kind + (message[at] if at < len(message) else 0), at + 1
        while at < len(message) and message[at] == 0xFF:
            size, at = size + 255, at + 1
        size, at = size + (message[at] if at < len(message) else 0), at + 1
        if kind == _RECOVERY_POINT:
            return _exp_golomb(message[at : at + size])
        at += size
    return None


def _exp_golomb(data: bytes) -> int | None:
    """The unsigned number in ue(v) at the beginning (9.1); None where it is cut off."""
    bits = "".join(f"{byte:08b}" for byte in data[:8])
    zeros = len(bits) - len(bits.lstrip("0"))
    number = bits[zeros : 2 * zeros + 1]
    return int(number, 2) - 1 if len(number) == zeros + 1 else None


def annex_b(parameter_sets: dict[int, bytes]) -> bytes:
    """Parameter sets in order as a byte stream, to stand before a picture that a decoder sees first."""
    return b"".join(START_CODE + parameter_sets[nal_type] for nal_type in sorted(parameter_sets))
