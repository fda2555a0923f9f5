"""Other trainers' names of settings, and our keys for them.

Standard library only: options are checked before anything heavy is imported.
"""

from __future__ import annotations

from trainer.checkpoints.safe_io.did_you_mean import nearest

_ALIKE = 0.85  # the least likeness of a misspelled term

_TERMS: dict[str, str] = {
    # PPO
    "ppo.lr": "learning_rate initial_lr init_lr base_lr learning_rate_init optimizer_lr adam_lr",
    "ppo.gamma": "discount discount_factor gae_gamma discount_gamma",
    "ppo.lambda_": "lambda lam lmbda gae_lambda gae_lam lambda_gae gae_lmbda",
    "ppo.clip_param": "clip_range clip_coef clip_eps clip_epsilon clip_ratio ratio_clip eps_clip "
    "cliprange ppo_clip clip epsilon_clip",
    "ppo.vf_clip_param": "clip_range_vf value_clip vf_clip cliprange_value clip_value_loss",
    "ppo.vf_loss_coeff": "vf_coef vf_coeff vf_loss_coef value_coef value_coeff value_loss_coef "
    "value_loss_coeff value_loss_scale critic_coef critic_coeff value_loss_weight",
    "ppo.entropy_coeff": "ent_coef ent_coeff entropy_coef entropy_coefficient entropy_weight "
    "entropy_loss_scale entropy_bonus entropy_loss_weight",
    "ppo.kl_coeff": "kl_coef init_kl_coef kl_weight kl_penalty",
    "ppo.kl_target": "target_kl desired_kl kl_threshold max_kl",
    "ppo.grad_clip": "max_grad_norm grad_norm grad_norm_clip clip_grad_norm gradient_clip "
    "gradient_clip_val gradient_clipping clip_grad",
    "ppo.num_epochs": "num_sgd_iter n_epochs nepochs update_epochs ppo_epochs ppo_epoch k_epochs "
    "learning_epochs noptepochs epochs num_ppo_epochs sgd_iters opt_epochs",
    "ppo.minibatch_size": "sgd_minibatch_size mini_batch_size batch_size sub_batch_size "
    "minibatch mini_batch ppo_batch_size",
    "ppo.rollout_length": "n_steps nsteps num_steps rollout_fragment_length rollouts "
    "rollout_steps num_rollout_steps steps_per_rollout steps_per_epoch horizon unroll_length",
    "ppo.reward_scale": "reward_scaling rewards_scale rewards_shaper_scale",
    "ppo.hiddens": "net_arch fcnet_hiddens hidden_sizes hidden_size hidden_dim hidden_dims "
    "hidden_layers hidden_units num_cells layer_sizes",
    "ppo.activation": "fcnet_activation activation_fn nonlinearity activation_function",
    "ppo.vf_share_layers": "share_layers shared_layers share_networks shared_network",
    "ppo.normalize_obs": "norm_obs normalize_observations observation_normalization obs_norm "
    "vecnormalize vec_normalize observation_filter state_preprocessor normalize",
    # how long, what is kept
    "ppo.num_iterations": "num_iters n_iterations n_iters max_iterations max_iters "
    "training_iterations training_iteration stop_iters num_updates n_updates",
    "ppo.num_env_steps": "total_timesteps timesteps max_timesteps num_timesteps total_steps "
    "max_steps total_env_steps max_env_steps stop_timesteps total_frames timesteps_total "
    "learn_timesteps",
    "ppo.num_episodes": "total_episodes n_episodes max_episodes episodes stop_episodes "
    "num_train_episodes",
    "ppo.checkpoint_freq": "checkpoint_frequency checkpoint_interval checkpoint_every save_freq "
    "save_frequency save_interval save_every",
    "ppo.checkpoint_dir": "checkpoints_dir checkpoint_folder save_dir save_path output_dir out_dir "
    "model_dir storage_path local_dir",
    "ppo.keep_last_n": "keep_checkpoints_num num_to_keep max_to_keep save_total_limit keep_last "
    "keep_n",
    "ppo.keep_best_metric": "checkpoint_score_attribute checkpoint_score_attr",
    "ppo.keep_best_mode": "checkpoint_score_order",
    # evaluations
    "evaluation.every": "evaluation_interval eval_interval eval_every eval_freq eval_frequency",
    "evaluation.games": "evaluation_duration eval_episodes n_eval_episodes num_eval_episodes "
    "eval_games",
    # where it runs
    "ray.num_env_runners": "num_workers n_workers workers num_rollout_workers num_actors "
    "ray_workers num_env_workers num_runners",
    "ray.num_envs_per_env_runner": "num_envs n_envs nenvs num_environments num_envs_per_worker "
    "envs_per_worker",
    "ray.num_learners": "num_learner_workers n_learners",
    "ray.num_cpus_per_env_runner": "num_cpus num_cpus_per_worker cpus_per_worker",
    "ray.num_gpus_per_learner": "num_gpus_per_learner_worker gpus_per_learner",
    "ray.custom_resources": "custom_resources_per_env_runner custom_resources_per_worker",
    "ray.address": "ray_address cluster_address redis_address head_address",
    "train.seed": "random_seed rng_seed torch_seed",
    "train.torch_threads": "num_threads n_threads torch_num_threads num_torch_threads",
    "train.device": "torch_device",
    "train.alternate.every": "alternate_every steps_per_alternation alternation_steps",
    # where it is written
    "tracking.run_name": "mlflow_run_name exp_name wandb_name",
    "tracking.tensorboard_dir": "tensorboard_log tensorboard log_dir logdir tb_log tb_log_name",
    "tracking.mlflow_experiment": "experiment_name mlflow_experiment_name project_name",
    "tracking.mlflow_uri": "tracking_uri mlflow_tracking_uri",
    # schedules, the game, how to start
    "ppo.lr_schedule_type": "lr_scheduler_type learning_rate_scheduler lr_scheduler",
    "ppo.lr_schedule_kwargs": "lr_scheduler_kwargs learning_rate_scheduler_kwargs",
    "ppo.lr_schedule_step_on": "lr_scheduler_step_on",
    "schedules.mode": "continue_schedule_mode schedule_continuation restart_entropy_on_continue",
    "env.shaping_beta": "phi_beta shaping_weight enable_phi_shaping",
    "env.shaping_gamma": "phi_gamma shaping_discount",
    "env.level": "difficulty stage map_name",
    "initialization.mode": "init_mode training_mode start_mode",
    "initialization.resume.checkpoint": "resume resume_path resume_from resume_checkpoint "
    "resume_model_path resume_from_checkpoint restore restore_checkpoint restore_path "
    "restore_from from_checkpoint continue_from checkpoint_path",
    "initialization.resume.additional": "resume_additional_timesteps additional_timesteps "
    "resume_additional resume_additional_iterations",
    "initialization.resume.target_total": "resume_target_total resume_target_total_timesteps "
    "resume_total_timesteps",
    "initialization.warmstart.checkpoint": "warmstart warm_start warmstart_path warmstart_from "
    "warmstart_checkpoint warmstart_model_path pretrained pretrained_path pretrained_model "
    "init_from transfer_from",
    "initialization.warmstart.normalizer": "warmstart_vecnorm_path warmstart_load_vecnorm",
}
KEYS = {term: key for key, terms in _TERMS.items() for term in terms.split()}

