"""Shops, grids and bike operators as the registry's documents spell them."""

from typing import Annotated

from pydantic import Field, StringConstraints

from vision.config.base import GroundPoint, Id, Section

GridId = Annotated[str, StringConstraints(pattern=r"^\d{15}$")]
"""单元网格标识码, 15 digits."""
_MAIL = r"^([^@\s,;]+@[^@\s,;]+)?$"


class ShopConfig(Section):
    """A shop of the register (门前三包)."""

    name: str = Field(min_length=1, description="Name on the sign.")
    keeper: str = Field("", description="Who answers for it.")
    phone: str = Field("", pattern=r"^[0-9+() -]*$", description="Where messages go.")
    email: str = Field("", pattern=_MAIL, description="Where mails go.")
    grid: GridId | None = Field(None, description="Unit grid id (15 digits).")
    zone: str = Field("", description="Zone of its threshold as camera/zone.")
    position: GroundPoint | None = Field(None, description="[longitude, latitude], WGS-84.")


class BikeOperatorConfig(Section):
    """A company whose shared bikes stand about."""

    name: str = Field(min_length=1, description="Company.")
    phone: str = Field("", pattern=r"^[0-9+() -]*$", description="Duty phone.")
    email: str = Field("", pattern=_MAIL, description="Duty mailbox.")
    notifier: Id | None = Field(None, description="Notifier of its own; the ladder's if unset.")
    districts: tuple[str, ...] = Field((), description="Where it answers; everywhere if none.")


class GridConfig(Section):
    """A unit grid, block or street line, as one polygon (or more) on the ground."""

    name: str = Field("", description="What people call it.")
    kind: str = Field("grid", pattern=r"^(district|block|grid|line)$", description="district, block, grid or line.")
    parent: str = Field("", description="Id of the block or district that it belongs to.")
    district: str = Field("", description="District's name.")
    department: str = Field("", description="Department that answers for it.")
    department_code: str = Field("", pattern=r"^([0-9A-Z]{18})?$", description="Its unified social credit code.")
    department_phone: str = Field("", pattern=r"^[0-9+() -]*$", description="Where its messages go.")
    department_email: str = Field("", pattern=_MAIL, description="Where its mails go.")
    area_class: str = Field("", pattern=r"^[ABC]?$", description="A, B or C: which time limits hold.")
    polygons: tuple[tuple[GroundPoint, ...], ...] = Field(min_length=1, description="Outlines, [longitude, latitude].")
