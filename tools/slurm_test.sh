#!/usr/bin/env bash
# Test as a job of Slurm: one task for each GPU, on GPUS / GPUS_PER_NODE nodes.
# Another interpreter than `python`: PYTHON. Another port than 29500: PORT.
set -eu
usage="usage: [GPUS=4 GPUS_PER_NODE=4 CPUS_PER_TASK=5 SRUN_ARGS='...' PORT=29500] \
slurm_test.sh PARTITION JOB_NAME CONFIG CHECKPOINT [options of test.py]"
[ $# -ge 4 ] || { echo "$usage" >&2 && exit 2; }
partition=$1 job=$2 config=$3 checkpoint=$4
shift 4
gpus=${GPUS:-4}
per_node=${GPUS_PER_NODE:-$((gpus < 4 ? gpus : 4))}
# Split into words, unlike all else here: several options of srun in one variable.
read -r -a more <<<"${SRUN_ARGS-}"
tools=$(cd "$(dirname "$0")" && pwd)
export PYTHONPATH="$tools/..${PYTHONPATH:+:$PYTHONPATH}" MASTER_PORT="${PORT:-29500}"
exec srun --partition="$partition" --job-name="$job" --gres="gpu:$per_node" \
  --ntasks="$gpus" --ntasks-per-node="$per_node" \
  --cpus-per-task="${CPUS_PER_TASK:-5}" --kill-on-bad-exit=1 ${more[@]+"${more[@]}"} \
  "${PYTHON:-python}" -u "$tools/test.py" "$config" "$checkpoint" --launcher slurm "$@"
