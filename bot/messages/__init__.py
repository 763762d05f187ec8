"""What people read and fill in: views, sentences, templates, Markdown, forms.

Face: `Renderer`, the view dataclasses, the form builders, `Mrkdwn`. It is pure: it never does I/O, knows no Slack
client and no store, and decides nothing about runs or money.
"""
