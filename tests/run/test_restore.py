"""Bringing a trainer to the state of a checkpoint: what is set, in which order, what is dropped."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from types import SimpleNamespace
from typing import Any, cast

import pytest

from tests.golden_checkpoint import GOLDEN
from trainer.config.schema import Config
from trainer.errors import IncompatibleCheckpoint, RestoreFailed
from trainer.ppo.algorithm import TeamPPO
from trainer.ppo.policy_files import read_spec
from trainer.run.restore import restore
from trainer.run.saved_run import SavedRun
from trainer.run.saved_state.opponents_state import OpponentsState
from trainer.run.saved_state.resume_state import ResumeState, read_resume_state
from trainer.schedules.scheduler import Scheduler


class FakeTrainer:
    """Notes what is set, in order; fails in the step named `fails`."""

    def __init__(self, fails: str = "") -> None:
        self.fails = fails
        self.steps: list[str] = []
        self.given: dict[str, tuple[Any, ...]] = {}
        self.schedules: Scheduler | None = None
        self.opponents: dict[str, Any] = {}
        self.progress = SimpleNamespace(iteration=3, restore=self.step("progress", None))
        self.restore_state = self.step("state", None)
        self.push_weights = self.step("push", None)
        self.set_training_state = self.step("streams", ["runner 9 is gone"])
        self.check_weights = self.step("check", "0123456789abcdef")

    def step(self, name: str, result: Any) -> Callable[..., Any]:
        def made(*given: Any) -> Any:
            if name == self.fails:
                raise RuntimeError("hashes differ\nin full")
            self.steps.append(name)
            self.given[name] = given
            return result

        return made


@pytest.fixture(scope="module")
def saved() -> SavedRun:
    return SavedRun.open(GOLDEN)


@pytest.fixture(scope="module")
def state(saved: SavedRun) -> ResumeState:
    names = ("seeker_policy", "hider_policy")
    specs = {name: read_spec(GOLDEN / "policies" / name) for name in names}
    return read_resume_state(saved, specs, saved.config)


def changed(config: Config, **groups: dict[str, Any]) -> Config:
    values = config.to_dict()
    return Config.from_dict(
        {key: {**value, **groups.get(key, {})} for key, value in values.items()}
    )


def restored(state: ResumeState, config: Config) -> tuple[FakeTrainer, list[str]]:
    trainer = FakeTrainer()
    return trainer, restore(cast("TeamPPO", trainer), state, config, 300)


def test_random_streams_come_last_and_the_weights_are_compared(
    saved: SavedRun, state: ResumeState
) -> None:
    trainer, notes = restored(state, saved.config)
    assert trainer.steps == ["state", "push", "progress", "streams", "check"]
    assert trainer.given["state"] == (state.rllib,)
    assert trainer.given["streams"] == (state.training.worlds, state.training.values)
    assert notes == ["runner 9 is gone", "learner and runners hold the same weights (0123456789ab)"]
    assert trainer.schedules is not None
    assert trainer.schedules.iteration == 3
    assert state.training.schedules is not None
    name = "hider/entropy_coeff"
    assert trainer.schedules.state()["running"][name] == state.training.schedules["running"][name]


def test_another_game_starts_fresh_worlds_from_the_same_streams(
    saved: SavedRun, state: ResumeState
) -> None:
    trainer, notes = restored(state, changed(saved.config, env={"num_layouts": 5}))
    worlds, values = trainer.given["streams"]
    assert worlds == {}
    assert notes[0] == "worlds start fresh, the game has changed: env.num_layouts 4 -> 5"
    assert values["runners"]["0"]["random"] == state.training.values["runners"]["0"]["random"]
    assert not values["runners"]["0"]["started"]


def test_other_rewards_are_the_same_game(saved: SavedRun, state: ResumeState) -> None:
    trainer, notes = restored(state, changed(saved.config, env={"shaping_gamma": 0.5}))
    assert trainer.given["streams"][0] == state.training.worlds
    assert len(notes) == 2


def test_another_seed_starts_fresh_streams_in_the_same_worlds(
    saved: SavedRun, state: ResumeState
) -> None:
    trainer, notes = restored(state, changed(saved.config, train={"seed": 8}))
    worlds, values = trainer.given["streams"]
    assert worlds == state.training.worlds
    assert values["runners"]["0"]["random"] is None
    assert notes[0] == "random streams start anew from seed 8"


@pytest.mark.parametrize("step", ["state", "push", "progress", "streams", "check"])
def test_whatever_fails_is_told_in_one_line(saved: SavedRun, state: ResumeState, step: str) -> None:
    trainer = cast("TeamPPO", FakeTrainer(step))
    with pytest.raises(RestoreFailed) as caught:
        restore(trainer, state, saved.config, 300)
    assert str(caught.value) == f"{GOLDEN}: could not be restored: hashes differ"


def test_another_network_is_refused(saved: SavedRun) -> None:
    spec = read_spec(GOLDEN / "policies" / "seeker_policy")
    wider = replace(spec, hiddens=(16,))
    with pytest.raises(IncompatibleCheckpoint, match="seeker_policy cannot resume with another"):
        read_resume_state(saved, {"seeker_policy": wider}, saved.config)


@pytest.mark.parametrize("played", [True, False])
def test_earlier_policies_that_nobody_played_are_left_without_a_word(
    saved: SavedRun, state: ResumeState, played: bool
) -> None:
    kept = OpponentsState({}, {"random": None} if played else None)
    kept_state = replace(state, training=replace(state.training, opponents=kept))
    _, notes = restored(kept_state, saved.config)
    assert any("left behind" in note for note in notes) is played
