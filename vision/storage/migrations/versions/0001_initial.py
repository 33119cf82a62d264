"""The first schema."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from vision.storage.tables.base import UtcTime

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

JSON = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")


def upgrade() -> None:
    op.create_table(
        "announcements",
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("incident_id", sa.String(length=32), nullable=True),
        sa.Column("delivery_key", sa.String(length=80), nullable=True),
        sa.Column("speaker_id", sa.String(length=80), nullable=False),
        sa.Column("phrase_id", sa.String(length=80), nullable=True),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("actor", sa.String(length=80), nullable=False),
        sa.Column("at", UtcTime(), nullable=False),
        sa.Column("duration_s", sa.Double(), nullable=False),
        sa.Column("outcome", sa.String(length=16), nullable=False),
        sa.Column("reason_zh", sa.Text(), nullable=False),
        sa.Column("reason_en", sa.Text(), nullable=False),
        sa.Column("audio_key", sa.String(length=200), nullable=True),
        sa.Column("proof", JSON, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_announcements")),
        sa.UniqueConstraint("delivery_key", name=op.f("uq_announcements_delivery_key")),
    )
    op.create_index(op.f("ix_announcements_at"), "announcements", ["at"], unique=False)
    op.create_index(op.f("ix_announcements_incident_id"), "announcements", ["incident_id"], unique=False)
    op.create_index(op.f("ix_announcements_speaker_id_at"), "announcements", ["speaker_id", "at"], unique=False)
    op.create_table(
        "api_keys",
        sa.Column("id", sa.String(length=16), nullable=False),
        sa.Column("name", sa.String(length=80), nullable=False),
        sa.Column("key_sha256", sa.String(length=64), nullable=False),
        sa.Column("role", sa.String(length=16), nullable=False),
        sa.Column("districts", JSON, nullable=False),
        sa.Column("created_at", UtcTime(), nullable=False),
        sa.Column("expires_at", UtcTime(), nullable=True),
        sa.Column("revoked_at", UtcTime(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_api_keys")),
        sa.UniqueConstraint("key_sha256", name=op.f("uq_api_keys_key_sha256")),
    )
    op.create_table(
        "audit_log",
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("at", UtcTime(), nullable=False),
        sa.Column("actor", sa.String(length=80), nullable=False),
        sa.Column("action", sa.String(length=80), nullable=False),
        sa.Column("subject", sa.String(length=200), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("detail", JSON, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit_log")),
    )
    op.create_index(op.f("ix_audit_log_actor_at"), "audit_log", ["actor", "at"], unique=False)
    op.create_index(op.f("ix_audit_log_at"), "audit_log", ["at"], unique=False)
    op.create_table(
        "callbacks",
        sa.Column("platform", sa.String(length=80), nullable=False),
        sa.Column("event_id", sa.String(length=120), nullable=False),
        sa.Column("received_at", UtcTime(), nullable=False),
        sa.PrimaryKeyConstraint("platform", "event_id", name=op.f("pk_callbacks")),
    )
    op.create_index(op.f("ix_callbacks_received_at"), "callbacks", ["received_at"], unique=False)
    op.create_table(
        "feed_cursors",
        sa.Column("name", sa.String(length=120), nullable=False),
        sa.Column("alert_id", sa.Integer(), nullable=False),
        sa.Column("updated_at", UtcTime(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_feed_cursors")),
    )
    op.create_table(
        "finding_segments",
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("district", sa.String(length=80), nullable=False),
        sa.Column("begins_at", UtcTime(), nullable=False),
        sa.Column("ends_at", UtcTime(), nullable=False),
        sa.Column("runs", sa.Integer(), nullable=False),
        sa.Column("looks", sa.Integer(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_finding_segments")),
    )
    op.create_index(
        op.f("ix_finding_segments_district_begins_at"), "finding_segments", ["district", "begins_at"], unique=False
    )
    op.create_index(op.f("ix_finding_segments_ends_at"), "finding_segments", ["ends_at"], unique=False)
    op.create_table(
        "incidents",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("type", sa.String(length=24), nullable=False),
        sa.Column("subtype", sa.String(length=24), nullable=False),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("camera_id", sa.String(length=80), nullable=False),
        sa.Column("view_id", sa.String(length=80), nullable=False),
        sa.Column("zone_id", sa.String(length=80), nullable=False),
        sa.Column("place", sa.String(length=200), nullable=False),
        sa.Column("district", sa.String(length=80), nullable=False),
        sa.Column("grid_id", sa.String(length=40), nullable=True),
        sa.Column("shop_id", sa.String(length=80), nullable=True),
        sa.Column("colour", sa.String(length=8), nullable=True),
        sa.Column("offences", sa.Integer(), nullable=False),
        sa.Column("longitude", sa.Double(), nullable=True),
        sa.Column("latitude", sa.Double(), nullable=True),
        sa.Column("began_at", UtcTime(), nullable=False),
        sa.Column("confirmed_at", UtcTime(), nullable=True),
        sa.Column("last_seen_at", UtcTime(), nullable=False),
        sa.Column("ended_at", UtcTime(), nullable=True),
        sa.Column("object_count", sa.Integer(), nullable=False),
        sa.Column("confidence", sa.Double(), nullable=False),
        sa.Column("verdict", sa.String(length=16), nullable=True),
        sa.Column("verdict_by", sa.String(length=80), nullable=True),
        sa.Column("why_zh", sa.Text(), nullable=False),
        sa.Column("why_en", sa.Text(), nullable=False),
        sa.Column("standard_ref", sa.String(length=40), nullable=False),
        sa.Column("event_code", sa.String(length=16), nullable=False),
        sa.Column("claimed_by", sa.String(length=80), nullable=True),
        sa.Column("claimed_until", UtcTime(), nullable=True),
        sa.Column("waiting", sa.String(length=16), nullable=False),
        sa.Column("watched", sa.Boolean(), nullable=False),
        sa.Column("next_timer_at", UtcTime(), nullable=True),
        sa.Column("log_seq", sa.Integer(), nullable=False),
        sa.Column("state", JSON, nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("updated_at", UtcTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_incidents")),
    )
    op.create_index(
        op.f("ix_incidents_camera_id_view_id_zone_id_type_status"),
        "incidents",
        ["camera_id", "view_id", "zone_id", "type", "status"],
        unique=False,
    )
    op.create_index(op.f("ix_incidents_next_timer_at"), "incidents", ["next_timer_at"], unique=False)
    op.create_index(op.f("ix_incidents_shop_id_confirmed_at"), "incidents", ["shop_id", "confirmed_at"], unique=False)
    op.create_index(
        op.f("ix_incidents_status_type_began_at"), "incidents", ["status", "type", "began_at"], unique=False
    )
    op.create_index(op.f("ix_incidents_updated_at"), "incidents", ["updated_at"], unique=False)
    op.create_index(op.f("ix_incidents_watched"), "incidents", ["watched"], unique=False)
    op.create_table(
        "login_sessions",
        sa.Column("token_sha256", sa.String(length=64), nullable=False),
        sa.Column("user_name", sa.String(length=80), nullable=False),
        sa.Column("created_at", UtcTime(), nullable=False),
        sa.Column("expires_at", UtcTime(), nullable=False),
        sa.Column("seen_at", UtcTime(), nullable=False),
        sa.Column("csrf", sa.String(length=64), nullable=False),
        sa.Column("address", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("token_sha256", name=op.f("pk_login_sessions")),
    )
    op.create_index(op.f("ix_login_sessions_user_name"), "login_sessions", ["user_name"], unique=False)
    op.create_table(
        "one_time_links",
        sa.Column("token_sha256", sa.String(length=64), nullable=False),
        sa.Column("user_name", sa.String(length=80), nullable=False),
        sa.Column("created_at", UtcTime(), nullable=False),
        sa.Column("expires_at", UtcTime(), nullable=False),
        sa.Column("used_at", UtcTime(), nullable=True),
        sa.PrimaryKeyConstraint("token_sha256", name=op.f("pk_one_time_links")),
    )
    op.create_index(op.f("ix_one_time_links_user_name"), "one_time_links", ["user_name"], unique=False)
    op.create_table(
        "phrases",
        sa.Column("id", sa.String(length=80), nullable=False),
        sa.Column("document", JSON, nullable=False),
        sa.Column("audio_key", sa.String(length=200), nullable=True),
        sa.Column("updated_at", UtcTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_phrases")),
    )
    op.create_table(
        "registry",
        sa.Column("kind", sa.String(length=24), nullable=False),
        sa.Column("id", sa.String(length=80), nullable=False),
        sa.Column("document", JSON, nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("updated_at", UtcTime(), nullable=False),
        sa.Column("updated_by", sa.String(length=80), nullable=False),
        sa.Column("deleted", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("kind", "id", name=op.f("pk_registry")),
    )
    op.create_table(
        "suppressions",
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("document", JSON, nullable=False),
        sa.Column("begins_at", UtcTime(), nullable=False),
        sa.Column("ends_at", UtcTime(), nullable=False),
        sa.Column("approved_by", sa.String(length=80), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_suppressions")),
    )
    op.create_table(
        "users",
        sa.Column("name", sa.String(length=80), nullable=False),
        sa.Column("password_hash", sa.Text(), nullable=True),
        sa.Column("role", sa.String(length=16), nullable=False),
        sa.Column("districts", JSON, nullable=False),
        sa.Column("enabled", sa.Boolean(), nullable=False),
        sa.Column("settings", JSON, nullable=False),
        sa.Column("created_at", UtcTime(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_users")),
    )
    op.create_table(
        "alerts",
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("incident_id", sa.String(length=32), nullable=False),
        sa.Column("kind", sa.String(length=24), nullable=False),
        sa.Column("at", UtcTime(), nullable=False),
        sa.Column("payload", JSON, nullable=False),
        sa.ForeignKeyConstraint(["incident_id"], ["incidents.id"], name=op.f("fk_alerts_incident_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_alerts")),
    )
    op.create_index(op.f("ix_alerts_incident_id"), "alerts", ["incident_id"], unique=False)
    op.create_table(
        "cases",
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("incident_id", sa.String(length=32), nullable=False),
        sa.Column("platform", sa.String(length=80), nullable=False),
        sa.Column("platform_case_id", sa.String(length=120), nullable=True),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("platform_status", sa.String(length=80), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("due_at", UtcTime(), nullable=True),
        sa.Column("filed_at", UtcTime(), nullable=True),
        sa.Column("handled_at", UtcTime(), nullable=True),
        sa.Column("closed_at", UtcTime(), nullable=True),
        sa.Column("polled_at", UtcTime(), nullable=True),
        sa.Column("detail", JSON, nullable=False),
        sa.ForeignKeyConstraint(["incident_id"], ["incidents.id"], name=op.f("fk_cases_incident_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_cases")),
        sa.UniqueConstraint("incident_id", "platform", name=op.f("uq_cases_incident_id_platform")),
    )
    op.create_index(op.f("ix_cases_platform_platform_case_id"), "cases", ["platform", "platform_case_id"], unique=False)
    op.create_index(
        op.f("ix_cases_platform_status_polled_at"), "cases", ["platform", "status", "polled_at"], unique=False
    )
    op.create_index(op.f("ix_cases_status_due_at"), "cases", ["status", "due_at"], unique=False)
    op.create_table(
        "comments",
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("incident_id", sa.String(length=32), nullable=False),
        sa.Column("author", sa.String(length=80), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("at", UtcTime(), nullable=False),
        sa.ForeignKeyConstraint(["incident_id"], ["incidents.id"], name=op.f("fk_comments_incident_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_comments")),
    )
    op.create_index(op.f("ix_comments_incident_id"), "comments", ["incident_id"], unique=False)
    op.create_table(
        "evidence",
        sa.Column("id", sa.String(length=200), nullable=False),
        sa.Column("incident_id", sa.String(length=32), nullable=False),
        sa.Column("role", sa.String(length=16), nullable=False),
        sa.Column("media_type", sa.String(length=40), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("camera_id", sa.String(length=80), nullable=False),
        sa.Column("view_id", sa.String(length=80), nullable=False),
        sa.Column("captured_at", UtcTime(), nullable=False),
        sa.Column("time_source", sa.String(length=8), nullable=False),
        sa.Column("received_at", UtcTime(), nullable=False),
        sa.Column("detail", JSON, nullable=False),
        sa.ForeignKeyConstraint(["incident_id"], ["incidents.id"], name=op.f("fk_evidence_incident_id")),
        sa.PrimaryKeyConstraint("id", "incident_id", name=op.f("pk_evidence")),
    )
    op.create_index(op.f("ix_evidence_incident_id"), "evidence", ["incident_id"], unique=False)
    op.create_table(
        "incident_log",
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("incident_id", sa.String(length=32), nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("from_status", sa.String(length=16), nullable=True),
        sa.Column("to_status", sa.String(length=16), nullable=False),
        sa.Column("cause", sa.String(length=40), nullable=False),
        sa.Column("actor", sa.String(length=80), nullable=False),
        sa.Column("scene_at", UtcTime(), nullable=False),
        sa.Column("wall_at", UtcTime(), nullable=False),
        sa.Column("text_zh", sa.Text(), nullable=False),
        sa.Column("text_en", sa.Text(), nullable=False),
        sa.Column("detail", JSON, nullable=False),
        sa.ForeignKeyConstraint(["incident_id"], ["incidents.id"], name=op.f("fk_incident_log_incident_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_incident_log")),
        sa.UniqueConstraint("incident_id", "seq", name=op.f("uq_incident_log_incident_id_seq")),
    )
    op.create_table(
        "manifests",
        sa.Column("seq", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("incident_id", sa.String(length=32), nullable=False),
        sa.Column("incident_version", sa.Integer(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("previous", sa.String(length=64), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("sealed_at", UtcTime(), nullable=False),
        sa.ForeignKeyConstraint(["incident_id"], ["incidents.id"], name=op.f("fk_manifests_incident_id")),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_manifests")),
        sa.UniqueConstraint("sha256", name=op.f("uq_manifests_sha256")),
    )
    op.create_index(op.f("ix_manifests_incident_id_seq"), "manifests", ["incident_id", "seq"], unique=False)
    op.create_table(
        "outbox",
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("incident_id", sa.String(length=32), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("target", sa.String(length=80), nullable=False),
        sa.Column("idempotency_key", sa.String(length=80), nullable=False),
        sa.Column("payload", JSON, nullable=False),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("outcome_unknown", sa.Boolean(), nullable=False),
        sa.Column("next_at", UtcTime(), nullable=False),
        sa.Column("leased_until", UtcTime(), nullable=True),
        sa.Column("last_error", sa.Text(), nullable=False),
        sa.Column("created_at", UtcTime(), nullable=False),
        sa.Column("delivered_at", UtcTime(), nullable=True),
        sa.ForeignKeyConstraint(["incident_id"], ["incidents.id"], name=op.f("fk_outbox_incident_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_outbox")),
        sa.UniqueConstraint("idempotency_key", name=op.f("uq_outbox_idempotency_key")),
    )
    op.create_index(op.f("ix_outbox_incident_id_target_id"), "outbox", ["incident_id", "target", "id"], unique=False)
    op.create_index(op.f("ix_outbox_status_target_next_at"), "outbox", ["status", "target", "next_at"], unique=False)
    op.create_table(
        "witnesses",
        sa.Column("incident_id", sa.String(length=32), nullable=False),
        sa.Column("camera_id", sa.String(length=80), nullable=False),
        sa.Column("view_id", sa.String(length=80), nullable=False),
        sa.Column("zone_id", sa.String(length=80), nullable=False),
        sa.Column("first_seen_at", UtcTime(), nullable=False),
        sa.Column("last_seen_at", UtcTime(), nullable=False),
        sa.ForeignKeyConstraint(["incident_id"], ["incidents.id"], name=op.f("fk_witnesses_incident_id")),
        sa.PrimaryKeyConstraint("incident_id", "camera_id", "view_id", "zone_id", name=op.f("pk_witnesses")),
    )


def downgrade() -> None:
    op.drop_table("witnesses")
    op.drop_index(op.f("ix_outbox_status_target_next_at"), table_name="outbox")
    op.drop_index(op.f("ix_outbox_incident_id_target_id"), table_name="outbox")
    op.drop_table("outbox")
    op.drop_index(op.f("ix_manifests_incident_id_seq"), table_name="manifests")
    op.drop_table("manifests")
    op.drop_table("incident_log")
    op.drop_index(op.f("ix_evidence_incident_id"), table_name="evidence")
    op.drop_table("evidence")
    op.drop_index(op.f("ix_comments_incident_id"), table_name="comments")
    op.drop_table("comments")
    op.drop_index(op.f("ix_cases_status_due_at"), table_name="cases")
    op.drop_index(op.f("ix_cases_platform_status_polled_at"), table_name="cases")
    op.drop_index(op.f("ix_cases_platform_platform_case_id"), table_name="cases")
    op.drop_table("cases")
    op.drop_index(op.f("ix_alerts_incident_id"), table_name="alerts")
    op.drop_table("alerts")
    op.drop_table("users")
    op.drop_table("suppressions")
    op.drop_table("registry")
    op.drop_table("phrases")
    op.drop_index(op.f("ix_one_time_links_user_name"), table_name="one_time_links")
    op.drop_table("one_time_links")
    op.drop_index(op.f("ix_login_sessions_user_name"), table_name="login_sessions")
    op.drop_table("login_sessions")
    op.drop_index(op.f("ix_incidents_watched"), table_name="incidents")
    op.drop_index(op.f("ix_incidents_updated_at"), table_name="incidents")
    op.drop_index(op.f("ix_incidents_status_type_began_at"), table_name="incidents")
    op.drop_index(op.f("ix_incidents_shop_id_confirmed_at"), table_name="incidents")
    op.drop_index(op.f("ix_incidents_next_timer_at"), table_name="incidents")
    op.drop_index(op.f("ix_incidents_camera_id_view_id_zone_id_type_status"), table_name="incidents")
    op.drop_table("incidents")
    op.drop_index(op.f("ix_finding_segments_ends_at"), table_name="finding_segments")
    op.drop_index(op.f("ix_finding_segments_district_begins_at"), table_name="finding_segments")
    op.drop_table("finding_segments")
    op.drop_table("feed_cursors")
    op.drop_index(op.f("ix_callbacks_received_at"), table_name="callbacks")
    op.drop_table("callbacks")
    op.drop_index(op.f("ix_audit_log_at"), table_name="audit_log")
    op.drop_index(op.f("ix_audit_log_actor_at"), table_name="audit_log")
    op.drop_table("audit_log")
    op.drop_table("api_keys")
    op.drop_index(op.f("ix_announcements_speaker_id_at"), table_name="announcements")
    op.drop_index(op.f("ix_announcements_incident_id"), table_name="announcements")
    op.drop_index(op.f("ix_announcements_at"), table_name="announcements")
    op.drop_table("announcements")
