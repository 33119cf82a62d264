"""What each person has yet to see, and who vouches for a person."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from vision.storage.tables.base import UtcTime

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

JSON = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")


def upgrade() -> None:
    op.create_table(
        "shifts",
        sa.Column("actor", sa.String(length=100), nullable=False),
        sa.Column("seen_at", UtcTime(), nullable=False),
        sa.Column("unread_since", UtcTime(), nullable=False),
        sa.Column("opened", JSON, nullable=False),
        sa.PrimaryKeyConstraint("actor", name=op.f("pk_shifts")),
    )
    with op.batch_alter_table("users") as users:
        users.add_column(sa.Column("issuer", sa.String(length=200), nullable=True))


def downgrade() -> None:
    with op.batch_alter_table("users") as users:
        users.drop_column("issuer")
    op.drop_table("shifts")
