"""What remote runners sample reaches those who learn from it, or is said to be lost; a real Ray."""

import threading
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pytest
import ray
from hypothesis import given
from hypothesis import strategies as st

from tests.ppo.building import build_trainer
from tests.ppo.one_step_env import OneStepEnv
from trainer.cluster.ray_session import start_ray, stop_ray
from trainer.config.schema import Config
from trainer.errors import ProcessDied
from trainer.ppo import remote_runners
from trainer.ppo.algorithm import TeamPPO
from trainer.ppo.remote_rollouts import TAKEN, Piece, RolloutLost, StoredSample, shards_of
from trainer.ppo.rollout import RolloutBatch

CONFIG = Config.from_dict(
    {
        "ppo": {"rollout_length": 8, "minibatch_size": 64},
        "ray": {"num_envs_per_env_runner": 6, "num_env_runners": 3, "num_learners": 2},
    }
)
NOTHING = np.empty(0)


@pytest.fixture(scope="module", autouse=True)
def running_ray() -> Iterator[None]:
    start_ray(CONFIG.ray)
    yield
    stop_ray()


def stored(runner: int, rollout: Any, num_envs: int) -> StoredSample:
    return StoredSample(runner, rollout, num_envs, 0, 0, NOTHING, NOTHING)


def filled(num_envs: int, value: float) -> RolloutBatch:
    batch = RolloutBatch.allocate(OneStepEnv(1).teams, 4, num_envs)
    for team in batch.teams.values():
        team.obs[:] = value + np.arange(num_envs)[None, :, None, None]
    return batch


@given(widths=st.lists(st.integers(1, 9), min_size=1, max_size=6), count=st.integers(1, 4))
def test_shards_are_equal_and_follow_the_worlds_of_all_runners(
    widths: list[int], count: int
) -> None:
    samples = [stored(number, None, width) for number, width in enumerate(widths, 1)]
    worlds = [(sample.runner, world) for sample in samples for world in range(sample.num_envs)]
    shards = shards_of(samples, count)
    shared = [
        [(piece.runner, world) for piece in shard.pieces for world in _indices(piece)]
        for shard in shards
    ]
    width = len(worlds) // count
    assert [len(own) for own in shared] == [width] * count
    assert [world for own in shared for world in own] == worlds[: width * count]


def _indices(piece: Piece) -> range:
    return range(piece.worlds.start, piece.worlds.stop)


def test_shards_hold_what_the_runners_sampled() -> None:
    batches = [filled(3, 10.0), filled(3, 20.0)]
    samples = [stored(number, ray.put(batch), 3) for number, batch in enumerate(batches, 1)]
    first, last = (shard.fetch() for shard in shards_of(samples, 2))
    one = shards_of(samples, 1)[0].fetch()
    assert one.teams["hider"].obs[0, :, 0, 0].tolist() == [10, 11, 12, 20, 21, 22]
    assert first.teams["hider"].obs[0, :, 0, 0].tolist() == [10, 11, 12]
    assert last.teams["hider"].obs[0, :, 0, 0].tolist() == [20, 21, 22]
    assert one.teams["seeker"].obs.flags.writeable


@ray.remote
def never() -> None:
    threading.Event().wait()


def test_a_rollout_that_does_not_come_in_time_is_not_said_to_be_of_the_dead() -> None:
    late = never.remote()
    samples = [stored(1, ray.put(filled(3, 10.0)), 3), stored(2, late, 3)]
    with pytest.raises(RolloutLost) as raised:
        shards_of(samples, 1)[0].fetch(patience_s=1.0)
    ray.cancel(late, force=True)
    assert raised.value.reasons == {
        2: "its rollout did not arrive within 1 s: "
        "the network or an object store of Ray is too slow"
    }


@pytest.mark.filterwarnings("ignore::DeprecationWarning:ray.data.context")
def test_learners_and_runners_of_any_number_learn_from_every_step(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    trainer = build_trainer(CONFIG, OneStepEnv)
    try:
        found = remote_runners.sample(trainer, lambda: None)
        # No reference is left that would keep the rollouts in a store while they are learned from.
        assert [sample.rollout for sample, _ in found.samples.values()] == [None] * 3
        assert found.batch == [TAKEN] * 2
        assert found.undelivered == {}
        for _ in range(2):
            trainer.train()
            assert trainer.last.env_steps == 3 * 6 * 8
            rows = trainer.last.learned["hider_policy"]["rows"]
            assert rows == 3 * 6 * 8 / 2  # of one learner
        trainer.check_weights()

        def lose_all(trainer: TeamPPO, samples: Sequence[StoredSample]) -> None:
            raise RolloutLost({sample.runner: "too slow" for sample in samples})

        monkeypatch.setattr(remote_runners, "hand_out", lose_all)
        monkeypatch.setattr(remote_runners, "_RESTART_S", 0.0)
        said = r"^no env runner \(3\) gave a rollout; of runner 1, too slow"
        with pytest.raises(ProcessDied, match=said):  # and not that all have died
            remote_runners.sample(trainer, lambda: None)
    finally:
        trainer.stop()
