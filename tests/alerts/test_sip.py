"""SIP calls against Debian's baresip (a telephone) and SIPp (a scripted peer)."""

import threading
from pathlib import Path

import pytest

from tests.alerts.peers import baresip, sipp
from tests.alerts.test_audio import tone
from tests.servers.ports import free_port
from vision.alerts.audio import Audio
from vision.alerts.chime import chime
from vision.alerts.listen import find
from vision.alerts.speakers import open_speaker
from vision.alerts.speakers.sip_message import answer, parse
from vision.core.clock import SystemClock
from vision.core.errors import Rejected, RetryLater
from vision.core.registry import Speaker

SHORT = tone(500, rate_hz=8000, duration_s=0.2)
COPY = "[last_Via:]\n[last_From:]\n[last_To:];tag=horn\n[last_Call-ID:]\n[last_CSeq:]\nContent-Length: 0\n"


def horn(host: str, user: str = "101", **options: str) -> Speaker:
    return Speaker("horn", "sip", f"sip://{user}@{host}", options=tuple(options.items()))


def reply(status: str, *, more: str = "") -> str:
    return f"<send><![CDATA[\nSIP/2.0 {status}\n{COPY.replace('Content-Length', more + 'Content-Length')}\n]]></send>"


def picked_up(body: str = "m=audio [media_port] RTP/AVP 8") -> str:
    sdp = f"v=0\no=- 1 1 IN IP4 127.0.0.1\ns=-\nc=IN IP4 127.0.0.1\nt=0 0\n{body}\n"
    head = COPY.replace(
        "Content-Length: 0",
        "Contact: <sip:101@[local_ip]:[local_port]>\nContent-Type: application/sdp\nContent-Length: [len]",
    )
    return f'<send retrans="500"><![CDATA[\nSIP/2.0 200 OK\n{head}\n{sdp}\n]]></send>'


def expect(request: str, inside: str = "") -> str:
    return f'<recv request="{request}" crlf="true">{inside}</recv>'


@pytest.mark.server
@pytest.mark.slow
@pytest.mark.parametrize("codec", ["PCMU", "PCMA"])
def test_baresip_hears_what_was_said(tmp_path: Path, codec: str) -> None:
    # A jitter buffer swallows the first packets; the words come after a breath.
    clip = chime().then(tone(600, rate_hz=16000, duration_s=0.4)).scaled(0.6)
    padded = Audio.silence(0.3, 16000).then(clip).then(Audio.silence(0.2, 16000))
    with baresip(tmp_path, codec) as host:
        proof = open_speaker(horn(host), SystemClock()).play(padded, threading.Event())
    (dump,) = tmp_path.glob("dump-*-dec.wav")
    assert proof.accepted.startswith("SIP 200")
    assert proof.detail["codec"] == codec
    assert proof.detail["packets"] == 110
    assert find(clip, Audio.from_wav(dump.read_bytes())).score > 0.99


@pytest.mark.server
def test_a_password_is_answered_by_digest(tmp_path: Path) -> None:
    challenge = 'WWW-Authenticate: Digest realm="horns", nonce="abc123", algorithm=MD5, qop="auth"\n'
    verify = '<action><verifyauth assign_to="ok" username="101" password="s3cret"/></action>'
    steps = [
        expect("INVITE"),
        reply("401 Unauthorized", more=challenge),
        expect("ACK"),
        expect("INVITE", verify),
        '<nop condexec="ok" condexec_inverse="true"><action><exec int_cmd="stop_now"/></action></nop>',
        reply("180 Ringing"),
        picked_up(),
        expect("ACK"),
        expect("BYE"),
        reply("200 OK"),
    ]
    with sipp(tmp_path, *steps) as (host, process):
        proof = open_speaker(horn(host, "101:s3cret"), SystemClock()).play(SHORT, threading.Event())
        assert process.wait(60) == 0
    assert proof.detail["codec"] == "PCMA"


