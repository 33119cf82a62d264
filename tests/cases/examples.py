"""A case to tell platforms of, and every kind of platform connected to the sandbox as a city would configure it."""

import hashlib
import weakref
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import httpx
from pydantic import TypeAdapter

from vision.cases.build import Surroundings, build_platform
from vision.cases.links import Links
from vision.cases.platform import CaseDraft, CasePlatform, EvidenceFile, Notice, Offence
from vision.config.cases import PlatformConfig
from vision.core.clock import Clock
from vision.sandbox.platform_configs import platform_values
from vision.testing import EPOCH, MemoryBlobs

PICTURE = b"\xff\xd8 a picture"
KEY = "2026/07/01/gate/a.jpg"


def example_draft(reference: str = "ref-1", *, asked_at: Any = EPOCH) -> CaseDraft:
    file = EvidenceFile(KEY, "annotated", "image/jpeg", hashlib.sha256(PICTURE).hexdigest(), 11, EPOCH, "gate")
    return CaseDraft(
        reference=reference,
        incident_id="inc-1",
        type="garbage",
        subtype="exposed_garbage",
        standard_ref="gbt30428-2013",
        event_code="0110",
        event_name="暴露垃圾",
        description="垃圾堆放 10 分钟",
        place="人民路 12 号",
        district="east",
        grid_id="310101001001001",
        shop_id="",
        longitude=121.4737,
        latitude=31.2304,
        began_at=EPOCH,
        seen_at=EPOCH + timedelta(minutes=10),
        due_at=EPOCH + timedelta(hours=4),
        camera_id="gate",
        confidence=0.9,
        object_count=2,
        reviewer="",
        asked_at=asked_at,
        evidence=(file,),
        area_class="A",
        time_limit="4 工作时",
        offences=2,
        colour="green",
        previous=(Offence("inc-0", EPOCH - timedelta(days=3)),),
        notices=(Notice(EPOCH, None, "bike_operator", "青桔", "13900001111", "webhook", "sms", "请整改"),),
    )


def connect(
    kind: str, url: str, clock: Clock, *, overrides: Mapping[str, Any] | None = None, timeout_s: float = 60
) -> CasePlatform:
    values = platform_values(kind, url) | {"timeout_s": timeout_s} | dict(overrides or {})
    config: PlatformConfig = TypeAdapter(PlatformConfig).validate_python(values)
    blobs = MemoryBlobs()
    blobs.put(KEY, PICTURE, media_type="image/jpeg")
    links = Links("http://hub.example", "link-secret", timedelta(days=1), clock)
    if config.tls.ca_file is not None:
        return build_platform(config, Surroundings(blobs, links, clock))
    transport = httpx.HTTPTransport()
    platform = build_platform(config, Surroundings(blobs, links, clock, transport))
    weakref.finalize(platform, transport.close)  # so that no test leaves a connection open behind it
    return platform
