"""This trainer, with one of its engines, in the project's own environment.

python -m benchmarks.peers.ours --engine fused
"""

from __future__ import annotations

import trainer.cluster.environment  # noqa: F401 - first: Ray reads it at import
from benchmarks.peers.measuring import parser, report
from benchmarks.workload import default_config
from trainer.ppo_trainer import create_ppo_trainer
from trainer.project import VERSION


def main() -> None:
    arguments = parser(__doc__)
    arguments.add_argument("--engine", choices=("fused", "torch"), required=True)
    args = arguments.parse_args()
    learner, _ = create_ppo_trainer(default_config(f"train.engine={args.engine}"))

    def iterate() -> int:
        learner.train()
        return learner.last.agent_steps

    report(VERSION, args.iterations, iterate)


if __name__ == "__main__":
    main()
