import pytest

from vision.core.errors import SourceRefusedError
from vision.streams.sdp import video_track

HIKVISION = """v=0
o=- 1109162014219182 1109162014219192 IN IP4 x.y.z.w
s=Media Presentation
t=0 0
a=control:*
m=video 0 RTP/AVP 96
b=AS:5000
a=control:trackID=1
a=rtpmap:96 H264/90000
a=fmtp:96 profile-level-id=420029; packetization-mode=1; sprop-parameter-sets=Z00AKpY1QPAET8s3AQEBAg==,aO48gA==
m=audio 0 RTP/AVP 8
a=control:trackID=2
a=rtpmap:8 PCMA/8000
"""
HEVC = """v=0
m=audio 0 RTP/AVP 0
a=control:rtsp://h/audio
m=video 0 RTP/AVP 97
a=rtpmap:97 H265/90000
a=fmtp:97 sprop-vps=QAEMAf//;sprop-sps=QgEB;sprop-pps=RAHA
a=control:rtsp://cam/live/video
"""


def test_control_is_relative_to_the_base() -> None:
    track = video_track(HIKVISION, "rtsp://h/Streaming/Channels/101/")
    assert (track.codec, track.clock_hz, track.payload_type) == ("h264", 90_000, 96)
    assert track.control == "rtsp://h/Streaming/Channels/101/trackID=1"
    assert [unit[0] & 31 for unit in track.parameter_sets] == [7, 8]
    assert video_track(HIKVISION, "rtsp://h/x").control == "rtsp://h/x/trackID=1"


def test_hevc_after_audio_with_an_absolute_control() -> None:
    track = video_track(HEVC, "rtsp://h/")
    assert (track.codec, track.control) == ("hevc", "rtsp://cam/live/video")
    assert [unit[0] >> 1 for unit in track.parameter_sets] == [32, 33, 34]


def test_other_codecs_are_named_and_no_video_is_refused() -> None:
    assert video_track("m=video 0 RTP/AVP 26\r\n", "rtsp://h/").codec == "payload type 26"
    with pytest.raises(SourceRefusedError, match="no video"):
        video_track("v=0\r\nm=audio 0 RTP/AVP 0\r\n", "rtsp://h/")
