"""A game of one's own is trained, saved, listed and resumed exactly: of one team, and of three."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from envs.batch_env import TeamSpec
from envs.game import Game
from envs.game_shape import GameMistake
from tests.run.count_env import CountEnv
from trainer.checkpoints.manager import CheckpointManager
from trainer.commands.checkpoint_tools.list_checkpoints import run as list_checkpoints
from trainer.config.own_game import config_class
from trainer.config.schema import Config
from trainer.config.types import ConfigError
from trainer.errors import IncompatibleCheckpoint, UsageError
from trainer.ppo_trainer import create_ppo_trainer, train
from trainer.run.identity import RunOrigin
from trainer.run.saved_run import SavedRun

TEAMS = {"alone": {"alone": 2}, "three": {"red": 1, "blue": 2, "green": 1}}


def game(kind: str, **settings: Any) -> Game:
    make_env = partial(CountEnv, TEAMS[kind])
    return Game("counting", make_env, settings or {"step": 1}, parameters={"bonus": 0.5})


def values(folder: Path, **ppo: Any) -> dict[str, Any]:
    return {
        "ppo": {
            "checkpoint_dir": str(folder / "checkpoints"),
            "num_iterations": 4,
            "checkpoint_freq": 2,
            "rollout_length": 8,
            "minibatch_size": 32,
            "hiddens": [8],
            "num_epochs": 1,
            **ppo,
        },
        "ray": {"num_envs_per_env_runner": 8},
        "schedules": {"env": {"bonus": {"type": "linear", "start": 0.5, "end": 1.0}}},
        "tracking": {"tensorboard_dir": str(folder / "runs"), "window_episodes": 50},
    }


def same(first: Mapping[str, Any], second: Mapping[str, Any]) -> None:
    """That two metrics rows tell the same, but for times."""
    timed = ("time/", "agent_steps_per_s")
    keys = [key for key in first if not key.startswith(timed)]
    assert set(first) == set(second)
    np.testing.assert_equal([first[key] for key in keys], [second[key] for key in keys])


@pytest.mark.parametrize("kind", TEAMS)
def test_trained_saved_listed_and_resumed_to_the_same_bits(
    kind: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    played, teams = game(kind), TEAMS[kind]
    best = {"keep_best_metric": "game/highest", "keep_best_n": 1}
    whole = train(values(tmp_path / "whole", **best), game=played)
    assert (whole.iteration, whole.finished, whole.exit_code) == (4, True, 0)
    folder = tmp_path / "parts" / "checkpoints"
    half = train(values(tmp_path / "parts"), game=played, until=2)
    assert half.checkpoint == folder / "checkpoint_000002"
    origin = RunOrigin(saved=SavedRun.open(half.checkpoint))
    rest = train(values(tmp_path / "parts"), game=played, origin=origin)
    assert rest.iteration == 4

    first, second = (history(tmp_path / part / "checkpoints") for part in ("whole", "parts"))
    for one, other in zip(first, second, strict=True):
        same(one, other)
    last = first[-1]
    assert {f"{team}/kl" for team in teams} == {key for key in last if key.endswith("/kl")}
    assert last["env/bonus"] == pytest.approx(0.875)
    assert last["game/highest"] > 0
    assert "seen_fraction" not in last

    (newest, *_) = CheckpointManager(folder).list_checkpoints()[::-1]
    assert newest["iteration"] == 4
    for team in teams:
        assert newest[f"{team}_reward"] == last[f"{team}_reward"]
    assert newest["game/highest"] == last["game/highest"]
    assert (folder / "training_metrics_iter_4.png").is_file()
    assert list_checkpoints([str(folder), "-d"]) == 0
    shown = capsys.readouterr().out
    assert "checkpoint_000004" in shown
    assert "Seeker" not in shown


def history(folder: Path) -> list[dict[str, Any]]:
    lines = (folder / "metrics_history.jsonl").read_text().splitlines()
    return [json.loads(line) for line in lines]


def test_other_settings_start_fresh_worlds_and_another_game_is_refused(tmp_path: Path) -> None:
    short = values(tmp_path, num_iterations=1)
    checkpoint = train(short, game=game("alone")).checkpoint
    assert checkpoint is not None
    trainer, _ = create_ppo_trainer(short, checkpoint, game=game("alone", step=2))
    try:
        assert "env.step 1 -> 2" in trainer.restore_notes[0]
        action = trainer.compute_single_action(np.zeros(2, np.float32), "alone_policy")
        assert action.shape == (2,)
    finally:
        trainer.stop()
    other = Game("other", partial(CountEnv, TEAMS["alone"]), parameters={"bonus": 0.5})
    with pytest.raises(IncompatibleCheckpoint, match=r"game counting, not of other"):
        create_ppo_trainer(short, checkpoint, game=other)
    with pytest.raises(IncompatibleCheckpoint, match=r"game counting, not of hide and seek"):
        create_ppo_trainer(Config(), checkpoint)
    with pytest.raises(ConfigError, match=r"of the game 'counting'"):
        _ = SavedRun.open(checkpoint).config


def test_teams_take_turns_and_have_settings_of_their_own() -> None:
    schema = config_class(game("three"))
    given = {
        "ppo": {"minibatch_size": 32, "lr": 0.01, "blue": {"lr": 0.02}},
        "schedules": {"green": {"lr": 0.03}},
        "train": {"alternate": {"every": 1, "first": "blue"}},
    }
    config = schema.from_dict(given)
    assert [config.ppo.team(team).lr for team in TEAMS["three"]] == [0.01, 0.02, 0.01]
    assert set(config.configured_schedules) == {"green/lr"}
    assert schema.from_dict(config.to_dict()) == config


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"env": {"level": "L0"}}, "env must be left out"),
        ({"ppo": {"keep_best_metric": "seeker_reward"}}, "no number of metadata.json; nearest"),
        ({"ppo": {"keep_best_metric": "perfect_hide"}}, "one of .* red_reward, .* game/highest"),
        ({"ppo": {"purple": {"lr": 0.1}}}, "'ppo.purple'; the teams are red, blue, green"),
        ({"ppo": {"seeker": {"lr": 0.1}}}, "unknown key 'ppo.seeker'"),
        ({"train": {"alternate": {"first": "seeker"}}}, "must be 'red', 'blue' or 'green'"),
        ({"schedules": {"env": {"vision_angle": 90.0}}}, "unknown key 'schedules.env.vision"),
        ({"schedules": {"logit_bias": {"forward.ahead": 1.0}}}, "no such action choice"),
    ],
)
def test_what_is_of_another_game_is_refused(given: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        config_class(game("three")).from_dict(given)


def test_a_configuration_of_another_game_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"not of the game 'counting'"):
        create_ppo_trainer(Config(), game=game("alone"))


@pytest.mark.parametrize("team", ["Red", "red team", "env", "time", "game", "newest"])
def test_names_that_would_clash_are_refused(team: str) -> None:
    with pytest.raises(ValueError, match="no name of a game or a team"):
        Game("counting", partial(CountEnv, {team: 1}))


def test_a_team_is_not_called_like_a_setting() -> None:
    with pytest.raises(ValueError, match="no team can be called 'lr'"):
        config_class(Game("counting", partial(CountEnv, {"lr": 1})))


def test_a_network_that_could_not_be_read_back_is_refused(tmp_path: Path) -> None:
    class Wide(CountEnv):
        def __init__(self, num_envs: int) -> None:
            super().__init__({"red": 1}, num_envs)
            self.teams = (TeamSpec("red", ("red_0",), 2, (3, 2) + (1,) * 1023),)

    made = Game("counting", Wide)
    with pytest.raises(ConfigError, match=r"team 'red' .*: nvec has 1025 entries, more than 1024"):
        create_ppo_trainer({"ppo": {"minibatch_size": 32}}, game=made)


def test_settings_hold_neither_the_name_nor_credentials() -> None:
    make_env = partial(CountEnv, {"red": 1})
    with pytest.raises(ValueError, match="settings cannot hold 'game'"):
        Game("counting", make_env, settings={"game": "other"})
    with pytest.raises(ValueError, match="must not hold credentials"):
        config_class(Game("counting", make_env, settings={"map": "https://user:pw@host/map"}))


def test_settings_are_plain_values() -> None:
    with pytest.raises(ValueError, match="plain values"):
        Game("counting", partial(CountEnv, {"red": 1}), settings={"made": object()})


def test_statistics_that_the_trainer_reads_are_there() -> None:
    class Silent(CountEnv):
        stat_names = ("length",)

        def __init__(self, num_envs: int) -> None:
            super().__init__({"red": 1}, num_envs)
            self.stat_names = ("length",)

    with pytest.raises(GameMistake, match=r"^game 'counting': stat_names lack 'red_return'"):
        Game("counting", Silent)


def test_a_program_that_trains_again_does_not_mix_two_runs(tmp_path: Path) -> None:
    played = game("alone")
    checkpoint = train(values(tmp_path), game=played, until=2).checkpoint
    with pytest.raises(UsageError, match="already holds 1 checkpoint"):
        train(values(tmp_path), game=played, until=2)
    assert checkpoint is not None
    assert [path.name for path in tmp_path.rglob("checkpoint_0*")] == [checkpoint.name]
