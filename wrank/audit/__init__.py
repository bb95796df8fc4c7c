"""Is this graded data any good? Balance, duplicates, leaks, contamination, an independent judge."""
