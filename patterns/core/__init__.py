"""Values, errors and ports that everything else is written in terms of.

Face: `ports` (what the core needs from outside), `context`, `calls`, `events`, `money`, `limits`, `errors`. Never does
I/O and imports nothing of ours outside this package.
"""
