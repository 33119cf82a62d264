"""Keeps a short clip of each violation: some seconds before and after its dwell was over, as the camera sent them."""

import hashlib
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

import structlog

from vision.core.errors import SourceError, StorageError
from vision.core.findings import Finding, FindingState, Picture, ViolationType
from vision.core.ports import BlobStore

log = structlog.get_logger()

Cut = Callable[[str, datetime, datetime], bytes]
"""An MP4 of a camera between two scene times; raises SourceError when it holds nothing of that time."""
Site = tuple[str, str, str, ViolationType]

PRE_ROLL = timedelta(seconds=5)
POST_ROLL = timedelta(seconds=4)
_HELD = timedelta(seconds=14)  # what a live camera's ring reaches back, less a keyframe interval's doubt


class ClipKeeper:
    """One per worker, called in the order of the looks. A violation gets one clip, with a look after its post-roll.

    Attributes:
        failures: clips that could not be cut or kept: the camera went, its ring was too short, the disk was full.
    """

    def __init__(self, cut: Cut, blobs: BlobStore) -> None:
        self._cut, self._blobs = cut, blobs
        self._due: dict[Site, datetime] = {}
        self._done: set[Site] = set()
        self.failures = 0

    def keep(self, findings: list[Finding]) -> list[Finding]:
        """The findings, one whose clip is ready with its key added."""
        return [self._one(finding) for finding in findings]

    def forget(self, camera_id: str) -> None:
        self._due = {site: at for site, at in self._due.items() if site[0] != camera_id}
        self._done = {site for site in self._done if site[0] != camera_id}

    def _one(self, finding: Finding) -> Finding:
        site = finding.site
        if finding.state is FindingState.ABSENT:
            self._done.discard(site)
            self._due.pop(site, None)
        elif finding.dwelled and site not in self._done and site not in self._due:
            self._due[site] = finding.at
        elif site in self._due and finding.at >= self._due[site] + POST_ROLL:
            return self._with_clip(finding, self._due.pop(site))
        return finding

    def _with_clip(self, finding: Finding, moment: datetime) -> Finding:
        self._done.add(finding.site)
        begin, end = moment - PRE_ROLL, moment + POST_ROLL
        if finding.at - begin > _HELD:  # looks are far apart: the last seconds are all there is
            begin, end = finding.at - PRE_ROLL - POST_ROLL, finding.at
        try:
            data = self._cut(finding.camera_id, begin, end)
            digest = hashlib.sha256(data).hexdigest()
            key = f"{begin:%Y/%m/%d}/{finding.camera_id}/{begin:%H%M%S}-{digest[:16]}.mp4"
            self._blobs.put(key, data, media_type="video/mp4")
        except (SourceError, StorageError) as error:
            self.failures += 1
            log.warning("clip_not_kept", camera=finding.camera_id, reason=str(error))
            return finding
        return replace(finding, evidence=(*finding.evidence, Picture("clip", key, digest, len(data))))
