"""What `make bench` runs: wrank beside its peers, in one run, as ratios."""
