#!/usr/bin/env bash
# Writes for the sample's 64 training queries, is killed after 40 replies, goes on, and audits both collections.
set -euo pipefail
wrank generate data=sample generator=graded generator/engine=vllm generator.limit=64 &
writer=$!
until [ "$(cat store/generation/.partial-*/.replies/*.jsonl 2>/dev/null | wc -l)" -ge 40 ]; do sleep 1; done
kill -9 "$writer"
wait "$writer" || true
wrank generate data=sample generator=graded generator/engine=vllm generator.limit=64
wrank audit data=sample
