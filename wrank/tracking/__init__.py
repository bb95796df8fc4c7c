"""What a run is called and where its figures go."""
