import pytest

from vision.core.errors import ConfigError
from vision.core.registry import Camera
from vision.streams.substream import sub_stream


def camera(url: str, **options: str) -> Camera:
    return Camera("c", url, options=tuple(options.items()))


@pytest.mark.parametrize(
    ("main", "small"),
    [
        ("rtsp://u:p@h/Streaming/Channels/101", "rtsp://u:p@h/Streaming/Channels/102"),
        ("rtsp://u:p@h:554/Streaming/Channels/1601", "rtsp://u:p@h:554/Streaming/Channels/1602"),
        ("rtsp://h/cam/realmonitor?channel=3&subtype=0", "rtsp://h/cam/realmonitor?channel=3&subtype=1"),
        ("rtsp://h/unicast/c1/s0/live", "rtsp://h/unicast/c1/s1/live"),
        ("rtsp://h/Streaming/Channels/102", None),
        ("rtsp://h/anything", None),
    ],
)
def test_makers_paths_are_known(main: str, small: str | None) -> None:
    assert sub_stream(camera(main)) == small


def test_configured_one_goes_before() -> None:
    main = "rtsp://u:p@h/Streaming/Channels/101"
    assert sub_stream(camera(main, sub_url="none")) is None
    assert sub_stream(camera(main, sub_url="live/small?x=1")) == "rtsp://u:p@h/live/small?x=1"
    assert sub_stream(camera(main, sub_url="rtsp://gate:1/2")) == "rtsp://gate:1/2"
    with pytest.raises(ConfigError, match="unknown option"):
        sub_stream(camera(main, colour="red"))
