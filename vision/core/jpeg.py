"""Whether JPEG bytes are all there, told from their markers alone (ITU-T T.81 annex B)."""

BEGINS = b"\xff\xd8"
_ENDS = b"\xff\xd9"
_SCAN = 0xDA


def is_jpeg(data: bytes) -> bool:
    """Begins as a JPEG does."""
    return data.startswith(BEGINS)


def is_whole(data: bytes) -> bool:
    """A JPEG whose picture has its own end marker: without it decoders fill the rest with grey and say nothing.

    The end marker of a thumbnail within the header does not count, nor what lies behind the picture's own.
    """
    at = 2
    while is_jpeg(data) and at + 4 <= len(data) and data[at] == 0xFF:
        marker = data[at + 1]
        if marker == 0xFF:  # fill byte
            at += 1
            continue
        at += 2 + int.from_bytes(data[at + 2 : at + 4], "big")
        if marker == _SCAN:  # from here on 0xFF in the coded picture is followed by 0 or by a restart marker
            return data.find(_ENDS, at) >= 0
    return False


def is_cut_off(data: bytes) -> bool:
    """A JPEG, and not whole; of other formats nothing is said."""
    return is_jpeg(data) and not is_whole(data)
