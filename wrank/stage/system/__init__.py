"""What is evaluated: whatever ranks a corpus for queries."""
