#!/usr/bin/env bash
# The runs behind results.csv. Usage: experiments/temperature/run.sh FOLDER_OF_CRANFIELD
set -euo pipefail
common="data=beir data.path=$1 data.dev_share=0.33 trainer=cpu trainer.max_epochs=4 trainer.dev_steps=1000
  trainer.dev_passages=1400 trainer.checkpoint_steps=1000 model.query_length=64 model.passage_length=128 evaluation=fast seed=0"
wrank train $common loss=infonce loss.temperature=0.05
while IFS=, read -r loss temperature label_temperature _; do
  case $loss in loss | infonce) continue ;; esac
  wrank train $common loss="$loss" loss.temperature="$temperature" loss.label_temperature="$label_temperature"
done < "$(dirname "$0")/results.csv"
