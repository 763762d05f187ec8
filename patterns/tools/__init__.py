"""The tool loop: an agent that looks things up and acts, each call held, bounded, approved, sent once and journalled.

Face: `loop.ToolLoop` runs a step whose agent has tools, `price.quote_with_tools` bounds what that costs,
`sources` reads from a journal what was looked up. It knows no MCP; `mcp` holds the adapter behind the port `ToolBox`.
"""
