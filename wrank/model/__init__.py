"""Encoders: transformer and pooling, bi-encoder, similarity, export."""
