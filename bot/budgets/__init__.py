"""Budgets for those who answer for them: reports, changes, alerts, reconciliation.

Face: `BudgetService`, `Alerts`. It never holds or settles money, and never starts a run.
"""
