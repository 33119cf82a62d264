"""How full bike bays were, hour by hour."""

import sqlalchemy as sa
from alembic import op

from vision.storage.tables.base import UtcTime

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "bay_hours",
        sa.Column("camera_id", sa.String(length=80), nullable=False),
        sa.Column("view_id", sa.String(length=80), nullable=False),
        sa.Column("zone_id", sa.String(length=80), nullable=False),
        sa.Column("hour_at", UtcTime(), nullable=False),
        sa.Column("district", sa.String(length=80), nullable=False),
        sa.Column("capacity", sa.Integer(), nullable=True),
        sa.Column("looks", sa.Integer(), nullable=False),
        sa.Column("bikes_sum", sa.Integer(), nullable=False),
        sa.Column("bikes_most", sa.Integer(), nullable=False),
        sa.Column("watched_s", sa.Double(), nullable=False),
        sa.Column("over_s", sa.Double(), nullable=False),
        sa.Column("counted_at", UtcTime(), nullable=False),
        sa.PrimaryKeyConstraint("camera_id", "view_id", "zone_id", "hour_at", name=op.f("pk_bay_hours")),
    )
    op.create_index(op.f("ix_bay_hours_hour_at"), "bay_hours", ["hour_at"], unique=False)


def downgrade() -> None:
    op.drop_index(op.f("ix_bay_hours_hour_at"), table_name="bay_hours")
    op.drop_table("bay_hours")
