"""Runs the migrations inside the transaction of the connection it is handed. Alembic loads it by path."""

from alembic import context

context.configure(connection=context.config.attributes["connection"], render_as_batch=True)
context.run_migrations()
