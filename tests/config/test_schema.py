"""The schema: what is shipped is valid, and every mistake dies early with a message that helps."""

from pathlib import Path

import pytest
import yaml

from trainer.checkpoints.safe_io.plain_values import flatten
from trainer.config import synonyms
from trainer.config.loading import apply_overrides, load_config
from trainer.config.schema import Config, known_keys
from trainer.config.types import TEAMS, ConfigError

ROOT = Path(__file__).resolve().parents[2]


def test_the_shipped_file_holds_every_key_at_its_default() -> None:
    shipped = load_config(ROOT / "config.yaml")
    assert shipped == Config()
    written = flat(yaml.safe_load((ROOT / "config.yaml").read_text()))
    per_team = ("ppo.seeker.", "ppo.hider.", "schedules.seeker.", "schedules.hider.")
    assert set(written) == {
        key for key in flatten(Config().to_dict()) if not key.startswith(per_team)
    }


def flat(values: dict, prefix: str = "") -> list[str]:
    keys: list[str] = []
    for key, value in values.items():
        keys += flat(value, f"{prefix}{key}.") if isinstance(value, dict) else [f"{prefix}{key}"]
    return keys


def test_to_dict_and_yaml_round_trip() -> None:
    config = apply_overrides({}, ["ppo.hider.lr=0.001", "env.level=L2", "ppo.hiddens=[32, 16]"])
    assert Config.from_dict(yaml.safe_load(yaml.safe_dump(config.to_dict()))) == config


def test_a_team_takes_the_common_value_unless_it_has_its_own() -> None:
    config = Config.from_dict({"ppo": {"lr": 0.1, "hider": {"lr": 0.2, "hiddens": [7]}}})
    assert config.ppo.team("seeker").lr == 0.1
    assert config.ppo.team("hider").lr == 0.2
    assert config.ppo.team("hider").hiddens == (7,)
    assert set(TEAMS) == {"seeker", "hider"}


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("ppo.lrr=1", r"unknown key 'ppo\.lrr'; nearest: ppo\.lr"),
        ("lr=1", r"unknown key 'lr'; nearest: ppo\.lr"),
        ("pppo.lr=1", r"unknown key 'pppo'|nearest"),
        ("ppo.lr=fast", r"ppo\.lr = 'fast'"),
        ("ppo.lr=-1", r"ppo\.lr = -1"),
        ("ppo.gamma=1.5", r"ppo\.gamma = 1\.5"),
        ("ppo.num_iterations=0", r"ppo\.num_iterations = 0"),
        ("ppo.hiddens=[64, 0]", r"ppo\.hiddens"),
        ("ppo.activation=gelu", "'tanh' or 'relu'"),
        ("env.level=L9", "L9"),
        ("env.num_hiders=0", "num_hiders"),
        ("env.levle=L1", "level"),
        ("ppo.minibatch_size=999999999", "more than the 65536 agent-steps"),
        ("ray.num_learners=3", "multiple of it"),
        ("ray.num_cpus_per_env_runner=1.5", "must be a whole number, or a share of one"),
        (
            "ray.num_gpus_per_learner=1",
            r"num_learners is 0; set that to 1 .* train\.device to cuda",
        ),
        ("ray.num_gpus_per_learner=2", r"ray\.num_gpus_per_learner = 2"),
        ("ray.custom_resources={CPU: 2}", r"is no resource .* set ray\.num_cpus_per_env_runner"),
        ("ray.custom_resources={big: -1}", r"ray\.custom_resources.* = -1"),
        ("initialization.mode=warmstart", "needs warmstart.checkpoint"),
        ("initialization.resume={additional: 1, target_total: 2}", "exclude each other"),
        ("ppo.keep_best_metric=seen_fractoin", "'seen_fractoin': .*; nearest: seen_fraction$"),
        ("ppo.keep_best_metric=loss", r"one of iteration, reward_mean, .*perfect_hide"),
        ("ppo.keep_best_metric=seald", "nearest: sealed$"),
        ("ppo.keep_best_metric=sealed", "sealed is not measured at L0"),
        ("ppo.lr", "expected KEY=VALUE"),
        ("ppo.lr=[", "not valid YAML"),
        ("ppo=3", "ppo"),
    ],
)
def test_a_bad_override_names_itself(override: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message) as caught:
        apply_overrides({}, [override])
    assert override.split("=")[0].split(".")[-1][:3] in str(caught.value)
    assert str(caught.value).count("\n") <= 1


@pytest.mark.parametrize(
    ("level", "metric", "measured"),
    [
        ("L1", "door_blocked", True),
        ("L3", "sealed", True),
        ("L3", "seeker_crossings", False),
        ("L4", "seeker_crossings", True),
    ],
)
def test_the_best_can_be_told_by_what_the_level_has(
    level: str, metric: str, measured: bool
) -> None:
    asked = [f"env.level={level}", f"ppo.keep_best_metric={metric}"]
    if measured:
        assert apply_overrides({}, asked).ppo.keep_best_metric == metric
    else:
        with pytest.raises(ConfigError, match=f"{metric} is not measured at {level}"):
            apply_overrides({}, asked)


