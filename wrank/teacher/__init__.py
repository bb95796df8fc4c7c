"""Teachers: models that are too slow to search with, whose scores and preferences a retriever learns from."""
