"""Makes ``results.csv`` from the store that the study was run with: ``table.py STORE [--expect]``."""

import sys

from experiments.results import Study, main

STUDY = Study(name="batch_size", system=("loss", "label_temperature", "batch_size"))

if __name__ == "__main__":
    sys.exit(main(STUDY, sys.argv[1:]))