def test_yes_is_true_only_where_a_truth_value_is_expected() -> None:
    config = apply_overrides({}, ["ppo.normalize_obs=yes", "tracking.run_name=yes"])
    assert (config.ppo.normalize_obs, config.tracking.run_name) == (True, "yes")


def test_numbers_may_be_written_in_scientific_notation() -> None:
    assert apply_overrides({}, ["ppo.lr=3e-4"]).ppo.lr == 3e-4


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("ppo: [1, 2]", "ppo"),
        ("- 1", "expected groups of keys, found list"),
        ("ppo: {lr: 1", r"bad\.yaml: line 1|line"),
        ("just text", "expected groups of keys, found str"),
    ],
)
def test_a_bad_file_names_itself(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "bad.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=message) as caught:
        load_config(path)
    assert "bad.yaml" in str(caught.value)


def test_a_missing_file_names_the_nearest_one(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text("")
    with pytest.raises(ConfigError, match=r"confg\.yaml: no such file; nearest: .*config\.yaml"):
        load_config(tmp_path / "confg.yaml")
    assert load_config(tmp_path / "config.yaml") == Config()


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("ppo.lr_schedule_kwargs={step_size: 0.5}", "step_size = 0.5 must be a whole number"),
        ("ppo.lr_schedule_kwargs={gamma: .nan}", "gamma = nan must be above 0"),
        ("ppo.lr_schedule_kwargs={gama: 0.5}", "'gama' is unknown for type step; it takes"),
        ("schedules.lr={type: linear, end: 0.1}", "exclude each other"),
        (
            "schedules.lr={type: linear}",
            "type linear needs end and may have start, but has nothing",
        ),
        (
            "schedules.env={vision_angel: 90}",
            "unknown key 'schedules.env.vision_angel'; nearest: schedules.env.vision_angle",
        ),
        ("schedules.env={vision_angle: 400}", "cannot reach vision_angle = 400"),
        (
            "schedules.hider={logit_bias: {grab.hol: 1}}",
            "nearest: schedules.hider.logit_bias.grab.hold",
        ),
        ("schedules.clip_param={type: linear, end: 0}", "clip_param cannot become 0"),
        ("schedules.kl_target={type: piecewise, points: [[0, .nan]]}", "finite number"),
        (
            "schedules.lr={type: linear, ends: 1}",
            "unknown key 'schedules.lr.ends'; nearest: schedules.lr.end",
        ),
        ("schedules.lr={type: linear, stop: 1}", "nearest: schedules.lr.end"),
        ("schedules.env={vision_angle: {type: linear, stop: 1}}", "vision_angle.end"),
        ("schedules.lr={type: linear, qwertz: 1}", "'schedules.lr.qwertz'; there is: type, value,"),
        (
            "schedules.lr={type: linear, bump: {factor: 2, updates: 1, update: 1}}",
            "nearest: schedules.lr.bump.updates",
        ),
        (
            "schedules.lr={type:linear,end:0.1}",
            "schedules.lr: a space is missing after the colon of",
        ),
    ],
)
def test_a_schedule_that_cannot_be_is_refused(override: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        apply_overrides({}, ["ppo.lr_schedule_type=step", override])
    assert message in str(caught.value)


def test_each_team_may_warm_start_from_a_checkpoint_of_its_own() -> None:
    block = {"checkpoint": "best", "hider": "./other/checkpoint_000007"}
    initialization = {"mode": "warmstart", "warmstart": block}
    config = Config.from_dict({"initialization": initialization})
    sources = config.initialization.warmstart.sources()
    assert sources == {"seeker": "best", "hider": "./other/checkpoint_000007"}
    alone = Config.from_dict({"initialization": {"warmstart": {**block, "seeker": "fresh"}}})
    assert set(alone.initialization.warmstart.sources()) == {"hider"}


@pytest.mark.parametrize(
    ("key", "ours"),
    [
        ("ppo.learning_rate", "ppo.lr"),
        ("ray.num_workers", "ray.num_env_runners"),
        ("ppo.num_sgd_iter", "ppo.num_epochs"),
        ("ppo.sgd_minibatch_size", "ppo.minibatch_size"),
        ("ppo.seeker.learning_rate", "ppo.seeker.lr"),
        ("ppo.n_steps", "ppo.rollout_length"),
        ("ppo.ent_coef", "ppo.entropy_coeff"),
        ("ppo.vf_coef", "ppo.vf_loss_coeff"),
        ("ppo.gae_lambda", "ppo.lambda_"),
        ("ppo.lambda", "ppo.lambda_"),
        ("ppo.clip_range", "ppo.clip_param"),
        ("ppo.max_grad_norm", "ppo.grad_clip"),
        ("ray.num_envs_per_worker", "ray.num_envs_per_env_runner"),
        ("num_cpus_per_worker", "ray.num_cpus_per_env_runner"),
        ("num_gpus_per_learner_worker", "ray.num_gpus_per_learner"),
        ("train.lr_schedule_type", "ppo.lr_schedule_type"),
        ("training_mode", "initialization.mode"),
        ("initialization.init_mode", "initialization.mode"),
        ("env.phi_beta", "env.shaping_beta"),
        ("ppo.lr_schedule", "schedules.lr={type: linear, start: START, end: END}"),
        ("training={learning_rate: 1, n_epochs: 2}", "training.n_epochs: here it is ppo.num_ep"),
        ("ppo.total_timesteps", "ppo.num_env_steps"),
        ("ppo.train_batch_size", "ray.num_envs_per_env_runner worlds"),
        ("train.num_gpus", "train.device=cuda learns on a GPU"),
        ("ppo.torch_device", "here it is train.device"),
        ("load_path", "initialization.warmstart.checkpoint"),
        ("resume_checkpoint", "initialization.resume.checkpoint"),
        ("vecnorm_load_path", "moments of ppo.normalize_obs"),
        ("eval.every", "in the group evaluation, as evaluation.every"),
    ],
)
def test_a_key_of_another_trainer_is_answered_with_ours(key: str, ours: str) -> None:
    with pytest.raises(ConfigError) as caught:
        apply_overrides({}, [key if "=" in key else f"{key}=1"])
    assert ours in str(caught.value)


def test_a_key_like_no_other_gets_no_random_neighbor() -> None:
    with pytest.raises(ConfigError, match=r"'env\.qwertz'; the config\.yaml of the"):
        apply_overrides({}, ["env.qwertz=1"])
    with pytest.raises(ConfigError, match=r"'ppo\.green'; the teams are seeker, hider; the"):
        apply_overrides({}, ["ppo.green={lr: 0.1}"])


def test_every_answer_names_a_key_there_is() -> None:
    known = known_keys()
    for term, key in synonyms.KEYS.items():
        assert key in known, term
    own = {name.rpartition(".")[2] for name in known} - {"resume", "warmstart"}  # groups
    assert not own & set(synonyms.KEYS)
    assert set(synonyms.OPTIONS) <= set(known)
    for key in synonyms.SCHEDULED.values():
        assert key in known or key == "schedules.env.shaping_beta"


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("ppo.hiddens=64", "ppo.hiddens = 64: expected a list, such as [64, 64]"),
        ("ppo.num_iterations=1.5", "ppo.num_iterations = 1.5: expected a whole number"),
        ("ppo.vf_share_layers=7", "ppo.vf_share_layers = 7: expected true or false"),
        ("ppo.checkpoint_dir=7", "ppo.checkpoint_dir = 7: expected a text"),
        ("ppo.gamma=2", "ppo.gamma = 2: must be at most 1.0"),
        ("ppo.lr=0", "ppo.lr = 0: must be above 0.0"),
        ("ray=7", "expected keys with values"),
    ],
)
def test_a_wrong_value_is_told_in_our_words(override: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        apply_overrides({}, [override])
    assert message in str(caught.value)


def test_the_shaping_has_the_discount_of_the_learner() -> None:
    config = Config.from_dict({"ppo": {"gamma": 0.9}, "env": {"shaping_beta": 0.5}})
    assert config.game.shaping_gamma == 0.9
    assert config.env.shaping_gamma is None  # so that it follows when gamma is changed
    own = Config.from_dict({"ppo": {"gamma": 0.9}, "env": {"shaping_gamma": 0.998}})
    assert own.game.shaping_gamma == 0.998
    seekers = Config.from_dict({"ppo": {"seeker": {"gamma": 0.9}, "hider": {"gamma": 0.9}}})
    assert seekers.game.shaping_gamma == 0.9


@pytest.mark.parametrize(
    "shaping",
    [
        {"env": {"shaping_beta": 0.5}},
        {"schedules": {"env": {"shaping_beta": {"type": "linear", "start": 0.5, "end": 0.0}}}},
    ],
)
def test_teams_with_discounts_of_their_own_need_one_for_the_shaping(shaping: dict) -> None:
    values = {"ppo": {"hider": {"gamma": 0.99}}, **shaping}
    with pytest.raises(ConfigError, match=r"env\.shaping_gamma = null .*seeker 0\.98, hider 0\.99"):
        Config.from_dict(values)
    Config.from_dict({"ppo": {"hider": {"gamma": 0.99}}})  # without shaping it does not matter
    values["env"] = {**values.get("env", {}), "shaping_gamma": 0.98}
    assert Config.from_dict(values).game.shaping_gamma == 0.98
