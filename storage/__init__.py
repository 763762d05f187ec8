"""Persist runs, money and messages in SQLite or PostgreSQL with plain named SQL; never import Slack or a model client.

Face: `storage.database.connect.connect` opens a database, `storage.ledger` is the money, and each other module is one
store (`RunStore`, `SqlJournal`, `Inbox`, `Outbox`, `Questions`, …) built as `Store(db, clock)`.
"""
