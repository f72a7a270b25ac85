"""Runs the history on the connection it is handed, inside that connection's transaction."""

from alembic import context

from lychgate.store.tables import metadata

# SQLite's DDL is transactional as soon as the transaction is begun by hand, as `Database` does.
context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    transactional_ddl=True,
)
with context.begin_transaction():
    context.run_migrations()
