"""Run transaction scripts on SQLite or PostgreSQL behind one interface; never know what a table means.

Face: `connect.connect`, `database.Database`, `statements.Query`, and `migrate.migrate` for the schema.
"""
