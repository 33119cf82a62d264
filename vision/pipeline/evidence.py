"""Decides which looks become evidence and keeps them: the original untouched, and a copy with boxes."""

import hashlib
from dataclasses import dataclass, replace
from datetime import datetime

import structlog

from vision.core.errors import StorageError
from vision.core.findings import Finding, FindingState, Picture
from vision.core.frames import Frame
from vision.core.ports import BlobStore
from vision.core.registry import View
from vision.pipeline.draw import annotate, jpeg

log = structlog.get_logger()

_REFRESH_S = 120.0  # a standing violation gets a fresh picture this often, in scene time
_AFTER_LOOKS = 3  # first absent looks after a presence: candidates for the "after" picture


@dataclass(slots=True)
class _Kept:
    """What was last kept of one site."""

    at: datetime
    count: int
    dwelled: bool
    after: int = 0


class EvidenceRecorder:
    """One per worker; called in the order of the looks.

    A look is kept when a violation is first seen, when its dwell is over, when its count of objects changes, every
    two minutes while it stands, and for the first looks after it went: the "after" picture. Everything else is not.
    """

    def __init__(self, blobs: BlobStore) -> None:
        self._blobs = blobs
        self._kept: dict[tuple[str, str, str, str], _Kept] = {}
        self.failures = 0

    def keep(self, view: View, frame: Frame, findings: list[Finding]) -> list[Finding]:
        """The findings, those worth a picture with its keys added. A full disk costs the picture, not the finding."""
        wanted = [finding for finding in findings if self._wants(finding)]
        if not wanted:
            return findings
        try:
            keyed = self._store(view, frame, wanted)
        except StorageError as error:
            self.failures += 1
            log.warning("evidence_not_kept", camera=frame.camera_id, reason=str(error))
            return findings
        return [keyed.get(finding.id, finding) for finding in findings]

    def forget(self, camera_id: str) -> None:
        for site in [site for site in self._kept if site[0] == camera_id]:
            del self._kept[site]

    def _wants(self, finding: Finding) -> bool:
        kept = self._kept.get(finding.site)
        if finding.state is FindingState.UNKNOWN:
            return False
        if finding.state is FindingState.ABSENT:
            if kept is None:
                return False
            kept.after += 1
            if kept.after >= _AFTER_LOOKS:
                del self._kept[finding.site]
            return True
        fresh = _Kept(finding.at, len(finding.objects), finding.dwelled)
        if (
            kept is None
            or kept.after
            or kept.count != fresh.count
            or kept.dwelled != fresh.dwelled
            or (finding.at - kept.at).total_seconds() >= _REFRESH_S
        ):
            self._kept[finding.site] = fresh
            return True
        return False

    def _store(self, view: View, frame: Frame, findings: list[Finding]) -> dict[str, Finding]:
        original = self._put(frame, "original", jpeg(frame.best))
        keyed = {}
        for finding in findings:
            gone = finding.state is FindingState.ABSENT
            pictures = [original._replace(role="after" if gone else "original")]
            if not gone:
                drawn = annotate(frame.best, view.zone(finding.zone_id), finding)
                pictures.insert(0, self._put(frame, "annotated", jpeg(drawn, quality=85)))
            keyed[finding.id] = replace(finding, evidence=tuple(pictures))
        return keyed

    def _put(self, frame: Frame, role: str, data: bytes) -> Picture:
        digest = hashlib.sha256(data).hexdigest()
        key = f"{frame.captured_at:%Y/%m/%d}/{frame.camera_id}/{frame.captured_at:%H%M%S}-{digest[:16]}.jpg"
        self._blobs.put(key, data, media_type="image/jpeg")
        return Picture(role, key, digest, len(data))
