import hashlib
import threading
from base64 import b64encode
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import islice
from pathlib import Path
from typing import Literal

import cv2
import numpy as np
import pytest

from vision.core.clock import SystemClock
from vision.core.errors import ConfigError, SourceError, SourceRefusedError, SourceTimeoutError
from vision.core.frames import Later
from vision.core.jpeg import is_whole
from vision.core.registry import Camera, SourceKind
from vision.streams.factory import open_source
from vision.streams.jpeg import JpegReader
from vision.streams.snapshot import SnapshotSource
from vision.testing import ManualClock

RNG = np.random.default_rng(1)
PICTURE = cv2.GaussianBlur(RNG.integers(0, 256, (1080, 1920, 3), np.uint8), (0, 0), 9)
JPEG = cv2.imencode(".jpg", PICTURE)[1].tobytes()
Answer = Callable[[BaseHTTPRequestHandler], None]


def reply(body: bytes, status: int = 200, kind: str = "image/jpeg", **headers: str) -> Answer:
    def answer(request: BaseHTTPRequestHandler) -> None:
        request.send_response(status)
        request.send_header("Content-Type", kind)
        request.send_header("Content-Length", headers.pop("length", str(len(body))))
        for key, value in headers.items():
            request.send_header(key.replace("_", "-"), value)
        request.end_headers()
        request.wfile.write(body)

    return answer


def digest(request: BaseHTTPRequestHandler) -> None:
    given = request.headers.get("Authorization", "")

    def hashed(text: str) -> str:
        return hashlib.md5(text.encode()).hexdigest()

    expected = hashed(f"{hashed('admin:IPC:s3:cret')}:n0nce:{hashed('GET:/digest')}")
    if expected in given:
        reply(JPEG)(request)
    else:
        reply(b"", 401, WWW_Authenticate='Digest realm="IPC", nonce="n0nce"')(request)


def basic(request: BaseHTTPRequestHandler) -> None:
    if request.headers.get("Authorization") == "Basic " + b64encode(b"admin:s3:cret").decode():
        reply(JPEG)(request)
    else:
        reply(b"", 401, WWW_Authenticate='Basic realm="IPC"')(request)


def drip(request: BaseHTTPRequestHandler) -> None:
    """A picture that never ends, for the limits of time and size."""
    request.send_response(200)
    request.end_headers()
    try:
        request.wfile.write(b"\xff\xd8")
        while True:
            request.wfile.write(bytes(1 << 20))
    except OSError:
        return


