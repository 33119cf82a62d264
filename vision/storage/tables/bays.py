"""How full bike bays were, hour by hour."""

from datetime import datetime

from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column

from vision.storage.tables.base import Base


class BayHourRow(Base):
    """One bay's counts in one hour (UTC)."""

    __tablename__ = "bay_hours"

    camera_id: Mapped[str] = mapped_column(String(80), primary_key=True)
    view_id: Mapped[str] = mapped_column(String(80), primary_key=True)
    zone_id: Mapped[str] = mapped_column(String(80), primary_key=True)
    hour_at: Mapped[datetime] = mapped_column(primary_key=True, index=True)
    district: Mapped[str] = mapped_column(String(80), default="")
    capacity: Mapped[int | None]  # as it was at the last count
    looks: Mapped[int] = mapped_column(default=0)
    bikes_sum: Mapped[int] = mapped_column(default=0)
    bikes_most: Mapped[int] = mapped_column(default=0)
    watched_s: Mapped[float] = mapped_column(default=0.0)  # between counts, a long silence left out
    over_s: Mapped[float] = mapped_column(default=0.0)  # of these, with more bikes than the bay holds
    counted_at: Mapped[datetime]  # the newest count taken in
