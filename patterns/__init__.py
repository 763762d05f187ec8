"""Run agents in four patterns under limits of money, time and steps.

Face: `flow.resolve` and `flow.run_flow` over `services.open_services`, and the patterns in `router`, `pipeline`,
`broadcast` and `supervisor`. Never touches Slack, SQL or a scheduler; models are reached only through
`agent.AgentRunner`.
"""
