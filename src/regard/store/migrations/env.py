"""Where Alembic enters; `regard.store.state` hands it the open transaction."""

from __future__ import annotations

from alembic import context

from regard.store.tables import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata, render_as_batch=True)
context.run_migrations()
