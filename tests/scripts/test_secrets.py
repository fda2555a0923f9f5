"""No credential is shown or stored: distinct ones are planted wherever a URL can be given, and
every byte that was written is searched for them."""

from __future__ import annotations

import itertools
import json
from pathlib import Path

import pytest
import yaml

from tests.checkpoints.object_store import KEYS, Bucket
from tests.scripts.conftest import SMALL, Desk

_NUMBERS = itertools.count()


class Plant:
    """Credentials unlike any others, and the search for them."""

    def __init__(self, desk: Desk) -> None:
        self.desk, self.secrets = desk, list[str]()

    def secret(self) -> str:
        self.secrets.append(f"pl4nted{next(_NUMBERS)}x")
        return self.secrets[-1]

    def url(self, address: str) -> str:
        """The address (scheme://host...) with a name and a password of its own."""
        scheme, _, rest = address.partition("://")
        return f"{scheme}://{self.secret()}:{self.secret()}@{rest}"

    def search(self, *texts: str | bytes) -> None:
        """Nothing of it is in the texts, nor in a file or a name below the desk."""
        found = [text if isinstance(text, bytes) else text.encode() for text in texts]
        for path in self.desk.folder.rglob("*"):
            found.append(str(path).encode())
            if path.is_file():
                found.append(path.read_bytes())
        for secret in self.secrets:
            for form in (secret, secret[:9]):
                leaks = [text for text in found if form.encode() in text]
                assert not leaks, leaks[0][:2000]


@pytest.fixture
def plant(desk: Desk) -> Plant:
    return Plant(desk)


S3 = "s3://bucket/runs/a?endpoint_override=127.0.0.1:1&scheme=http&region=us-east-1"
CHECKPOINT = S3.replace("runs/a", "runs/a/checkpoint_000010")
POSTGRES = "postgresql://127.0.0.1:1/runs"
SET = "--set"
WARM = (SET, "initialization.mode=warmstart")

