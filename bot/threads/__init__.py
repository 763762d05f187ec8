"""A run in its Slack thread: root, progress, cards, answer, review, follow-ups, attachments.

Face: `SlackThreadPresenter`, `RunService`, `ReviewService`. It never parses a payload, imports no listener, and sends
only through `bot.slack`.
"""
