"""Steps of a mix: what becomes of the graded pairs of a source; one step a file."""
