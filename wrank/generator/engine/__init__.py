"""Language models that answer requests, one engine a file."""
