"""The tables a bot reads and writes besides those of its engine, each as the store that `storage` has for it."""

from bot.people.channel_rules import StoredRules
from bot.runs.engine import Engine
from storage.audit import AuditLog
from storage.channels import ChannelSettings
from storage.chores import Chores
from storage.inbox import Inbox
from storage.installations import Installations
from storage.ledger.budgets import Budgets
from storage.ledger.reports import Reports
from storage.new_channels import NewChannels
from storage.outbox import Outbox
from storage.personal_data import PersonalData
from storage.preferences import Preferences
from storage.run_stories import RunStories
from storage.shared_rate_limiter import SharedRateLimiter
from storage.threads import Threads
from storage.tool_grants import ToolGrants


class Stores:
    """One store per table, over the database and the clock of an engine."""

    def __init__(self, engine: Engine) -> None:
        db, clock, settings = engine.db, engine.clock, engine.settings
        self.audit_log = AuditLog(db, clock)
        self.budgets = Budgets(db, clock, engine.ledger.policy, guard=engine.guard)
        self.channels = ChannelSettings(db, clock)
        self.chores = Chores(db, clock)
        self.inbox = Inbox(db, clock)
        self.installations = Installations(db, clock, settings.fernet_keys) if settings.is_multi_workspace else None
        """None where one token serves the one workspace."""
        self.new_channels = NewChannels(db, clock)
        self.outbox = Outbox(db, clock)
        self.personal_data = PersonalData(db, clock, engine.files)
        self.preferences = Preferences(db, clock)
        self.reports = Reports(db, clock, engine.ledger.policy)
        self.rules = StoredRules(self.channels)
        self.run_stories = RunStories(db)
        self.shared_slots = None if settings.is_sqlite else SharedRateLimiter(db, clock)
        """None where one process alone speaks to Slack."""
        self.threads = Threads(db, clock)
        self.tool_grants = ToolGrants(db, clock)
