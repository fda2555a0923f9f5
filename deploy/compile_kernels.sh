#!/usr/bin/env bash
# Compiles the kernels of the game and of the engine, by trainings of one iteration.
# The Dockerfile runs it; APP is the folder of the program.
set -euo pipefail
app="${APP:-/app}"
scratch="$(mktemp -d)"
trap 'rm -rf "$scratch"' EXIT

cd "$scratch"
for level in L0 Q; do  # scripted players with boxes and ramps have kernels of their own
  python "$app/main.py" --fresh --iterations 1 --checkpoint-dir "$scratch/$level" \
    --set "env.level=$level" --set ray.num_envs_per_env_runner=8 --set ppo.minibatch_size=512 \
    --set tracking.tensorboard_dir=null
done
python -m compileall -q "$app"
