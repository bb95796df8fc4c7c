#!/usr/bin/env bash
# The runs behind results.csv. Usage: run.sh GENERATION [SEEDS]
# GENERATION: the folder of what this line wrote (about 11 minutes on two cores; it never writes the same twice):
#   wrank generate data=sample generator=graded generator/engine=vllm generator.engine.interpreter=.venv-vllm/bin/python generator.limit=64
# Finished runs are found in the store and not done again. WRANK="nice -n 19 wrank" is possible.
set -euo pipefail
generation=${1:?the folder of a generation} seeds=${2:-0,1,2}
sample=$(cd "$(dirname "$0")/../../wrank/data/sample" && pwd)
# two levels: 2 and 3 become 3, 0 and 1 become 0, so that the range of grades stays
two='data.mix.steps=[{_target_:wrank.data.step.relabel.Relabel,map:{0:0,1:0,2:3,3:3}}]'
run() {
  ${WRANK:-wrank} run -m data=synthetic_graded data.path="$sample" data.dev_share=0 model.query_length=64 model.passage_length=64 \
    trainer.batch_size=16 trainer.max_steps=8 trainer.learning_rate=6e-5 trainer.checkpoint_steps=1000 "seed=$seeds" "$@"
}
both=experiment=synthetic_infonce,synthetic_ws2
run $both name=sample_4 data.mix.parts.synthetic.source=null
run $both name=sample_2 data.mix.parts.synthetic.source=null "$two"
run $both name=smollm2_4 data.generation="$generation"
run $both name=smollm2_2 data.generation="$generation" "$two"
