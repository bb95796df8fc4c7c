"""Graded texts from a language model: recipes, engines, and the pipeline between them."""
