"""Hold every dollar against the monthly budgets before it is spent, and settle it; never call a model.

Face: `ledger.SqlLedger` (the port), `budgets.Budgets` (changes by admins), `balances.Balances` and `reports.Reports`
(reads), `verify.verify` (proof that the sums are right).
"""