OPTIONS = {
    "ppo.num_iterations": "--iterations",
    "ppo.num_env_steps": "--until-steps",
    "ppo.num_episodes": "--until-episodes",
    "ppo.checkpoint_dir": "--checkpoint-dir",
    "train.seed": "--seed",
    "tracking.run_name": "--run-name",
    "schedules.mode": "--schedule-mode",
    "initialization.resume.checkpoint": "--resume",
    "initialization.warmstart.checkpoint": "--warmstart",
    "initialization.resume.additional": "--iterations",
    "initialization.resume.target_total": "--until",
}
"""Keys that an option stands for."""

_GPU = (
    "train.device=cuda learns on a GPU, ray.num_gpus_per_learner gives remote learners some; "
    "sampling stays on the CPU, where ray.num_env_runners (processes) and train.torch_threads "
    "spread it over its cores"
)
_BATCH = (
    "a batch is ppo.rollout_length steps of ray.num_envs_per_env_runner worlds "
    "(of each of ray.num_env_runners); set those"
)
_LOAD = (
    "initialization.resume.checkpoint (--resume PATH) resumes from a checkpoint, "
    "initialization.warmstart.checkpoint (--warmstart PATH) starts a new run with its networks"
)
_MOMENTS = "nothing to name: the moments of ppo.normalize_obs are saved and restored with a policy"
_NO_PASSES = (
    "this game has no passes; what changes in a game during training is set in schedules.env, "
    "e.g. schedules.env={vision_angle: {type: linear, start: 300, end: 135}}"
)
_NOTES: dict[str, str] = {
    _GPU: "num_gpus num_gpus_per_worker num_gpus_per_env_runner gpu gpus cuda use_gpu accelerator",
    _BATCH: "train_batch_size train_batch_size_per_learner frames_per_batch total_batch_size "
    "buffer_size",
    "ppo.minibatch_size is the size of one, in agent-steps of a team": "num_minibatches "
    "nminibatches n_minibatches mini_batches num_mini_batches",
    _LOAD: "load_path load load_model load_checkpoint model_path load_from model_checkpoint",
    _MOMENTS: "vecnorm_load_path vecnormalize_path resume_vecnorm_path vecnorm_path",
    _NO_PASSES: "pass_arc pass_oob_turnover_prob pass_arc_degrees pass_curriculum",
    "policy and value function have one optimizer, ppo.lr": "actor_lr critic_lr pi_lr vf_lr "
    "policy_lr value_lr lr_actor lr_critic",
    "ppo.critic=state lets the value function read the state that a game offers": ""
    "centralized_critic use_centralized_v use_centralized_critic centralized_value central_value "
    "central_critic asymmetric_critic critic_input use_global_state share_obs",
    "it is torch": "framework backend",
    "advantages are always GAE, of both teams standardized over the batch": "use_gae "
    "normalize_advantage norm_adv normalize_advantages gae use_critic",
    "TensorBoard files (tracking.tensorboard_dir) and MLflow (tracking.mlflow) are written": ""
    "wandb track use_wandb wandb_project_name wandb_project wandb_entity",
    "python demo_model.py plays a checkpoint, measures it and records it": "render "
    "render_mode capture_video record_video",
    "the games of a training are in the group evaluation, as evaluation.every": "eval evals",
    "each kind of progress has an option of its own: --iterations N more iterations": "n_more "
    "more_iterations additional_iterations",
    "less output is --quiet, a traceback --debug": "verbose verbosity log_level",
}
_SENTENCES = {term: text for text, terms in _NOTES.items() for term in terms.split()}

