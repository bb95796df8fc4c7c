#!/usr/bin/env bash
# The runs behind results.csv. Usage: run.sh tune|cranfield|msmarco-dl FOLDER [SEEDS] [core|zero|published]
# FOLDER in BEIR's layout; SEEDS as 0,1,2; core: target none; zero: in_batch_target=graded_zero; published: ws2 as published.
# Finished runs are found in the store and not done again, so the same line goes on where it stopped. WRANK="nice -n 19 wrank" is possible.
set -euo pipefail
part=${1:?tune, cranfield or msmarco-dl} folder=${2:?the folder of the collection} seeds=${3:-0,1,2,3,4} which=${4:-core zero published}
budget="data=beir data.path=$folder data.lists.size=4 data.lists.judged=3 model.query_length=64 model.passage_length=64
  trainer.batch_size=16 trainer.checkpoint_steps=1000"
tune() {
  ${WRANK:-wrank} train -m $budget evaluation=fast data/lists=hard study=graded_vs_binary_tuning data.dev_share=0.33 seed=0 \
    trainer.dev_passages=500 "$@"
}
run() { ${WRANK:-wrank} run -m $budget trainer.learning_rate=6e-5 data.dev_share=0 "seed=$seeds" "$@"; }
gz='loss.in_batch_target=choice(graded_zero)' # choice(): a key that only some of the swept losses have
case $part in
tune) # Cranfield's training queries alone: 100 to train on, 50 to choose by
  tune trainer.max_steps=14 trainer.dev_steps=7 trainer.learning_rate=2e-5,6e-5 loss=infonce,kl,ws2
  short="trainer.learning_rate=6e-5 trainer.max_steps=10 trainer.dev_steps=1000"
  tune $short loss=kl,ws2_paired,w1_grade,listnet loss.temperature=0.1 loss.label_temperature=0.5,1.0
  tune $short loss=ws2 loss.temperature=0.2 loss.label_temperature=0.5,1.0
  tune $short loss=infonce loss.temperature=0.05,0.1
  tune $short loss=bce_graded loss.max_grade=4 loss.scale=20 loss.bias=-10,-14
  tune $short loss=ws2 loss.temperature=0.2 "$gz" loss.label_temperature=0.25,0.5
  tune $short loss=kl,w1_grade loss.temperature=0.1 "$gz" loss.label_temperature=0.25,0.5
  tune $short loss=ws2_paired loss.temperature=0.1 "$gz" loss.label_temperature=0.5
  exit ;;
cranfield) budget="$budget trainer.max_steps=10" top=4 ;;
msmarco-dl) budget="$budget trainer.max_steps=8" top=3 ;;
*) echo "unknown part $part" >&2; exit 2 ;;
esac
for word in $which; do
  case $word in
  core)
    run experiment=graded_vs_binary_infonce loss.temperature=0.1
    run experiment=graded_vs_binary_ws2,graded_vs_binary_kl,graded_vs_binary_w1_grade # their presets were the better ones
    run experiment=graded_vs_binary_ws2_paired,graded_vs_binary_listnet 'loss.temperature=choice(0.1)' 'loss.label_temperature=choice(0.5)'
    run experiment=graded_vs_binary_bce_graded loss.max_grade=$top loss.bias=-14
    ;;
  zero)
    run experiment=graded_vs_binary_ws2,graded_vs_binary_kl,graded_vs_binary_w1_grade,graded_vs_binary_ws2_paired \
      "$gz" 'loss.label_temperature=choice(0.25)'
    ;;
  published) run experiment=graded_vs_binary_ws2_published model.similarity=dot model.normalize=false ;;
  *) echo "unknown word $word: core, zero or published" >&2; exit 2 ;;
  esac
done
