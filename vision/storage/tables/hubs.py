"""Which hubs run, and which of them owns which share of the city's work."""

from datetime import datetime

from sqlalchemy import BigInteger, String
from sqlalchemy.orm import Mapped, mapped_column

from vision.storage.tables.base import Base


class HubRow(Base):
    """A running hub; times are the database's own."""

    __tablename__ = "hubs"

    name: Mapped[str] = mapped_column(String(80), primary_key=True)
    seen_at: Mapped[datetime]


class ShareRow(Base):
    """One share of the work. `token` grows with every new owner: a transaction of an earlier one is refused by it."""

    __tablename__ = "hub_shares"

    share: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    owner: Mapped[str | None] = mapped_column(String(80))
    token: Mapped[int] = mapped_column(BigInteger, default=0)
    until: Mapped[datetime | None]
