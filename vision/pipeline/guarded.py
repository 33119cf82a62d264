"""A view's analyser behind its guard: a picture is judged only when it shows the view that the zones were drawn on."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

import structlog

from vision.core.detections import Detections
from vision.core.findings import Finding, FindingState, Why
from vision.core.frames import Frame, Image
from vision.core.registry import Camera, View
from vision.pipeline.scene import SceneAnalyser
from vision.streams.view import ViewGuard, ViewState, ViewVerdict, moved

log = structlog.get_logger()

_ZH = {
    ViewState.MOVED: "画面已偏离划定视角",
    ViewState.BLURRED: "画面模糊",
    ViewState.COVERED: "镜头被遮挡",
    ViewState.DARK: "画面过暗",
    ViewState.BRIGHT: "画面过曝",
    ViewState.FROZEN: "画面静止不动",
}
_FOLLOW = 0.01  # zones follow a shift of the picture that differs by this share from where they are


class GuardedAnalyser:
    """Same face as SceneAnalyser. Zones follow small shifts; an unusable view answers unknown with the reason."""

    def __init__(
        self,
        camera: Camera,
        view: View,
        make: Callable[[View], SceneAnalyser],
        lacking: Mapping[str, Why] | None = None,
    ) -> None:
        """`make`: an analyser for the view or for the view moved a little.

        `lacking`: by zone, why the model cannot tell that it is empty; what it does see there counts all the same.
        """
        self._camera, self._drawn, self._make = camera, view, make
        self._analyser = make(view)
        self._lacking = dict(lacking or {})
        for zone_id, why in self._lacking.items():
            log.warning("zone_class_unknown", camera=camera.id, view=view.id, zone=zone_id, reason=why.en)
        self._guard = ViewGuard()
        self._shift = (0.0, 0.0)
        self._trouble: Why | None = None
        self._reference: Image | None = None

    @property
    def view(self) -> View:
        return self._analyser.view

    @property
    def parked(self) -> Mapping[str, tuple[int, datetime]]:
        return self._analyser.parked

    @property
    def trouble(self) -> Why | None:
        """Why nothing can be told of the view, or of one of its zones, now; None when it is usable."""
        return self._trouble or next(iter(self._lacking.values()), None)

    def look(self, frame: Frame, detections: Detections) -> list[Finding]:
        """Judge one look. `detections` are in pixels of `frame.image`."""
        before = self._guard.learned
        verdict = self._guard.look(frame.image)
        if self._guard.learned != before:
            self._reference = frame.image
        self._note(verdict)
        if self._trouble is not None:
            return self._analyser.blind(frame.captured_at, self._trouble)
        if max(abs(verdict.shift[0] - self._shift[0]), abs(verdict.shift[1] - self._shift[1])) > _FOLLOW:
            self._follow(verdict.shift)
        return [self._not_blindly(finding) for finding in self._analyser.look(frame, detections)]

    def take_reference(self) -> Image | None:
        """The picture that looks are compared with, once after it was taken; for people to compare with."""
        taken, self._reference = self._reference, None
        return taken

    def accept(self) -> None:
        """The next look is what the camera should show from now on; zones stand where they were drawn."""
        self._guard = ViewGuard()
        self._trouble = None
        if self._shift != (0.0, 0.0):
            self._follow((0.0, 0.0))

    def blind(self, at: datetime, why: Why) -> list[Finding]:
        """Unknown for every zone: what is said while the camera is down."""
        return self._analyser.blind(at, why)

    def to_record(self) -> dict[str, Any]:
        return self._analyser.to_record()

    def restore(self, record: dict[str, Any]) -> None:
        """Raises ValueError, KeyError or TypeError when the record is not an analyser's."""
        self._analyser.restore(record)

    def _not_blindly(self, finding: Finding) -> Finding:
        """A model that lacks a class of the zone does not see that nothing of it is there."""
        why = self._lacking.get(finding.zone_id)
        if why is None or finding.state is not FindingState.ABSENT:
            return finding
        return replace(finding, state=FindingState.UNKNOWN, why=why)

    def _follow(self, shift: tuple[float, float]) -> None:
        """Move the zones with the picture; what stood there is remembered."""
        record = self._analyser.to_record()
        self._analyser = self._make(moved(self._drawn, shift))
        self._analyser.restore(record)
        self._shift = shift
        log.info("zones_followed", camera=self._camera.id, view=self._drawn.id, shift=shift)

    def _note(self, verdict: ViewVerdict) -> None:
        trouble = None
        if not verdict.usable:
            trouble = Why(_ZH.get(verdict.state, "画面不可用"), verdict.reason or f"the view is {verdict.state}")
        if (trouble is None) != (self._trouble is None):
            event = "view_lost" if trouble is not None else "view_regained"
            log.warning(event, camera=self._camera.id, view=self._drawn.id, reason=verdict.reason)
        self._trouble = trouble
