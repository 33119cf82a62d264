"""The shapes that go over the wire, as OpenAPI shows them."""

from vision.api.wire.accounts import (
    AuditItem as AuditItem,
)
from vision.api.wire.accounts import (
    AuditPage as AuditPage,
)
from vision.api.wire.accounts import (
    DeliveryItem as DeliveryItem,
)
from vision.api.wire.accounts import (
    KeyItem as KeyItem,
)
from vision.api.wire.accounts import (
    NewKey as NewKey,
)
from vision.api.wire.accounts import (
    NewLink as NewLink,
)
from vision.api.wire.accounts import (
    Session as Session,
)
from vision.api.wire.accounts import (
    Shift as Shift,
)
from vision.api.wire.accounts import (
    ShiftBody as ShiftBody,
)
from vision.api.wire.accounts import (
    SignInWays as SignInWays,
)
from vision.api.wire.accounts import (
    SuppressionItem as SuppressionItem,
)
from vision.api.wire.accounts import (
    UserItem as UserItem,
)
from vision.api.wire.accounts import (
    Viewer as Viewer,
)
from vision.api.wire.base import (
    Accepted as Accepted,
)
from vision.api.wire.base import (
    HoursItem as HoursItem,
)
from vision.api.wire.base import (
    Reason as Reason,
)
from vision.api.wire.base import (
    Wire as Wire,
)
from vision.api.wire.base import (
    Words as Words,
)
from vision.api.wire.base import (
    from_unix as from_unix,
)
from vision.api.wire.cameras import (
    AddBody as AddBody,
)
from vision.api.wire.cameras import (
    Added as Added,
)
from vision.api.wire.cameras import (
    BayItem as BayItem,
)
from vision.api.wire.cameras import (
    BayList as BayList,
)
from vision.api.wire.cameras import (
    CameraItem as CameraItem,
)
from vision.api.wire.cameras import (
    CameraPage as CameraPage,
)
from vision.api.wire.cameras import (
    CameraViews as CameraViews,
)
from vision.api.wire.cameras import (
    DryRun as DryRun,
)
from vision.api.wire.cameras import (
    DryRunObject as DryRunObject,
)
from vision.api.wire.cameras import (
    FindBody as FindBody,
)
from vision.api.wire.cameras import (
    FoundItem as FoundItem,
)
from vision.api.wire.cameras import (
    FoundList as FoundList,
)
from vision.api.wire.cameras import (
    GridItem as GridItem,
)
from vision.api.wire.cameras import (
    GridList as GridList,
)
from vision.api.wire.cameras import (
    Held as Held,
)
from vision.api.wire.cameras import (
    PatrolItem as PatrolItem,
)
from vision.api.wire.cameras import (
    PresetItem as PresetItem,
)
from vision.api.wire.cameras import (
    Presets as Presets,
)
from vision.api.wire.cameras import (
    WorkerItem as WorkerItem,
)
from vision.api.wire.cameras import (
    WorkerPage as WorkerPage,
)
from vision.api.wire.incidents import (
    AnnounceBody as AnnounceBody,
)
from vision.api.wire.incidents import (
    AnnouncementItem as AnnouncementItem,
)
from vision.api.wire.incidents import (
    CaseItem as CaseItem,
)
from vision.api.wire.incidents import (
    ClaimBody as ClaimBody,
)
from vision.api.wire.incidents import (
    CommentBody as CommentBody,
)
from vision.api.wire.incidents import (
    CommentItem as CommentItem,
)
from vision.api.wire.incidents import (
    EvidenceItem as EvidenceItem,
)
from vision.api.wire.incidents import (
    FileBody as FileBody,
)
from vision.api.wire.incidents import (
    IncidentDetail as IncidentDetail,
)
from vision.api.wire.incidents import (
    IncidentItem as IncidentItem,
)
from vision.api.wire.incidents import (
    IncidentPage as IncidentPage,
)
from vision.api.wire.incidents import (
    LimitItem as LimitItem,
)
from vision.api.wire.incidents import (
    LogItem as LogItem,
)
from vision.api.wire.incidents import (
    PresenceBody as PresenceBody,
)
from vision.api.wire.incidents import (
    PreviousItem as PreviousItem,
)
from vision.api.wire.incidents import (
    SimilarItem as SimilarItem,
)
from vision.api.wire.incidents import (
    VerdictBody as VerdictBody,
)
from vision.api.wire.incidents import (
    WitnessItem as WitnessItem,
)
from vision.api.wire.pressure import (
    PressureState as PressureState,
)
from vision.api.wire.speakers import (
    SpeakerChange as SpeakerChange,
)
from vision.api.wire.speakers import (
    SpeakerItem as SpeakerItem,
)
from vision.api.wire.statistics import (
    BayCounts as BayCounts,
)
from vision.api.wire.statistics import (
    BayFigures as BayFigures,
)
from vision.api.wire.statistics import (
    BayHour as BayHour,
)
from vision.api.wire.statistics import (
    CameraFigures as CameraFigures,
)
from vision.api.wire.statistics import (
    Figures as Figures,
)
from vision.api.wire.statistics import (
    FiledShare as FiledShare,
)
from vision.api.wire.statistics import (
    HeatCell as HeatCell,
)
from vision.api.wire.statistics import (
    RankItem as RankItem,
)
from vision.api.wire.statistics import (
    SpeakerEffect as SpeakerEffect,
)
from vision.api.wire.statistics import (
    Statistics as Statistics,
)
from vision.api.wire.statistics import (
    TrendPoint as TrendPoint,
)
from vision.api.wire.statistics import (
    TypeFigures as TypeFigures,
)
