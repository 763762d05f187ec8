"""The shop of the tour: a server of tools, the roster with the clerk who uses it, and the clerk's prompt."""
