"""Where collections come from: one reader a file."""
