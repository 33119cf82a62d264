"""Keyframes to pictures in a few shared decoders: memory grows with cores, not with cameras."""

import os
import threading
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

import av
from av.codec.context import Flags
from av.codec.hwaccel import HWAccel, hwdevices_available
from av.video.codeccontext import VideoCodecContext

from vision.core.errors import NotThereError
from vision.core.frames import Image
from vision.streams.picture import Scaler

if TYPE_CHECKING:
    from av.video.frame import VideoFrame


@dataclass(frozen=True, slots=True)
class Decode:
    """How to decode: codec, the look's longest side, whether the full picture is kept, on which device."""

    codec: str
    look_px: int
    keep_full: bool = False
    hardware: str = ""


class _Decoder:
    """One thread's decoder for one way of decoding. Every keyframe is decoded as if nothing had come before."""

    def __init__(self, how: Decode) -> None:
        self._context = new_context(how)
        self._scaler = Scaler(how.look_px, keep_full=how.keep_full)

    def decode(self, data: bytes | bytearray) -> tuple[Image, Image | None] | None:
        try:
            packet = av.Packet(data)  # type: ignore[arg-type]  # takes any buffer, whatever its stub says
            # Drained at once: a decoder that reorders would hold the picture back until the next look.
            pictures: list[VideoFrame] = [*self._context.decode(packet), *self._context.decode(None)]
        except av.error.FFmpegError:
            return None
        finally:
            self._context.flush_buffers()
        sound = [picture for picture in pictures if not picture.is_corrupt]
        return self._scaler.looks(sound[-1]) if sound else None


def new_context(how: Decode) -> VideoCodecContext:
    """An opened decoder.

    Raises:
        NotThereError: the device asked for is not on this machine.
    """
    accelerator = hardware(how.hardware) if how.hardware else None
    try:
        context = av.CodecContext.create(how.codec, "r", accelerator)
        assert isinstance(context, VideoCodecContext)
        context.thread_count = 1
        context.flags |= Flags.output_corrupt
        if not how.keep_full:
            # Deblocking changes nothing that a picture a third the size would show (over 45 dB), and costs a tenth.
            context.options = {"skip_loop_filter": "all"}
        context.open()
    except (av.error.FFmpegError, OSError, RuntimeError, NotImplementedError) as error:
        reason = getattr(error, "strerror", None) or type(error).__name__
        raise NotThereError(f"cannot decode {how.codec} on {how.hardware or 'the CPU'}: {reason}") from None
    if how.hardware and not context.is_hwaccel:
        raise NotThereError(f"cannot decode {how.codec} on {how.hardware}: this FFmpeg has no such decoder")
    return context


def hardware(device: str) -> HWAccel:
    """FFmpeg's device of that name (`cuda` for NVDEC, `vaapi`, `qsv`, `videotoolbox`…).

    Raises:
        NotThereError: this FFmpeg does not know it.
    """
    known = hwdevices_available()
    if device not in known:
        raise NotThereError(f"no hardware decoder {device!r} in this FFmpeg (known: {', '.join(known) or 'none'})")
    return HWAccel(device, allow_software_fallback=False)


class DecodePool:
    """Decoders for all cameras of a process."""

    def __init__(self, threads: int | None = None) -> None:
        count = threads or len(os.sched_getaffinity(0))
        self._workers = ThreadPoolExecutor(count, thread_name_prefix="decode")
        self._own = threading.local()

    def decode(self, how: Decode, data: bytes | bytearray) -> tuple[Image, Image | None] | None:
        """The look, and the full picture if kept; None when the keyframe is damaged. Waits for a free decoder.

        Raises:
            NotThereError: the hardware asked for is missing.
        """
        return self.submit(how, data).result()

    def submit(self, how: Decode, data: bytes | bytearray) -> "Future[tuple[Image, Image | None] | None]":
        return self._workers.submit(self._decode, how, data)

    def close(self) -> None:
        self._workers.shutdown()

    def _decode(self, how: Decode, data: bytes | bytearray) -> tuple[Image, Image | None] | None:
        decoders: dict[Decode, _Decoder] = self._own.__dict__.setdefault("decoders", {})
        if how not in decoders:
            decoders[how] = _Decoder(how)
        return decoders[how].decode(data)


@cache
def shared_pool() -> DecodePool:
    """The process's own pool."""
    return DecodePool()
