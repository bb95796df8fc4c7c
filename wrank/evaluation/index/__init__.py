"""Approximate search by FAISS: one index a file, and how much of the exact search it finds."""
