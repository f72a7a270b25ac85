"""What several nodes share: counted visits, issuers, results of calls, and who does the chores."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None
serves = "0007"


def upgrade() -> None:
    """Make the tables and the counters."""
    op.create_table(
        "visits",
        sa.Column("who", sa.LargeBinary, primary_key=True),
        sa.Column("span", sa.BigInteger, primary_key=True),
        sa.Column("count", sa.Integer, nullable=False),
        sa.Column("expires_at", sa.BigInteger, nullable=False),
    )
    op.create_index("ix_visits_expires_at", "visits", ["expires_at"])
    op.create_table(
        "issuers",
        sa.Column("idp", sa.Text, primary_key=True),
        sa.Column("settings", sa.Text, nullable=False),
        sa.Column("issuer", sa.Text, nullable=False),
    )
    op.create_table(
        "results",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("content", sa.Text, nullable=False),
        sa.Column("expires_at", sa.BigInteger, nullable=False),
    )
    op.create_index("ix_results_expires_at", "results", ["expires_at"])
    op.execute("INSERT INTO counters (name, value) VALUES ('issued', 0), ('tidied', 0)")
