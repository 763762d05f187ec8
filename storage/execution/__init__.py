"""Own a run while it is executed, in few transactions: claim, decide, hold, settle, end; never decide what it does.

Face: `ownership.RunSessions` claims and ends runs, `session.RunSession` is the ports of one run between the two, and
`texts.read_texts` reads what it works on.
"""
