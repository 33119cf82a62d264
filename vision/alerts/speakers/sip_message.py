"""SIP messages (RFC 3261): taking them apart and putting requests together."""

from collections.abc import Mapping
from dataclasses import dataclass

_COMPACT = {
    "v": "via",
    "f": "from",
    "t": "to",
    "i": "call-id",
    "m": "contact",
    "l": "content-length",
    "c": "content-type",
    "k": "supported",
}


@dataclass(frozen=True, slots=True)
class SipMessage:
    """A request (`method`) or a response (`status` above 0)."""

    method: str
    status: int
    reason: str
    headers: Mapping[str, tuple[str, ...]]
    body: str

    def header(self, name: str) -> str:
        """The first value, empty without any."""
        return next(iter(self.headers.get(name, ())), "")

    @property
    def sequence(self) -> tuple[int, str]:
        """(number, method) of CSeq; (0, "") when it has none."""
        number, _, method = self.header("cseq").partition(" ")
        return (int(number), method.strip()) if number.isdigit() else (0, "")

    @property
    def contact(self) -> str:
        """The URI of Contact, empty without any."""
        value = self.header("contact")
        if "<" in value:
            return value.partition("<")[2].partition(">")[0]
        return value.partition(";")[0].strip()


def parse(data: bytes) -> SipMessage | None:
    """None for what is no SIP message (keep-alives of four bytes among them)."""
    head, _, body = data.decode(errors="replace").partition("\r\n\r\n")
    first, *lines = head.split("\r\n")
    words = first.split(" ", 2)
    headers: dict[str, tuple[str, ...]] = {}
    for line in lines:
        name, colon, value = line.partition(":")
        if colon:
            key = name.strip().lower()
            key = _COMPACT.get(key, key)
            headers[key] = (*headers.get(key, ()), value.strip())
    if len(words) < 2:
        return None
    if words[0] == "SIP/2.0" and words[1].isdigit():
        return SipMessage("", int(words[1]), words[2] if len(words) > 2 else "", headers, body)
    if len(words) == 3 and words[2].startswith("SIP/"):
        return SipMessage(words[0], 0, "", headers, body)
    return None


def build(first: str, headers: list[tuple[str, str]], body: str = "") -> bytes:
    lines = [first, *(f"{name}: {value}" for name, value in headers), f"Content-Length: {len(body.encode())}"]
    return ("\r\n".join(lines) + "\r\n\r\n" + body).encode()


def answer(request: SipMessage, status: int, reason: str, body: str = "") -> bytes:
    """A response to a request of the other side's (RFC 3261, 8.2.6)."""
    headers = [
        (name, value) for name in ("via", "from", "to", "call-id", "cseq") for value in request.headers.get(name, ())
    ]
    if body:
        headers.append(("Content-Type", "application/sdp"))
    return build(f"SIP/2.0 {status} {reason}", headers, body)
