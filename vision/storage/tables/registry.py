"""The registry: cameras (with views and zones), speakers, shops, grids, bike operators, each as one document."""

from datetime import datetime
from typing import Any

from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column

from vision.storage.tables.base import Base


class RegistryRow(Base):
    """One thing of the registry. The document is what config.schema's model of that kind dumps."""

    __tablename__ = "registry"

    kind: Mapped[str] = mapped_column(String(24), primary_key=True)  # camera, speaker, shop, grid, bike_operator
    id: Mapped[str] = mapped_column(String(80), primary_key=True)
    document: Mapped[dict[str, Any]]
    version: Mapped[int] = mapped_column(default=1)
    updated_at: Mapped[datetime]
    updated_by: Mapped[str] = mapped_column(String(80), default="config")
    deleted: Mapped[bool] = mapped_column(default=False)
