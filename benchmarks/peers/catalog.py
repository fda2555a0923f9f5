"""Who is compared, and what each does differently from this trainer."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent

ALL_ROWS = "no action masks, no exclusion of frozen rows"


@dataclass(frozen=True)
class Peer:
    """Another trainer.

    Attributes:
        name: as on the command line; without its last part "-2" also the name of its file, of its
            requirements and of its environment.
        title: in the table.
        differs: from this trainer, in short; its file says it in full.
        words: of its command line.
    """

    name: str
    title: str
    differs: str
    words: tuple[str, ...] = ()

    @property
    def library(self) -> str:
        return self.name.removesuffix("-2")

    @property
    def requirements(self) -> Path:
        return HERE / f"requirements-{self.library}.txt"

    @property
    def build_requirements(self) -> Path:
        """What is built from source, after the others; most peers have no such file."""
        return HERE / f"requirements-{self.library}-build.txt"


PEERS = (
    Peer(
        "sb3",
        "Stable-Baselines3, a PPO per team, in threads",
        f"{ALL_ROWS}; value loss not clipped; advantages standardized per minibatch",
    ),
    Peer(
        "pufferlib",
        "PufferLib, a PuffeRL per team, in threads",
        f"{ALL_ROWS}; minibatches of whole rollouts, drawn instead of shuffled; advantages anew "
        "for each; its own clipped value loss",
    ),
    Peer(
        "skrl",
        "skrl, a PPO per team, in threads",
        f"{ALL_ROWS}; value loss not clipped",
    ),
    Peer(
        "cleanrl",
        "a loop in CleanRL's style, the teams' updates in threads",
        "nothing in what is computed; plain torch, with its own tanh",
    ),
    Peer(
        "jax",
        "JAX, one jitted update per team",
        "frozen rows are computed with weight 0",
    ),
    Peer(
        "jax-2",
        "the same, a CPU device per team",
        "frozen rows are computed with weight 0",
        ("--devices", "2"),
    ),
)

ENGINES = ("fused", "torch")
"""Of this trainer; each is measured beside every peer."""
