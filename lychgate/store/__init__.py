"""The store: what administrators edited and what logins left behind, in SQLite or PostgreSQL."""