@pytest.mark.server
@pytest.mark.parametrize(
    ("status", "fault", "words"),
    [
        ("486 Busy Here", RetryLater, "486 Busy Here"),
        ("503 Service Unavailable", RetryLater, "503"),
        ("404 Not Found", Rejected, "404 Not Found"),
        ("401 Unauthorized", Rejected, "401"),
        ("603 Decline", Rejected, "603"),
    ],
)
def test_refusals_are_told_apart(tmp_path: Path, status: str, fault: type[Exception], words: str) -> None:
    with sipp(tmp_path, expect("INVITE"), reply(status), expect("ACK")) as (host, process):
        with pytest.raises(fault, match=words):
            open_speaker(horn(host), SystemClock()).play(SHORT, threading.Event())
        assert process.wait(60) == 0


@pytest.mark.server
def test_no_g711_is_refused_and_hung_up(tmp_path: Path) -> None:
    body = "m=audio [media_port] RTP/AVP 96\na=rtpmap:96 opus/48000/2"
    with sipp(tmp_path, expect("INVITE"), picked_up(body), expect("ACK"), expect("BYE"), reply("200 OK")) as (
        host,
        process,
    ):
        with pytest.raises(Rejected, match=r"takes no G.711"):
            open_speaker(horn(host), SystemClock()).play(SHORT, threading.Event())
        assert process.wait(60) == 0


@pytest.mark.server
def test_a_horn_that_hangs_up_half_way_is_told(tmp_path: Path) -> None:
    bye = (
        "<send><![CDATA[\nBYE sip:[service]@[remote_ip]:[remote_port] SIP/2.0\n"
        "Via: SIP/2.0/UDP [local_ip]:[local_port];branch=[branch]\n[last_From:]\n[last_To:]\n[last_Call-ID:]\n"
        "CSeq: 9 BYE\nContent-Length: 0\n\n]]></send>"
    )
    steps = [expect("INVITE"), picked_up(), expect("ACK"), '<pause milliseconds="200"/>', bye]
    with sipp(tmp_path, *steps, '<recv response="200"/>') as (host, process):
        with pytest.raises(RetryLater, match="hung up after"):
            open_speaker(horn(host), SystemClock()).play(tone(500, rate_hz=8000, duration_s=5), threading.Event())
        assert process.wait(60) == 0


@pytest.mark.server
def test_a_horn_that_only_rings_is_given_up(tmp_path: Path) -> None:
    steps = [expect("INVITE"), reply("180 Ringing"), expect("CANCEL"), reply("200 OK")]
    with sipp(tmp_path, *steps) as (host, process):
        with pytest.raises(RetryLater, match="rang for 1 s and did not pick up"):
            open_speaker(horn(host, ring_s="1"), SystemClock()).play(SHORT, threading.Event())
        assert process.wait(60) == 0


def test_nobody_there_is_offline() -> None:
    with pytest.raises(RetryLater, match=r"cannot be reached|did not answer"):
        open_speaker(horn(f"127.0.0.1:{free_port()}"), SystemClock()).play(SHORT, threading.Event())


def test_messages_are_taken_apart() -> None:
    message = parse(
        b"SIP/2.0 200 OK\r\nv: SIP/2.0/UDP h;branch=z9hG4bK1\r\nf: <sip:a@h>;tag=1\r\nTo: <sip:b@h>;tag=2\r\n"
        b"CSeq: 7 INVITE\r\nm: Horn <sip:101@10.0.0.5:5062;transport=udp>;expires=60\r\n\r\nv=0"
    )
    assert message is not None
    assert (message.status, message.sequence, message.body) == (200, (7, "INVITE"), "v=0")
    assert message.contact == "sip:101@10.0.0.5:5062;transport=udp"
    assert parse(b"\r\n\r\n") is None
    assert parse(b"HTTP/1.1 200 OK\r\n\r\n") is None
    request = parse(b"BYE sip:x SIP/2.0\r\nVia: one\r\nVia: two\r\nCSeq: 2 BYE\r\n\r\n")
    assert request is not None
    assert answer(request, 200, "OK").startswith(b"SIP/2.0 200 OK\r\nvia: one\r\nvia: two\r\ncseq: 2 BYE\r\n")
