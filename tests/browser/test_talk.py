"""Press to talk in a real browser with a fake microphone, heard by a camera that speaks ONVIF."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.alerts.peers import gst_camera, heard_by
from tests.api.city import City, street_picture
from tests.browser.conftest import CHROMIUM, FLAGS, until
from tests.conftest import absent
from vision.alerts.audio import Audio
from vision.alerts.build import build_loudspeakers
from vision.alerts.chime import chime
from vision.alerts.listen import find
from vision.api.server import ApiServer
from vision.config.speakers import SpeakersConfig
from vision.console.site import add_console

pytestmark = [pytest.mark.browser, pytest.mark.server, pytest.mark.slow]


@pytest.fixture
def horn(city: City, tmp_path: Path) -> Iterator[Path]:
    """A camera by GStreamer near `gate`, and loudspeakers in the hub; yields where it writes what it hears."""
    folder = tmp_path / "horn"
    folder.mkdir()
    with gst_camera(folder) as host:
        document = {"kind": "onvif", "url": f"rtsp://{host}/camera", "name": "北门音柱", "quiet": []}
        city.registry.put("speaker", "horn", document, by="test")
        parts = build_loudspeakers(
            SpeakersConfig(speech="none"),
            database=city.database,
            registry=city.registry,
            blobs=city.blobs,
            clock=city.clock,
            timezone=city.clock.now().tzinfo,  # type: ignore[arg-type]
        )
        city.services = replace(city.services, announcements=parts.desk, loudspeakers=parts)
        yield folder


@pytest.fixture
def speaking_chromium(tmp_path: Path) -> Iterator[Any]:
    """A browser whose microphone hears the chime over and over."""
    if not CHROMIUM.exists():
        absent("needs Debian's chromium: apt-get install chromium")
    from playwright.sync_api import sync_playwright

    voice = Audio.silence(0.4, 48000).then(chime()).then(Audio.silence(0.4, 48000))
    (tmp_path / "voice.wav").write_bytes(voice.to_wav())
    fake = ["--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"]
    fake.append(f"--use-file-for-fake-audio-capture={tmp_path / 'voice.wav'}")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=[*FLAGS, *fake])
        yield browser
        browser.close()


def test_a_held_button_is_heard_at_the_camera(city: City, horn: Path, speaking_chromium: Any, tmp_path: Path) -> None:
    city.board.looks["gate"] = street_picture("gate")
    app = city.app()
    add_console(app)
    server = ApiServer(app, city.services.feed, port=0)
    server.start()
    try:
        page = speaking_chromium.new_page(viewport={"width": 1440, "height": 1000})
        page.set_default_timeout(60_000)
        page.goto(f"http://127.0.0.1:{server.port}/console/wall")
        page.locator(".tile").first.hover()
        page.locator(".tile").first.get_by_title("对讲").click()
        page.locator("dialog.talk select[name=speaker]").select_option("horn")
        hold = page.locator(".talk-hold")
        hold.hover()
        page.mouse.down()
        until(page, "document.querySelector('.talk-state').dataset.state === 'speaking'")
        for _ in range(60):  # held until the camera has heard enough, however slow this machine is
            page.wait_for_timeout(500)
            if heard_by(horn).duration_s > 3.5:
                break
        page.screenshot(path=str(tmp_path / "talk.png"))
        page.mouse.up()
        until(page, "document.querySelector('.talk-state').dataset.state === 'done'")
    finally:
        server.stop()
    heard = heard_by(horn)
    assert heard.duration_s > 3
    # The browser's own noise suppression and gain lie between.
    assert find(chime(), heard).score > 0.6
    loudspeakers = city.services.loudspeakers
    assert loudspeakers is not None
    (kept,) = loudspeakers.announcer.record.since(city.clock.now().replace(year=2020))
    assert (kept.outcome, kept.speaker_id) == ("spoken", "horn")
    assert kept.proof["dropped_s"] < 0.2 * kept.duration_s  # a starved machine may fall behind; never much
    assert kept.audio_key is not None
    assert np.abs(Audio.from_wav(city.blobs.get(kept.audio_key)).samples).max() > 0.05