_SCHEDULED_TERMS = {
    "schedules.lr": "lr learning_rate",
    "schedules.entropy_coeff": "ent ent_coef entropy entropy_coeff entropy_coef ent_coeff",
    "schedules.clip_param": "clip clip_param clip_range clip_coef",
    "schedules.vf_loss_coeff": "vf_coef vf_loss_coeff value_coef",
    "schedules.env.shaping_beta": "phi phi_beta shaping_beta",
    "schedules.logit_bias": "pass_logit_bias logit_bias pass_bias",
}
SCHEDULED = {term: key for key, terms in _SCHEDULED_TERMS.items() for term in terms.split()}
_ENDINGS = {
    "start": "start initial init begin first",
    "end": "end final min target stop last",
    "type": "schedule schedule_type decay_type anneal annealing decay",
    "bump.factor": "bump_multiplier bump_factor",
    "bump.updates": "bump_updates bump_rollouts",
}
PARTS = {ending: part for part, endings in _ENDINGS.items() for ending in endings.split()}
_CURVES = {"lin": "linear", "exp": "exponential", "cos": "cosine"}
_CURVES |= {kind: kind for kind in _CURVES.values()}

Values = dict[str, str]


def normal(term: str) -> str:
    """A term as the table spells it: `--Learning-Rate` is learning_rate."""
    return term.strip().lstrip("-").replace("-", "_").lower()


def key_of(term: str) -> str | None:
    """Our key for another trainer's term, if there is one that takes the same values."""
    return KEYS.get(normal(term))


def sentence_of(term: str) -> str | None:
    """What to say of a term that has no key of its own here."""
    plain = normal(term)
    stem = part_of_schedule(plain)
    return _SENTENCES.get(plain) or (_SENTENCES.get(stem[0]) if stem else None)


def part_of_schedule(term: str) -> tuple[str, str] | None:
    """`ent_coef_start` -> (schedules.entropy_coeff, start); None if it is no part of a schedule."""
    words = normal(term).split("_")
    if words[:1] == ["anneal"]:
        words = [*words[1:], "anneal"]
    for cut in range(len(words) - 1, 0, -1):
        stem, ending = "_".join(words[:cut]), "_".join(words[cut:])
        known = SCHEDULED.get(stem) or (stem if stem in _SENTENCES else None)
        if known and ending in PARTS:
            return known, PARTS[ending]
    return None


def schedule_text(key: str, parts: Values) -> str:
    """`schedules.lr={type: linear, start: 0.01, end: END}`; capitals stand for what is missing."""
    bias = key == "schedules.logit_bias"
    usual = "exponential" if bias else "linear"
    kind = _CURVES.get(parts.get("type", usual).lower(), usual)
    shown = {"type": kind, "start": parts.get("start", "START")}
    shown["end"] = parts.get("end", "END")
    bump = [f"{part}: {parts.get(f'bump.{part}', part.upper())}" for part in ("factor", "updates")]
    spec = ", ".join(f"{name}: {value}" for name, value in shown.items())
    if any(part.startswith("bump") for part in parts):
        spec += f", bump: {{{', '.join(bump)}}}"
    group, _, name = key.removeprefix("schedules.").rpartition(".")
    if group:
        return f"schedules.{group}={{{name}: {{{spec}}}}}"
    return f"{key}={{forward.ahead: {{{spec}}}}}" if bias else f"{key}={{{spec}}}"


def explanation(key: str) -> str | None:
    """What a foreign key of a configuration is called here, or where it stands; None: unknown."""
    leaf = key.rpartition(".")[2]
    if (ours := key_of(leaf)) is not None:
        return f"here it is {ours}"
    if (text := sentence_of(leaf)) is not None:
        return text
    if (part := part_of_schedule(leaf)) is not None:
        return f"here it is {schedule_text(part[0], {})}"
    near = nearest(normal(leaf), [*KEYS, *_SENTENCES], _ALIKE)
    return explanation(near) if near else None
