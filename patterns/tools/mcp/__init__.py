"""Tool servers over the Model Context Protocol: the only importer of `mcp`, which it imports late.

Face: `servers.ToolServers` is the process's servers, and the `ToolBox` of each roster over them.
"""
