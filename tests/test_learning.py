"""That training works on the real game; minutes long (`make test-all`)."""

from __future__ import annotations

from pathlib import Path

import pytest

from trainer.config.loading import load_config
from trainer.ppo.matches import PolicyPlayer, RandomPlayer, play_matches
from trainer.ppo_trainer import create_ppo_trainer

ROOT = Path(__file__).resolve().parents[1]
NVEC = (3, 3, 5, 2, 3)
EPISODES = 1000


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_trained_seekers_see_more_and_trained_hiders_are_seen_less() -> None:
    """On L0, against random opponents: twice what random seekers see, half of random hiders."""
    config = load_config(
        ROOT / "config.yaml",
        ["env.level=L0", "tracking.tensorboard_dir=null", "train.seed=1"],
    )
    trainer, config = create_ppo_trainer(config)
    for _ in range(150):
        trainer.train()
    networks = trainer.networks()
    trained = {name: PolicyPlayer(networks[f"{name}_policy"]) for name in ("seeker", "hider")}
    random = RandomPlayer(NVEC)

    def seen(seeker: PolicyPlayer | RandomPlayer, hider: PolicyPlayer | RandomPlayer) -> float:
        stats = play_matches(config.env, seeker, hider, episodes=EPISODES, seed=7)
        return float(stats["seen_fraction"].mean())

    nobody = seen(random, random)
    assert seen(trained["seeker"], random) >= 2 * nobody
    assert seen(random, trained["hider"]) <= nobody / 2
    trainer.stop()
