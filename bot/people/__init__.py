"""Who a person is and what they may do, how a channel behaves, and what their budgets show.

Face: `Access`, `Directory`, `ChannelRules`, `ProfileLookup`. It never starts a run and never changes money.
"""