# Each: the script and its words, where {} is the planted URL of the address behind it.
REFUSED = [
    (("main.py", SET, "ppo.checkpoint_dir={}"), "ftp://host/x"),
    (("main.py", SET, "ppo.checkpoint_dir={}", SET, "ppo.lr=-1"), S3),
    (("main.py", SET, "ppo.checkpoint_dir={}", SET, "ppo.lrr=1"), S3),
    (("main.py", "--checkpoint-dir", "{}"), "ftp://host/x"),
    (("main.py", "--checkpoint-dir", "{}"), "s3:///bucket"),
    (("main.py", "--checkpoint-dir", "{}"), "s3://bucket/x?regoin=a"),
    (("main.py", "--config", "{}"), S3),
    (("main.py", "{}"), "http://host/x/checkpoint_000010"),
    (("main.py", "{}", "--resume", "4"), CHECKPOINT),
    (("main.py", "--resume", "{}"), "ftp://host/x/checkpoint_000010"),
    (("main.py", "--warmstart", "{}"), "ftp://host/x/checkpoint_000010"),
    (("main.py", "--unknown", "{}"), S3),
    (("main.py", "--unknown={}"), S3),
    (("main.py", "--debug", SET, "tracking.window_episodes={}"), S3),
    (("main.py", SET, "{}"), S3),
    (("main.py", SET, "initialization.mode=resume", SET, "initialization.resume.checkpoint={}"),
     "ftp://host/x/checkpoint_000010"),
    *(
        (
            ("main.py", *WARM, SET, f"initialization.warmstart.{k}={{}}"),
            "ftp://host/x/checkpoint_000010",
        )
        for k in ("checkpoint", "seeker", "hider")
    ),
    (("main.py", SET, "tracking.tensorboard_dir={}"), "s3://bucket/tb"),
    (("main.py", SET, "tracking.mlflow_experiment={}"), "http://host/x"),
    (("main.py", SET, "ray.address={}"), "ray://127.0.0.1:1"),
    (("main.py", "--continue-run-id", "{}", SET, "tracking.mlflow_uri={}"), POSTGRES),
    (("main.py", "--continue-run-id", "1", SET, "tracking.mlflow_uri={}"), "sqlite://host/x.db"),
    (("main.py", "--continue-run-id", "1", SET, "tracking.mlflow_uri={}"), "http://127.0.0.1:1"),
    (("continue_training.py", "{}"), "http://host/x/checkpoint_000010"),
    (("list_checkpoints.py", "{}"), "ftp://host/x"),
    (("list_checkpoints.py", "{}", "--debug"), "s3://bucket/x?session_token=1"),
    (("list_checkpoints.py", "{}", "--checkpoint-dir", "{}"), S3),
    (("demo_model.py", "--checkpoint", "{}"), "ftp://host/x/checkpoint_000010"),
    (("demo_model.py", "--checkpoint-dir", "{}"), "ftp://host/x"),
    (("demo_model.py", "--render", "none", "--record", "{}"), "s3://bucket/x.gif"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("words", "address"), REFUSED, ids=lambda value: value if isinstance(value, str) else value[1]
)
def test_what_is_refused_is_not_shown(plant: Plant, words: tuple[str, ...], address: str) -> None:
    done = plant.desk.run(*(word.replace("{}", plant.url(address)) for word in words))
    assert done.returncode in (1, 2, 3), done.stdout
    assert ("Traceback" in done.stderr) is ("--debug" in words)
    plant.search(done.stdout, done.stderr)


@pytest.mark.parametrize(
    ("name", "address", "words"),
    [
        ("RESTORE_CHECKPOINT", "ftp://host/checkpoint_000001", ("main.py",)),
        ("RESTORE_CHECKPOINT", "s3:/bucket/checkpoint_000001", ("main.py", "--debug")),
        ("AWS_ENDPOINT_URL", "http://127.0.0.1:1", ("list_checkpoints.py", "s3://bucket/x")),
        ("CHECKPOINT_CACHE", "s3://bucket/x", ("list_checkpoints.py", "s3://bucket/x")),
        ("MLFLOW_TRACKING_URI", "http://127.0.0.1:1", ("main.py", "--resume", "1")),
    ],
)
def test_the_environment(plant: Plant, name: str, address: str, words: tuple[str, ...]) -> None:
    plant.desk.variables[name] = plant.url(address)
    done = plant.desk.run(*words)
    assert done.returncode in (1, 2, 3)
    plant.search(done.stdout, done.stderr)


def test_a_file_full_of_them(tmp_path: Path) -> None:
    """Values that a run may have, in a configuration file, through training and resume."""
    plant = Plant(Desk(tmp_path / "desk"))
    store, name = plant.url(POSTGRES), plant.url("s3://bucket/b/checkpoint_000001")
    values = {
        "tracking": {"mlflow_uri": store},
        "initialization": {"warmstart": {"seeker": name}},
    }
    outside = tmp_path / "config.yaml"
    outside.write_text(yaml.safe_dump(values))
    words = ("--fresh", "--config", str(outside), "--iterations", "1", *SMALL)
    done = plant.desk.run("main.py", *words)
    assert done.returncode == 0, done.stderr
    further = ("--config", str(outside), "--yes", "--iterations", "1")
    again = plant.desk.run("continue_training.py", *further)
    assert again.returncode == 0, again.stderr
    saved = yaml.safe_load(
        (plant.desk.work / "checkpoints/checkpoint_000002/config.yaml").read_text()
    )
    assert saved["tracking"]["mlflow_uri"] == "postgresql://***@127.0.0.1:1/runs"
    assert "mlflow_uri" not in again.stdout  # no change: the file has it still
    listed = plant.desk.run("list_checkpoints.py", "--json")
    plant.search(done.stdout, done.stderr, again.stdout, again.stderr, listed.stdout)


def test_given_by_set_it_has_to_be_given_again(plant: Plant) -> None:
    given = f"tracking.mlflow_uri={plant.url(POSTGRES)}"
    done = plant.desk.run("main.py", "--iterations", "1", *SMALL, SET, given)
    assert done.returncode == 0, done.stderr
    assert "# tracking.mlflow_uri held more than is shown: give it again" in done.stdout
    again = plant.desk.run("continue_training.py", "--yes", "--iterations", "1")
    assert again.returncode == 0, again.stderr
    assert "has credentials, which are not kept; give it again" in again.stdout
    plant.search(done.stdout, done.stderr, again.stdout, again.stderr)


def test_a_run_in_a_store(plant: Plant, s3: int) -> None:
    """Train, resume, warm-start, list, verify, compare and play, with the keys in the URL."""
    desk, prefix = plant.desk, plant.desk.folder.parent.name
    options = f"endpoint_override=127.0.0.1:{s3}&scheme=http&region=us-east-1"
    desk.variables |= {"CHECKPOINT_CACHE": str(desk.folder / "home/cache"), "AWS_CA_BUNDLE": ""}
    for name in KEYS:
        desk.variables[name] = "true" if name.endswith("DISABLED") else ""

    def place(inside: str = "") -> str:
        return plant.url(f"s3://bucket/{prefix}{inside}?{options}")

    two = "/checkpoint_000002"
    tools = ("-m", "trainer.checkpoints")
    commands = [("verify",), ("diff", "2", "3"), ("pin", "2"), ("repair",), ("prune", "--dry-run")]
    outputs = []
    for words in (
        ("main.py", "--iterations", "2", *SMALL, SET, f"ppo.checkpoint_dir={place()}"),
        ("main.py", place(two), "--iterations", "1"),
        (
            "main.py",
            "--warmstart",
            place(two),
            *SMALL,
            *("--iterations", "1", "--checkpoint-dir", place("/b")),
        ),
        ("list_checkpoints.py", place(), "--json"),
        ("list_checkpoints.py", place(), "-d"),
        ("demo_model.py", "--checkpoint", place(two), "--render", "none", "--episodes", "1"),
        *((*tools, *command, "--checkpoint-dir", place()) for command in commands),
    ):
        done = desk.run(*words)
        outputs += [done.stdout, done.stderr]
        assert done.returncode == 0, done.stderr
    assert "# ppo.checkpoint_dir held more than is shown" in outputs[0]
    bucket = Bucket(s3, prefix)
    metadata = json.loads(bucket.read("checkpoint_000003/metadata.json"))
    assert metadata["parent"]["path"] == f"s3://bucket/{prefix}{two}"
    plant.search(*outputs, *(bucket.read(name) for name in bucket.names()), *bucket.names())
