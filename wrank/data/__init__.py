"""Collections and training lists: sources, the text table, sampling, collation."""
