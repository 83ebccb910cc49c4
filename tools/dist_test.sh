#!/usr/bin/env bash
# One node: dist_test.sh CONFIG CHECKPOINT GPUS [options of test.py]. Several: set NNODES, NODE_RANK,
# MASTER_ADDR and PORT alike, but for NODE_RANK, on each.
set -eu
CONFIG=$1 CHECKPOINT=$2 GPUS=$3
shift 3
HERE=$(cd "$(dirname "$0")" && pwd)
PYTHONPATH="$HERE/..:${PYTHONPATH:-}" exec "${PYTHON:-python}" -m torch.distributed.run \
  --nnodes="${NNODES:-1}" --node_rank="${NODE_RANK:-0}" \
  --master_addr="${MASTER_ADDR:-127.0.0.1}" --master_port="${PORT:-29500}" \
  --nproc_per_node="$GPUS" "$HERE/test.py" "$CONFIG" "$CHECKPOINT" --launcher pytorch "$@"
