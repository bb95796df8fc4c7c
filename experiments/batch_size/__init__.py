"""Study: ws2 and the number of passages in a batch."""
