"""The Slack Web API: exactly-once posts, rate limits, tokens, installs, uploads.

Face: `Slack.of(workspace)`, `SlackError`, `SlackNotifier`. This is the only package that sends to Slack; it never
decides what is said and knows no run.
"""
