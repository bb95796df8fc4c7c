"""Re-ranking by relevance feedback, measured on the residual collection."""
