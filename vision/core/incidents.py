"""The nouns around one violation: its states, what operators see of it, its announcements and its case."""

from enum import StrEnum


class IncidentStatus(StrEnum):
    """Where an incident stands; see incidents/lifecycle for the steps between."""

    SUSPECTED = "suspected"  # something stands there, its dwell is not over
    OPEN = "open"  # a violation; waits for an operator or for the next rung of the ladder
    WARNED = "warned"  # a loudspeaker spoke or somebody was notified; the grace time runs
    FILED = "filed"  # a case is with the city platform (escalated)
    HANDLED = "handled"  # the platform says it is put right; video has to agree
    REOPENED = "reopened"  # handled, but video says still there
    CLOSED = "closed"  # gone, proven by video, after a case
    RECTIFIED = "rectified"  # gone, proven by video, without a case
    REJECTED = "rejected"  # an operator says it is none
    LAPSED = "lapsed"  # a suspicion that went away before its dwell was over

    @property
    def final(self) -> bool:
        return self in _FINAL


_FINAL = frozenset({IncidentStatus.CLOSED, IncidentStatus.RECTIFIED, IncidentStatus.REJECTED, IncidentStatus.LAPSED})


class Verdict(StrEnum):
    """What an operator says of an incident."""

    CONFIRM = "confirm"
    REJECT = "reject"


class CaseStatus(StrEnum):
    """What the city platform says of a case, in our words."""

    PENDING = "pending"  # in the outbox, not accepted yet
    FILED = "filed"  # 立案
    DISPATCHED = "dispatched"  # 派遣
    HANDLED = "handled"  # 处理反馈
    RETURNED = "returned"  # refused with a reason
    SUSPENDED = "suspended"  # 挂账: the clocks stop
    WITHDRAWN = "withdrawn"
    CLOSED = "closed"  # 结案
    DEAD = "dead"  # could not be delivered: an operator must look


class DeliveryKind(StrEnum):
    """What an outbox row asks for."""

    FILE = "file"
    UPDATE = "update"
    CLOSE = "close"
    NOTIFY = "notify"
    ANNOUNCE = "announce"


class DeliveryStatus(StrEnum):
    PENDING = "pending"
    SENDING = "sending"
    DELIVERED = "delivered"
    DEAD = "dead"  # refused for good: waits for a person
    DROPPED = "dropped"  # given up on purpose: by a person, or because it was withdrawn before it was sent
