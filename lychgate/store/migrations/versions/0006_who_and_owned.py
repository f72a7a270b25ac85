"""Who made and changed an object, and which objects are not listed by themselves."""

import json

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns and the index of lists; mark the policies of single applications."""
    for name in ("created_by", "updated_by"):
        op.add_column("objects", sa.Column(name, sa.Text, nullable=False, server_default=""))
    owned = sa.Column("owned", sa.Boolean, nullable=False, server_default=sa.false())
    op.add_column("objects", owned)
    op.create_index("ix_objects_listed", "objects", ["kind", "owned", "seq"])
    _mark()


def _mark() -> None:
    kind, id, body = (sa.column(name, sa.Text) for name in ("kind", "id", "body"))
    objects = sa.table("objects", kind, id, body, sa.column("owned", sa.Boolean))
    connection = op.get_bind()
    policies = connection.execute(sa.select(id, body).where(kind == "policy"))
    found = [row.id for row in policies if json.loads(row.body).get("reusable") is False]
    marked = sa.update(objects).where(kind == "policy", id == sa.bindparam("this"))
    if found:
        connection.execute(marked.values(owned=True), [{"this": one} for one in found])
