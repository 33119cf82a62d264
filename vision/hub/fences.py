"""Refuses findings of a worker whose lease on the camera has passed to another."""

from vision.core.findings import Finding


class Fences:
    """The highest token seen of each camera. Tokens only grow, so a lower one comes from a worker that lost its lease.

    Attributes:
        refused: findings refused since the start.
    """

    def __init__(self) -> None:
        self._highest: dict[str, int] = {}
        self.refused = 0

    def admit(self, finding: Finding) -> bool:
        """Whether the finding's worker may still speak for its camera."""
        highest = self._highest.get(finding.camera_id, 0)
        if finding.fence < highest:
            self.refused += 1
            return False
        self._highest[finding.camera_id] = finding.fence
        return True
