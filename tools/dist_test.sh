#!/usr/bin/env bash
# Test on several GPUs, or in several processes (gloo) where there is no GPU.
# Several nodes: run this on each, with the same NNODES, MASTER_ADDR and PORT, and with
# NODE_RANK from 0 up. Another interpreter than `python`: PYTHON.
set -eu
usage="usage: [NNODES=1 NODE_RANK=0 MASTER_ADDR=127.0.0.1 PORT=29500] \
dist_test.sh CONFIG CHECKPOINT GPUS_OF_THIS_NODE [options of test.py]"
case ${3-} in '' | 0 | *[!0-9]*) echo "$usage" >&2 && exit 2 ;; esac
config=$1 checkpoint=$2 gpus=$3
shift 3
tools=$(cd "$(dirname "$0")" && pwd)
export PYTHONPATH="$tools/..${PYTHONPATH:+:$PYTHONPATH}"
exec "${PYTHON:-python}" -m mmdenoise.cli.launch \
  --nnodes="${NNODES:-1}" --node_rank="${NODE_RANK:-0}" \
  --master_addr="${MASTER_ADDR:-127.0.0.1}" --master_port="${PORT:-29500}" \
  --nproc_per_node="$gpus" "$tools/test.py" "$config" "$checkpoint" --launcher pytorch "$@"
