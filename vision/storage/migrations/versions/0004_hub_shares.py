"""Several hubs share the work: who runs, and who owns which share."""

import sqlalchemy as sa
from alembic import op

from vision.storage.tables.base import UtcTime

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "hubs",
        sa.Column("name", sa.String(length=80), nullable=False),
        sa.Column("seen_at", UtcTime(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_hubs")),
    )
    op.create_table(
        "hub_shares",
        sa.Column("share", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("owner", sa.String(length=80), nullable=True),
        sa.Column("token", sa.BigInteger(), nullable=False),
        sa.Column("until", UtcTime(), nullable=True),
        sa.PrimaryKeyConstraint("share", name=op.f("pk_hub_shares")),
    )


def downgrade() -> None:
    op.drop_table("hub_shares")
    op.drop_table("hubs")
