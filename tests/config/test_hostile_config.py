"""Configurations that mean something else than they seem to, or more than a machine can hold."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st

from trainer.checkpoints.safe_io import safe_yaml
from trainer.config.loading import apply_overrides, load_config
from trainer.config.schema import Config
from trainer.config.types import ConfigError
from trainer.ppo_trainer import create_ppo_trainer
from trainer.run.memory_check import needed_bytes


@pytest.mark.parametrize(
    "item",
    [
        *("ppo.num_iterations=yes", "ppo.num_iterations=true", "ppo.num_iterations=1:30"),
        *("ppo.num_iterations=2.0", "ppo.num_iterations='5'", "ppo.num_iterations=10000000000"),
        *("ppo.lr=on", "ppo.lr=true", "ppo.lr='0.1'", "ppo.lr=1:30", "ppo.lr=.nan", "ppo.gamma=no"),
        *("ppo.hiddens=[true]", "ppo.hiddens=[100000]", "ppo.num_epochs=1000000"),
        *("ppo.rollout_length=1000000000", "ray.num_envs_per_env_runner=1000000000"),
        *("ray.num_env_runners=1000000", "ray.num_learners=1000000", "train.seed=true"),
        *("train.torch_threads=1000000", "train.alternate.every=true", "env.num_seekers=true"),
        *("env.num_layouts=1000000000000000000000000000000", "env.shaping_beta=1e300"),
        *("env.vision_angle=on", "env.episode_steps=1000000000", "tracking.window_episodes=1e30"),
        *("ppo.checkpoint_dir=", "ppo.checkpoint_dir=''", "ppo.checkpoint_dir=' '"),
        *('ppo.checkpoint_dir="a\\0b"', f"ppo.checkpoint_dir={'x' * 300}"),
        *("schedules.total_iterations=true", "schedules.lr={type: linear, end: yes}"),
        *(f"ppo.lr={'[' * 3000}", f"ppo.num_iterations={'9' * 5000}", "ppo.lr={<<: {}}"),
        *("ppo.lr={a: 1, a: 2}", "ppo.lr=!!python/name:os.system", "ppo.hiddens=&x [*x]"),
    ],
)
def test_a_value_is_never_made_to_fit(item: str) -> None:
    fine = ["ppo.clip_param=0.1", "train.alternate.first=hider"]
    with pytest.raises(ConfigError) as caught:
        apply_overrides({}, [fine[0], item, fine[1]])
    message = str(caught.value)
    key = item.partition("=")[0]
    assert message.startswith(f"--set {key}: ")  # and none of the others
    assert len(message) < 500


def test_the_override_at_fault_is_named_where_two_must_agree() -> None:
    with pytest.raises(
        ConfigError, match=r"^--set ray.num_learners: ray: 512 worlds cannot be shared"
    ):
        apply_overrides({}, ["train.seed=3", "ray.num_learners=3"])


@pytest.mark.parametrize(
    ("text", "value"),
    [("1e-3", 0.001), ("1e3", 1000.0), (".5", 0.5), ("1", 1.0), ("5E-4", 0.0005)],
)
def test_numbers_as_yaml_1_2_writes_them(text: str, value: float) -> None:
    assert apply_overrides({}, [f"ppo.lr={text}"]).ppo.lr == value


@pytest.mark.parametrize(
    "items",
    [
        ["ppo.rollout_length=100000", "ray.num_envs_per_env_runner=1000000"],
        ["ray.num_env_runners=1024", "ray.num_envs_per_env_runner=1000000"],
        ["env.num_layouts=4096", "env.shaping_beta=1", "ray.num_env_runners=1000"],
    ],
)
def test_what_no_machine_of_this_size_holds_is_refused_first(items: list[str]) -> None:
    config = apply_overrides({}, items)
    with pytest.raises(ConfigError, match=r"needs at least [\d,]+ GB, and this machine has"):
        create_ppo_trainer(config)
    assert needed_bytes(apply_overrides({}, [])) < 2**30


def test_an_iteration_is_a_selector() -> None:
    config = apply_overrides({}, ["initialization.resume.checkpoint=50"])
    assert config.initialization.resume.checkpoint == "50"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("ppo: {lr: 0.1}\nenv: {}\nppo: {lr: 0.2}", " line 3: key 'ppo' is given twice"),
        ("ppo:\n  lr: 0.1\n  lr: 0.2", " line 3: key 'lr' is given twice"),
        ("x: &x {a: 1}\nppo:\n  <<: [*x, *x]", " line 3: has a merge key"),
        ("ppo: [" * 500, "nested too deeply"),
        ("ppo: {lr: 1" + "0" * 5000 + "}", " line 1: a number of 5001 digits"),
        ("x" * 300_000, "more than 65536"),
        ("ppo: {lr: 1", " line 1: not valid YAML: expected ',' or '}'"),
        ("\xff", "not UTF-8"),
        ("- 1", "expected groups of keys, found list"),
    ],
)
def test_a_file_that_cannot_be_what_is_meant(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "config.yaml"
    path.write_bytes(text.encode("latin-1"))
    with pytest.raises(ConfigError) as caught:
        load_config(path)
    assert str(caught.value).startswith(f"{path}:")
    assert message in str(caught.value)


@pytest.mark.parametrize("name", ["pipe", "/dev/null", "/dev/zero", "loop", "a\0b", "x" * 300, "."])
def test_what_is_no_plain_file_is_no_configuration(tmp_path: Path, name: str) -> None:
    os.mkfifo(tmp_path / "pipe")  # opening it would wait forever
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    with pytest.raises(ConfigError, match="cannot be read: "):
        load_config(tmp_path / name)


def test_a_link_to_a_configuration_is_followed(tmp_path: Path) -> None:
    (tmp_path / "real.yaml").write_text("ppo: {lr: 1e-4}")
    (tmp_path / "config.yaml").symlink_to("real.yaml")
    assert load_config(tmp_path / "config.yaml").ppo.lr == 1e-4


def test_no_yaml_of_bearable_size_takes_long() -> None:
    """They are cut short by a limit; the time is that of PyYAML for the bytes."""
    for piece in ("- ", "a: ", "[", "{", "? ", "&a ", "*a ", "'", "!", "#\n", "a\n", "|\n ", "\t"):
        text = (piece * 20_000)[:20_000]
        try:
            safe_yaml.parse(text)
        except safe_yaml.YamlError as error:
            assert str(error)  # noqa: PT017


_TEXTS = st.text(max_size=20).filter(str.isprintable)  # as every name and place has to be


@settings(deadline=None)
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | _TEXTS,
        lambda inner: st.lists(inner) | st.dictionaries(_TEXTS, inner),
        max_leaves=20,
    )
)
@example(["1e3", "1e-3", ".5", "0o17", "1:30", "yes", "012", "~", "-.inf", ".nan", "0x1F", ""])
def test_what_is_written_is_read_back_whichever_yaml_it_is_taken_for(value: Any) -> None:
    text = safe_yaml.dump({"value": value})
    assert safe_yaml.parse(text) == {"value": value}
    assert yaml.safe_load(text) == {"value": value}


def test_numbers_that_pyyaml_leaves_as_texts_are_numbers() -> None:
    values = yaml.safe_load(
        "ppo: {lr: 1e-3, seeker: {lr: 5E-4}}\n"
        "schedules: {clip_param: 1e-1, hider: {lr: {type: piecewise, points: [[0, 1e-3]]}}}"
    )
    assert values["ppo"]["lr"] == "1e-3"
    config = Config.from_dict(values)
    assert (config.ppo.lr, config.ppo.seeker.lr) == (1e-3, 5e-4)
    assert config.schedules.clip_param is not None
    assert config.schedules.clip_param.value == 0.1
    assert config.schedules.hider.lr is not None
    assert config.schedules.hider.lr.points == ((0.0, 1e-3),)
    with pytest.raises(ConfigError, match=r"ppo\.lr = '0\.001': expected a number"):
        Config.from_dict({"ppo": {"lr": "0.001"}})
