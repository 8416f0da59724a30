#!/bin/sh
# The part of each node in x: run it on all 2, in any order.
set -u
cd HERE || exit 2
export OMP_NUM_THREADS=${OMP_NUM_THREADS:-1}  # more threads than cores collapse the speed
export PYTHONUNBUFFERED=${PYTHONUNBUFFERED:-1}  # logs are followed as they are written
export NCCL_DEBUG=${NCCL_DEBUG:-WARN}  # NCCL then says why nodes do not meet, and else nothing
export TORCHEDU_STATUS=${TORCHEDU_STATUS:-HERE/jobs/x/status.json}  # how far it is, for who follows it
export TORCH_DISABLE_SHARE_RDZV_TCP_STORE=${TORCH_DISABLE_SHARE_RDZV_TCP_STORE:-1}  # after a restart workers would find the addresses of those before them in a shared one
export TORCHELASTIC_LOG_LINE_PREFIX_TEMPLATE='[rank ${rank}] '  # whose line of a node's log it is
PYTHON -c 'import torchedu' 2>/dev/null || {
  echo "node $(hostname): torchedu is not installed for PYTHON." >&2
  echo "Install on all nodes what this job was written with, in one place." >&2
  exit 2
}
PYTHON -m torchedu.launch.node check ...
exec timeout --signal=TERM --kill-after=120 28800 PYTHON -m torchedu.launch.node run node-1:29400 \
  PYTHON -m torch.distributed.run --rdzv-backend c10d --rdzv-endpoint node-1:29400 --rdzv-id x --rdzv-conf 'is_host={is_first}' --local-addr '{address}' \
  --nnodes 2 --nproc-per-node 4 --max-restarts 20 \
  --log-dir HERE/jobs/x/logs/ranks --tee 3 --no-python -- \
  TORCHEDU fit --run runs/x --trainer.accelerator cpu --model.net DKT --trainer.num_nodes 2 --trainer.devices 4 --resume auto
