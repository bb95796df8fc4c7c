"""Study: training on passages that were written."""
