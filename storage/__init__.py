"""Everything that is kept: plain named SQL over SQLite and PostgreSQL, one implementation for both."""
