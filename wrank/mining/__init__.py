"""Finds hard negatives: rankings of the corpus for judged queries, and what is kept of them."""
