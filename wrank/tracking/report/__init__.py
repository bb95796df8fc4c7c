"""The report over a store: tables, page, differences between runs, and where a figure comes from."""
