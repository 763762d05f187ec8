"""Cases with checks: what a dataset file says, whether an answer passes, and what many answers say together. Pure.

Face: `dataset.read_dataset`, `checks.Check`, `report`. `bot.cli.eval_cases` runs the cases.
"""
