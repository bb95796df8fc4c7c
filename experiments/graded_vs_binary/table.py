"""Makes ``results.csv`` from the store that the study was run with: ``table.py STORE [--expect]``."""

import sys

from experiments.results import Study, main

STUDY = Study(name="graded_vs_binary", system=("loss", "in_batch_target"))

if __name__ == "__main__":
    sys.exit(main(STUDY, sys.argv[1:]))
