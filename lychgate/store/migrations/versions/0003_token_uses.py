"""When service tokens were last used."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "token_uses",
        sa.Column("token", sa.Text, primary_key=True),
        sa.Column("last_used_at", sa.BigInteger, nullable=False),
    )
