"""What the work of a process looks like from outside: spans and metrics for OpenTelemetry, figures for Prometheus.

Face: `operations` names what is watched, `watched` wraps the two ports that do it, `observers.open_observers` says who
looks. Nothing in here decides anything, and a watcher that fails never fails a run.
"""
