"""Read the roster file (models, agents, flows, limits, budgets) and its prompt templates, and check them as a whole.

Face: `roster.load_roster` and `roster.Roster`. Never calls a model, and never keeps an expanded environment variable.
"""
