"""RTP speakers against ffmpeg as the receiver, and the packets against RFC 3550."""

import subprocess
import threading
from pathlib import Path

import numpy as np
import pytest

from tests.alerts.peers import needs
from tests.alerts.test_audio import tone
from tests.servers.ports import free_port, wait_for_udp
from vision.alerts.audio import Audio
from vision.alerts.chime import chime
from vision.alerts.g711 import Law
from vision.alerts.listen import find
from vision.alerts.speakers import open_speaker
from vision.alerts.speakers.rtp import Packetiser, parse, received_of
from vision.core.clock import SystemClock
from vision.core.errors import ConfigError
from vision.core.registry import Speaker
from vision.testing import ManualClock

CLIP = chime().then(tone(600, rate_hz=16000, duration_s=0.4)).scaled(0.6)


@pytest.mark.server
@pytest.mark.slow
@pytest.mark.parametrize(
    ("host", "codec", "payload_type"), [("127.0.0.1", "PCMU", 0), ("127.0.0.1", "PCMA", 8), ("239.192.7.7", "PCMU", 0)]
)
def test_ffmpeg_receives_what_was_sent(tmp_path: Path, host: str, codec: str, payload_type: int) -> None:
    ffmpeg, port = needs("ffmpeg", "ffmpeg"), free_port(room=2)
    ttl = "/8" if host.startswith("239") else ""
    sdp = f"v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 {host}{ttl}\nt=0 0\nm=audio {port} RTP/AVP {payload_type}\n"
    (tmp_path / "horn.sdp").write_text(sdp)
    command = [ffmpeg, "-nostdin", "-loglevel", "error", "-protocol_whitelist", "file,udp,rtp"]
    command += ["-localaddr", "127.0.0.1", "-max_delay", "0", "-analyzeduration", "0", "-i", str(tmp_path / "horn.sdp")]
    command += ["-ar", "8000", "-f", "s16le", "-flush_packets", "1", str(tmp_path / "heard.s16")]
    options = (("codec", codec.lower()), ("interface", "127.0.0.1"))
    driver = open_speaker(Speaker("horn", "rtp", f"rtp://{host}:{port}", options=options), SystemClock())
    with subprocess.Popen(command) as receiver:
        assert wait_for_udp(port, port + 1, group=host if ttl else ""), "it listens for the sound and for its reports"
        # ffmpeg swallows the packet or two by which it learns of the stream, and what the goodbye overtakes.
        padded = Audio.silence(0.1, 16000).then(CLIP).then(Audio.silence(0.5, 16000))
        proof = driver.play(padded, threading.Event())
        receiver.wait(60)  # the goodbye ends it
    heard = Audio((np.fromfile(tmp_path / "heard.s16", "<i2") / 32768).astype(np.float32), 8000)
    sent = CLIP.resampled(8000)
    assert proof.detail["packets"] == 115
    assert find(sent, heard).score > 0.999


def test_packets_count_and_their_clock_runs_in_samples() -> None:
    stream = Packetiser(Law.A, 8, sequence=65535, timestamp=2**32 - 160, ssrc=7)
    packets = [parse(stream.packet(frame)) for frame in tone(500, rate_hz=8000, duration_s=0.06).frames(8000)]
    assert [packet.sequence for packet in packets if packet] == [65535, 0, 1]
    assert [packet.timestamp for packet in packets if packet] == [2**32 - 160, 0, 160]
    assert {(packet.payload_type, packet.ssrc, len(packet.payload)) for packet in packets if packet} == {(8, 7, 160)}


def test_parsing_skips_contributors_extension_and_padding() -> None:
    body = bytes([0xB1, 0]) + bytes(10) + bytes(4) + b"\xbe\xde\x00\x01" + bytes(4) + b"sound" + b"\x00\x00\x03"
    packet = parse(body)
    assert packet is not None
    assert packet.payload == b"sound"
    assert parse(b"\x00" * 20) is None
    assert parse(b"\x80") is None


def test_reports_about_our_stream_are_found() -> None:
    stream = Packetiser(Law.MU, 0, ssrc=0x01020304)
    own = stream.sender_report(1_800_000_000.5)
    assert received_of(own, stream.ssrc) is None
    block = (0x01020304).to_bytes(4) + bytes([3]) + (5).to_bytes(3) + (70000).to_bytes(4) + bytes(12)
    receiver = bytes([0x81, 201, 0, 7]) + (9).to_bytes(4) + block
    assert received_of(own + receiver, stream.ssrc) == (5, 70000 & 0xFFFF)
    assert received_of(receiver, 1) is None


def test_an_address_without_a_port_is_refused() -> None:
    with pytest.raises(ConfigError, match="should name a port"):
        open_speaker(Speaker("horn", "rtp", "rtp://h"), ManualClock())
