"""The shop of the tour: a tool server, the roster with the clerk who uses it, and the clerk's prompt."""
