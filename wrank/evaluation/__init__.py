"""Encode, search, measure."""
