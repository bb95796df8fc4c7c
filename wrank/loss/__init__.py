"""Losses: the contract in base.py and one loss a file."""
