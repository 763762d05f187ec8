"""The orchestration core: agents, four patterns and their limits. It knows no Slack and no SQL."""
