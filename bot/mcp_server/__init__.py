"""Ourselves as a tool: an MCP server that editors and other agents ask, with the same money, access and journal.

Face: `desk` says what can be asked, `server` speaks the protocol, `http` lets in who has a token.
"""
