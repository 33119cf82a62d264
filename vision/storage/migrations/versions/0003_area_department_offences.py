"""Area class and department of an incident's place, and the offences before it."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

JSON = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")


def upgrade() -> None:
    with op.batch_alter_table("incidents") as incidents:
        incidents.add_column(sa.Column("previous", JSON, nullable=False, server_default="[]"))
        incidents.add_column(sa.Column("area_class", sa.String(length=1), nullable=False, server_default=""))
        incidents.add_column(sa.Column("department", sa.String(length=120), nullable=False, server_default=""))
        incidents.add_column(sa.Column("department_code", sa.String(length=18), nullable=False, server_default=""))


def downgrade() -> None:
    with op.batch_alter_table("incidents") as incidents:
        for name in ("department_code", "department", "area_class", "previous"):
            incidents.drop_column(name)