ANSWERS: dict[str, Answer] = {
    "/good": reply(JPEG),
    "/ISAPI/Streaming/channels/201/picture": reply(JPEG),
    "/digest": digest,
    "/basic": basic,
    "/empty": reply(b""),
    "/half": reply(JPEG[: len(JPEG) // 2]),
    "/half_ended": reply(JPEG[: len(JPEG) // 2] + b"\xff\xd9"),
    "/html": reply(b"<html>log in</html>", kind="text/html; charset=utf-8"),
    "/busy": reply(b"", 503),
    "/drip": drip,
    "/vast": reply(b"\xff\xd8", length="500000000"),
}


class Web(ThreadingHTTPServer):
    daemon_threads = True
    connections = 0


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def setup(self) -> None:
        super().setup()
        assert isinstance(self.server, Web)
        self.server.connections += 1

    def do_GET(self) -> None:
        ANSWERS.get(self.path, reply(b"", 404))(self)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
        """Quiet."""


@pytest.fixture
def web() -> Iterator[Web]:
    with Web(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        yield server
        server.shutdown()


def source(web: Web, path: str, login: str = "", **options: str) -> SnapshotSource:
    url = f"http://{login}127.0.0.1:{web.server_port}{path}"
    camera = Camera("s", url, SourceKind.SNAPSHOT, sample_s=10, options=tuple(options.items()))
    made = open_source(camera, ManualClock())
    assert isinstance(made, SnapshotSource)
    made.open()
    return made


def test_looks_at_its_interval_over_one_connection(web: Web) -> None:
    camera = source(web, "/good")
    frames = list(islice(camera.frames(), 4))
    camera.close()
    assert [frame.pts_s for frame in frames] == [0, 10, 20, 30]
    assert frames[0].image.shape == (360, 640, 3)
    assert web.connections == 1


def test_the_look_is_the_same_picture_with_and_without_the_full_one() -> None:
    small, full = (JpegReader(640, keep_full=keep).look(JPEG) for keep in (False, True))
    assert small is not None
    assert full is not None
    assert isinstance(full[1], np.ndarray)
    assert full[1].shape == (1080, 1920, 3)
    assert np.abs(full[1].astype(int) - PICTURE).mean() < 2
    assert isinstance(small[1], Later)
    wanted = small[1].get()
    assert wanted is not None
    assert np.array_equal(wanted, full[1])
    never_larger = JpegReader(4000, keep_full=False).look(JPEG)
    assert never_larger is not None
    assert never_larger[1] is None
    assert np.abs(small[0].astype(int) - full[0]).mean() < 2


KINDS = {
    "baseline": [],
    "progressive": [cv2.IMWRITE_JPEG_PROGRESSIVE, 1],
    "restart markers": [cv2.IMWRITE_JPEG_RST_INTERVAL, 8],
}


@pytest.mark.parametrize("kind", KINDS)
def test_a_damaged_jpeg_is_no_look_wherever_it_was_cut(shared: Path, kind: str) -> None:
    """A real street's picture, from whose grey half everything would seem to have gone."""
    filmed = cv2.VideoCapture(str(shared / "data" / "clips" / "lane_night_parked_motorbike_43s.mp4")).read()[1]
    whole = cv2.imencode(".jpg", filmed, KINDS[kind])[1].tobytes()
    header, reader = whole.index(b"\xff\xda"), JpegReader(640, keep_full=False)
    assert reader.look(whole) is not None
    for share in (0, 0.1, 0.35, 0.5, 0.75, 0.9, 0.99):
        cut = whole[: header + round((len(whole) - header) * share)]
        assert not is_whole(cut)
        assert reader.look(cut) is None
        assert reader.look(cut + b"\xff\xd9") is None, f"{kind} cut at {share}, and an end marker set behind"
    third, half = len(whole) // 3, len(whole) // 2
    assert reader.look(whole[:third] + whole[half:]) is None
    assert reader.look(whole[:third] + bytes(half - third) + whole[half:]) is None
    assert reader.look(whole) is not None


def test_cut_behind_its_thumbnail_a_jpeg_is_not_whole() -> None:
    thumbnail = cv2.imencode(".jpg", PICTURE[:80, :120])[1].tobytes()
    exif = b"\xff\xe1" + (len(thumbnail) + 2).to_bytes(2, "big") + thumbnail
    assert is_whole(JPEG[:2] + exif + JPEG[2:])
    assert not is_whole(JPEG[:2] + exif + JPEG[2 : len(JPEG) // 2])
    assert not is_whole(JPEG[:2] + exif)
    assert is_whole(JPEG + bytes(2000))


@pytest.mark.parametrize("order", ["little", "big"])
@pytest.mark.parametrize("orientation", [1, 3, 6, 8])
def test_a_camera_hung_otherwise_gives_upright_looks(orientation: int, order: Literal["little", "big"]) -> None:
    def number(value: int, size: int) -> bytes:
        return value.to_bytes(size, order)

    entry = number(0x0112, 2) + number(3, 2) + number(1, 4) + number(orientation, 2) + bytes(2)
    tiff = (b"II" if order == "little" else b"MM") + number(42, 2) + number(8, 4) + number(1, 2) + entry + bytes(4)
    exif = b"\xff\xe1" + (len(tiff) + 8).to_bytes(2, "big") + b"Exif\0\0" + tiff
    held = JPEG[:2] + exif + JPEG[2:]
    upright = cv2.imdecode(np.frombuffer(held, np.uint8), cv2.IMREAD_COLOR)
    assert upright is not None
    assert upright.shape[:2] == ((1080, 1920) if orientation in {1, 3} else (1920, 1080))
    for keep_full in (False, True):
        look = JpegReader(640, keep_full=keep_full).look(held)
        assert look is not None
        height, width = look[0].shape[:2]
        assert (
            np.abs(cv2.resize(upright, (width, height), interpolation=cv2.INTER_AREA).astype(int) - look[0]).mean() < 2
        )
        assert isinstance(look[1], Later) is not keep_full
        full = look[1].get() if isinstance(look[1], Later) else look[1]
        assert full is not None
        assert np.abs(upright.astype(int) - full).mean() < 2


@pytest.mark.parametrize("shape", [(97, 131, 3), (97, 131), (1, 1, 3)])
def test_odd_sizes_and_grey_pictures_are_looks(shape: tuple[int, ...]) -> None:
    look = JpegReader(640, keep_full=False).look(cv2.imencode(".jpg", np.full(shape, 90, np.uint8))[1].tobytes())
    assert look is not None
    assert look[0].shape == (shape[0], shape[1], 3)
    assert abs(float(look[0].mean()) - 90) < 2


@pytest.mark.parametrize("path", ["/digest", "/basic"])
def test_logs_in(web: Web, path: str) -> None:
    camera = source(web, path, "admin:s3%3Acret@")
    assert [frame.seq for frame in islice(camera.frames(), 2)] == [0, 1]
    camera.close()
    wrong = source(web, path, "admin:no@")
    with pytest.raises(SourceRefusedError, match="401") as caught:
        wrong.look()
    assert "admin" not in str(caught.value)
    wrong.close()


def test_makers_own_path(web: Web) -> None:
    camera = source(web, "", vendor="hikvision", channel="2")
    assert camera.look().image.shape == (360, 640, 3)
    camera.close()


@pytest.mark.parametrize(
    ("path", "error", "words"),
    [
        ("/empty", SourceError, "empty answer"),
        ("/half", SourceError, "damaged JPEG"),
        ("/half_ended", SourceError, "damaged JPEG of [0-9]+ bytes, expected a whole one"),
        ("/html", SourceRefusedError, "answered text/html, not a JPEG"),
        ("/none", SourceRefusedError, "404"),
        ("/busy", SourceError, "503"),
        ("/drip", SourceRefusedError, "more than 2000000 bytes"),
        ("/vast", SourceRefusedError, "500000000 bytes"),
    ],
)
def test_what_is_not_a_picture_is_said_plainly(web: Web, path: str, error: type[SourceError], words: str) -> None:
    camera = source(web, path, most_mb="2")
    with pytest.raises(error, match=words):
        camera.look()
    camera.close()


def test_nobody_there_and_slow(web: Web) -> None:
    web.server_close()
    web.shutdown()
    camera = source(web, "/good")
    with pytest.raises(SourceError):
        camera.look()
    camera.close()


def test_picture_that_takes_too_long(web: Web) -> None:
    url = f"http://127.0.0.1:{web.server_port}/drip"
    options = (("read_timeout_s", "0.2"), ("most_mb", "100000"))
    camera = SnapshotSource(Camera("s", url, SourceKind.SNAPSHOT, options=options), SystemClock())
    camera.open()
    with pytest.raises(SourceTimeoutError, match="took over"):
        camera.look()
    camera.close()


def test_address_that_is_not_http(clock: ManualClock) -> None:
    with pytest.raises(ConfigError, match="needs an http"):
        open_source(Camera("s", "rtsp://h/x", SourceKind.SNAPSHOT), clock)
