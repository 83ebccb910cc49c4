#!/usr/bin/env bash
# One node: dist_train.sh CONFIG GPUS [options of train.py]. Several: set NNODES, NODE_RANK,
# MASTER_ADDR and PORT alike, but for NODE_RANK, on each.
set -eu
CONFIG=$1 GPUS=$2
shift 2
HERE=$(cd "$(dirname "$0")" && pwd)
PYTHONPATH="$HERE/..:${PYTHONPATH:-}" exec "${PYTHON:-python}" -m torch.distributed.run \
  --nnodes="${NNODES:-1}" --node_rank="${NODE_RANK:-0}" \
  --master_addr="${MASTER_ADDR:-127.0.0.1}" --master_port="${PORT:-29500}" \
  --nproc_per_node="$GPUS" "$HERE/train.py" "$CONFIG" --launcher pytorch "$@"
