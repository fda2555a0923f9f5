"""The groups `evaluation`, `ray`, `train`, `opponents` and `tracking`: how a run is carried out."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from trainer.config.types import (
    TEAMS,
    Amount,
    BestBy,
    Count,
    Fraction,
    Group,
    LocalFolder,
    NoCredentials,
    ResourceName,
    checked_location,
)
from trainer.config.usable_cores import usable_cores
from trainer.opponents.pool import MAX_SIZE

# One component of a path, and nothing that steers a terminal.
_RUN_NAME = r"^[^./\\\x00-\x1f\x7f][^/\\\x00-\x1f\x7f]*$"


class EvaluationGroup(Group):
    """Games against opponents that do not learn: the one measure of progress that self-play has."""

    every: Count | None = 20
    """Iterations between evaluations; one precedes the last checkpoint too. None: there is none."""
    games: Annotated[int, Field(strict=True, ge=1, le=4096)] = 48
    """Games of each pairing, the same ones in every evaluation; a quarter with scripted ones."""
    past: Annotated[int, Field(strict=True, ge=0, le=64)] = 2
    """Earlier policies of the run that each team also plays against."""
    best: BestBy = "score"
    """The number that makes a checkpoint the best; score, seeker and hider are the evaluation's."""
    best_mode: Literal["max", "min"] = "max"
    """Whether more of it is better, or less."""

    @property
    def best_metric(self) -> str:
        """`best` as metadata.json has it."""
        return f"evaluation/{self.best}" if self.best in ("score", *TEAMS) else self.best


class RayGroup(Group):
    """Where sampling and learning run; with no runners and learners, all in this process."""

    address: NoCredentials | None = None
    """Address of a Ray cluster; None: RAY_ADDRESS, else a local one is started when needed."""
    num_env_runners: Annotated[int, Field(strict=True, ge=0, le=1024)] = 0
    """Remote sampling processes; 0 samples in the training process."""
    num_envs_per_env_runner: Annotated[int, Field(strict=True, ge=1, le=2**20)] = 512
    """Worlds per sampling process (N)."""
    num_learners: Annotated[int, Field(strict=True, ge=0, le=64)] = 0
    """Remote learners with equal shards; 0 learns in the training process."""
    num_cpus_per_env_runner: Amount = 1
    """Cores that a remote sampling process takes up, and threads it plays with; 0 = any node."""
    num_gpus_per_learner: Fraction = 0.0
    """GPUs that a remote learner takes up, up to 1; 0 learns on the CPU."""
    custom_resources: dict[ResourceName, Amount] = Field(default_factory=dict)
    """Ray's own resources that a remote sampling process takes up, by name."""

    @property
    def num_envs(self) -> int:
        return self.num_envs_per_env_runner * max(1, self.num_env_runners)

    @property
    def is_local(self) -> bool:
        return self.num_env_runners == 0 and self.num_learners == 0 and self.address is None

    @model_validator(mode="after")
    def _equal_shards(self) -> RayGroup:
        if self.num_learners and self.num_envs % self.num_learners:
            raise ValueError(
                f"{self.num_envs} worlds cannot be shared equally by num_learners = "
                f"{self.num_learners}; change num_envs_per_env_runner to a multiple of it"
            )
        return self

    @model_validator(mode="after")
    def _gpus_have_learners(self) -> RayGroup:
        if self.num_gpus_per_learner and not self.num_learners:
            raise ValueError(
                f"num_gpus_per_learner = {self.num_gpus_per_learner:g} is of remote learners, and "
                "num_learners is 0; set that to 1 or more, or train.device to cuda for the GPU of "
                "the training process"
            )
        return self


class AlternateGroup(Group):
    """Alternating training: one team learns while the other keeps its weights."""

    every: Count | None = None
    """Iterations until it is the other team's turn; None: both always learn."""
    first: Literal["seeker", "hider"] = "seeker"
    """The team that learns first."""


class TrainGroup(Group):
    """The run as a whole."""

    seed: Annotated[int, Field(strict=True, ge=0, lt=2**31)] = 0
    """Seed of networks, worlds, sampling and shuffling."""
    engine: Literal["auto", "fused", "torch"] = "auto"
    """What samples and learns: torch, the fused CPU kernels, or these wherever they can."""
    device: Literal["auto", "cpu", "cuda"] = "auto"
    """What the local learner runs on; auto: a GPU for large networks, where there is one."""
    torch_threads: Annotated[int, Field(strict=True, ge=1, le=256)] | None = None
    """Threads the local learner shares out among the teams, one each at least; None = the cores."""
    alternate: AlternateGroup = AlternateGroup()
    """Whether the teams take turns in learning."""

    @property
    def threads(self) -> int:
        """Threads of torch in the training process: as configured, else one per usable core."""
        return self.torch_threads or usable_cores()


class OpponentsGroup(Group):
    """Games against earlier policies of the run, beside those between the present ones."""

    share: Annotated[float, Field(strict=True, ge=0.0, le=0.9)] = 0.0
    """Share of the worlds where one team plays an earlier policy of the other; 0 = none."""
    every: Count = 10
    """Iterations between the policies that join the pool of their team."""
    pool: Annotated[int, Field(strict=True, ge=1, le=MAX_SIZE)] = 8
    """Policies of each team that are kept: the newest half, and others spread over the run."""
    draw: Literal["uniform", "hard"] = "uniform"
    """uniform: each as often; hard: those more often that the present policy loses to."""


class SessionsGroup(Group):
    """Records of sampled episodes, to be looked at and to be counted (docs/sessions.md)."""

    every: Count | None = None
    """Iterations between the episodes that each sampling process records; None records none."""
    uri: Annotated[NoCredentials, AfterValidator(checked_location)] = "./sessions"
    """Where the folders of sessions are: a folder, or a URL (s3://, gs://)."""
    keep: Annotated[int, Field(strict=True, ge=1, le=10**6)] = 100
    """Newest records that are kept of each sampling process in a session."""


class TrackingGroup(Group):
    """Where progress is written."""

    run_name: Annotated[str, Field(pattern=_RUN_NAME, max_length=100)] | None = None
    """What the run is called, also its TensorBoard folder; None: date, level and seed."""
    tensorboard_dir: LocalFolder | None = "./runs"
    """Folder of the TensorBoard runs; None writes none."""
    window_episodes: Annotated[int, Field(strict=True, ge=1, le=10**7)] = 2000
    """Finished episodes over which the reported means run."""
    mlflow: bool = False
    """Keep the run in an MLflow store too (requirements-mlflow.txt)."""
    mlflow_uri: str = "sqlite:///runs/mlflow.db"
    """The store: an SQLite file, relative to the working directory, or any tracking server."""
    mlflow_experiment: Annotated[NoCredentials, Field(min_length=1)] = "hide_and_seek"
    """The experiment that runs belong to."""
    sessions: SessionsGroup = SessionsGroup()
    """Records of sampled episodes."""
