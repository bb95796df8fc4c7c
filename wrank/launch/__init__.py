"""Sweeps: their jobs, where these run, what is true of each now."""
