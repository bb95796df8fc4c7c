#!/usr/bin/env bash
# The runs behind results.csv. Usage: run.sh FOLDER_OF_CRANFIELD [SEEDS]; target.csv: python -m experiments.batch_size.target
# 192 queries in each training, however large its batches. Finished runs are found in the store and not done again.
set -euo pipefail
folder=${1:?the folder of Cranfield} seeds=${2:-0,1,2}
run() {
  local queries=$1
  shift
  ${WRANK:-wrank} run -m data=beir data.path="$folder" data.lists.size=4 data.lists.judged=3 data.dev_share=0 model.query_length=64 \
    model.passage_length=64 trainer.learning_rate=6e-5 trainer.checkpoint_steps=1000 trainer.batch_size="$queries" \
    trainer.max_steps=$((192 / queries)) "seed=$seeds" "$@"
}
# label temperature 1 as published, and the one that keeps the own list's share of the target (target.csv)
run 4 experiment=batch_size_ws2 loss.in_batch_target=graded_zero loss.label_temperature=1.0
run 16 experiment=batch_size_ws2 loss.in_batch_target=graded_zero loss.label_temperature=1.0,0.62
run 64 experiment=batch_size_ws2 loss.in_batch_target=graded_zero loss.label_temperature=1.0,0.47
for queries in 4 16 64; do run $queries experiment=batch_size_infonce; done
