"""Independent judges of graded data: an encoder's similarity order, or a language model's grades."""
