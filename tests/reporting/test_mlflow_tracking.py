"""The tracker against a real SQLite store, read back with MLflow's own client."""

from __future__ import annotations

import json
import math
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from tests.reporting.rows import make_row
from trainer.reporting import mlflow_tracking
from trainer.reporting.metrics import Row
from trainer.reporting.mlflow_store import TrackingError
from trainer.reporting.mlflow_tracking import MlflowTracker, find_run
from trainer.reporting.tensorboard import tag_of

# Not imported here: whoever collects only would pay for it.
pytestmark = pytest.mark.skipif(
    find_spec("mlflow") is None, reason="needs pip install -r requirements-mlflow.txt"
)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> str:
    """One store for all: making its tables takes a second or two."""
    return f"sqlite:///{tmp_path_factory.mktemp('mlflow')}/new folder/mlflow.db"


@pytest.fixture(scope="module")
def client(store: str) -> Any:
    MlflowTracker(store, "hide and seek", "the first").finish("FINISHED")
    from mlflow.tracking import MlflowClient

    return MlflowClient(store)


@pytest.fixture
def problems() -> list[str]:
    return []


@pytest.fixture
def tracker(store: str, client: Any, problems: list[str]) -> Iterator[MlflowTracker]:
    tracker = MlflowTracker(store, "hide and seek", "a run", on_problem=problems.append)
    yield tracker
    tracker.finish("FINISHED")


def points(client: Any, run_id: str, key: str = "reward/mean") -> list[tuple[int, float]]:
    """Iteration and value of the rows of `row`."""
    return [(point.step // 100, point.value) for point in client.get_metric_history(run_id, key)]


def schedules(client: Any, run_id: str) -> dict[str, Any]:
    """The newest values of the schedules."""
    data = client.get_run(run_id).data
    newest = {**data.params, **data.tags}
    found = {key: text for key, text in newest.items() if key.startswith("schedule_")}
    return {key: "linear" if text == "linear" else json.loads(text) for key, text in found.items()}


def row(iteration: int, reward: float = 1.0) -> Row:
    return {"iteration": iteration, "env_steps": 100 * iteration, "reward_mean": reward}


def test_a_row_is_in_the_store_at_once(
    client: Any, tracker: MlflowTracker, problems: list[str]
) -> None:
    given = {**make_row(7), "hider/grad_norm": math.inf}
    tracker.log_row(given)
    known = {tag_of(k): v for k, v in given.items() if math.isfinite(v)}
    assert client.get_run(tracker.run_id).data.metrics == known
    assert "seeker/kl" in known
    assert not {"hider/grad_norm", "seeker/vf_explained_var"} & set(known)
    assert points(client, tracker.run_id, "seeker/kl") == [(70, given["seeker/kl"])]
    assert problems == []


def test_parameters_are_written_as_in_the_configuration(
    client: Any, tracker: MlflowTracker
) -> None:
    many = {f"key {i}": i for i in range(150)}  # more than MLflow takes in one call
    tracker.log_params(
        {
            "ppo": {"lr": 0.0005, "seeker": {"clip@": None}},
            "layers": [64, 64],
            "flag": True,
            "name": "Größe",
            "long": "x" * 20_000,
            "many": many,
        }
    )
    params = client.get_run(tracker.run_id).data.params
    assert {k: v for k, v in params.items() if not k.startswith(("many", "long"))} == {
        "ppo.lr": "0.0005",
        "ppo.seeker.clip_": "null",
        "layers": "[64, 64]",
        "flag": "true",
        "name": "Größe",
    }
    assert {k: v for k, v in params.items() if k.startswith("many")} == {
        f"many.{k}": str(v) for k, v in many.items()
    }
    assert params["long"].startswith("xxxx")
    assert params["long"].endswith("… (20000 characters)")


def test_a_setting_changed_for_a_continuation_is_a_tag(
    store: str, client: Any, tracker: MlflowTracker, problems: list[str]
) -> None:
    tracker.log_params({"lr": 0.5, "seed": 1})
    for lr in (0.25, 0.5):  # and back again
        again = MlflowTracker(store, "-", "-", tracker.run_id, on_problem=problems.append)
        again.log_params({"lr": lr, "seed": 1, "added": "yes"})
        data = client.get_run(tracker.run_id).data
        assert data.params == {"lr": "0.5", "seed": "1", "added": "yes"}
        assert data.tags["lr"] == str(lr)
        assert not {"seed", "added"} & set(data.tags)
    assert problems == []


def test_schedules_are_parameters_and_their_newest_values_are_found(
    store: str, client: Any, tracker: MlflowTracker
) -> None:
    schedule = {
        "schedule_total_planned_timesteps": 1000,
        "schedule_current_timesteps": 0,
        "schedule_current_iterations": 0,
        "schedule_entropy_type": "linear",
        "schedule_entropy_start": 0.01,
        "schedule_entropy_points": [[0, 1.0], [10, 0.5]],
        "schedule_entropy_final": None,
    }
    tracker.log_params(schedule)
    assert schedules(client, tracker.run_id) == schedule
    params = client.get_run(tracker.run_id).data.params
    assert set(params) == {key for key in schedule if "current" not in key}

    moved = {**schedule, "schedule_total_planned_timesteps": 2000}
    for current in (400, 900):
        moved["schedule_current_timesteps"] = current
        moved["schedule_current_iterations"] = current // 100
        tracker.log_checkpoint(Path("a"), 4, "x", moved)
        assert schedules(client, tracker.run_id) == moved
    tracker.finish("FINISHED")
    params = client.get_run(tracker.run_id).data.params
    assert params["schedule_total_planned_timesteps"] == "1000"
    assert params["schedule_current_timesteps"] == "900"
    assert params["schedule_current_iterations"] == "9"

    moved["schedule_current_timesteps"] = 1500
    again = MlflowTracker(store, "-", "-", tracker.run_id)
    again.log_params(moved)
    again.finish("FINISHED")
    assert schedules(client, tracker.run_id) == moved


def test_a_run_is_found_with_its_newest_checkpoint(
    store: str, client: Any, tracker: MlflowTracker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = find_run(store, tracker.run_id)
    assert (found.checkpoint_path, found.checkpoint_sha256) == (None, None)

    monkeypatch.chdir(tmp_path)
    for i in (10, 20):
        tracker.log_checkpoint(Path(f"checkpoint_{i}"), i, f"abc{i}", {})
    found = find_run(store, tracker.run_id)
    assert found.checkpoint_sha256 == "abc20"
    assert client.get_run(tracker.run_id).data.tags["checkpoint_iteration"] == "20"
    assert found.checkpoint_path == tmp_path / "checkpoint_20"
    assert client.list_artifacts(tracker.run_id) == []
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("status", ["FINISHED", "KILLED", "FAILED"])
def test_a_continued_run_is_running_again(
    store: str, client: Any, tracker: MlflowTracker, status: str
) -> None:
    tracker.finish(status)
    assert client.get_run(tracker.run_id).info.status == status
    again = MlflowTracker(store, "another", "another", tracker.run_id)
    assert again.run_id == tracker.run_id
    assert client.get_run(tracker.run_id).info.status == "RUNNING"
    assert client.get_run(tracker.run_id).info.run_name == "a run"


def test_rows_done_again_after_a_kill_are_left_out(
    store: str, client: Any, tracker: MlflowTracker
) -> None:
    for i in range(1, 6):
        tracker.log_row(row(i, float(i)))
    tracker.log_checkpoint(Path("a"), 3, "x", {})
    again = MlflowTracker(store, "-", "-", tracker.run_id, iteration=3)
    assert again.run_id == tracker.run_id
    for i in range(4, 8):
        again.log_row(row(i, float(i)))
    assert points(client, tracker.run_id) == [(i, float(i)) for i in range(1, 8)]


def test_a_run_that_goes_on_from_an_older_checkpoint_is_nested(
    store: str, client: Any, tracker: MlflowTracker, problems: list[str]
) -> None:
    for i in range(1, 7):
        tracker.log_row(row(i, float(i)))
    tracker.log_params({"lr": 1})
    tracker.log_checkpoint(Path("a"), 6, "x", {})
    before = client.get_run(tracker.run_id)

    branch = MlflowTracker(store, "-", "-", tracker.run_id, iteration=3, on_problem=problems.append)
    branch.log_params({"lr": 2})
    branch.log_row(row(4, 40.0))
    branch.finish("FINISHED")

    assert points(client, tracker.run_id) == [(i, float(i)) for i in range(1, 7)]
    assert points(client, branch.run_id) == [(4, 40.0)]
    found = client.get_run(branch.run_id)
    assert found.data.tags["mlflow.parentRunId"] == tracker.run_id
    assert found.data.params == {"lr": "2"}
    assert found.info.run_name == "a run from iteration 3"
    assert found.info.experiment_id == before.info.experiment_id
    assert client.get_run(tracker.run_id).data.params == before.data.params
    assert problems == []


def test_the_newest_figure_is_kept_beside_the_store(
    store: str, client: Any, tracker: MlflowTracker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    figure = tmp_path / "training_metrics_iter_10.png"
    for content in (b"first", b"second"):
        figure.write_bytes(content)
        tracker.log_figure(figure)
    (kept,) = client.list_artifacts(tracker.run_id)
    assert kept.path == "training_metrics.png"
    assert Path(client.download_artifacts(tracker.run_id, kept.path)).read_bytes() == b"second"
    beside = Path(store.removeprefix("sqlite:///")).parent / "mlflow_artifacts"
    assert list(beside.glob("*/artifacts/*.png"))
    assert list(tmp_path.iterdir()) == [figure]


def test_a_figure_that_cannot_be_kept_is_reported(
    tracker: MlflowTracker, problems: list[str], tmp_path: Path
) -> None:
    tracker.log_figure(tmp_path / "nothing.png")
    (message,) = problems
    assert "nothing.png" in message
    tracker.retry_at = 0.0
    tracker.log_row(row(1))
    assert len(problems) == 1


def test_a_store_that_fails_is_reported_once_and_gets_all_when_it_works_again(
    store: str,
    client: Any,
    tracker: MlflowTracker,
    problems: list[str],
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(mlflow_tracking, "_PAUSE_S", 0.0)
    file = Path(store.removeprefix("sqlite:///"))
    aside = file.with_suffix(".aside")
    tracker.log_row(row(1))
    for first in (2, 6):  # an outage is reported, then the next one
        file.rename(aside)
        file.mkdir()
        tracker.log_row(row(first))
        tracker.retry_at = 0.0
        tracker.log_row(row(first + 1))
        tracker.retry_at = 0.0
        tracker.log_checkpoint(Path("/a"), first, "x", {})
        assert len(problems) == first // 4 + 1
        assert tracker.run_id in problems[-1]
        assert "tracking.mlflow" in problems[-1]
        assert "\n" not in problems[-1]
        file.rmdir()
        aside.rename(file)
        tracker.retry_at = 0.0
        tracker.log_row(row(first + 2))
        assert [step for step, _ in points(client, tracker.run_id)][-3:] == [
            first,
            first + 1,
            first + 2,
        ]
        tags = client.get_run(tracker.run_id).data.tags
        assert tags["checkpoint_iteration"] == str(first)
    assert capfd.readouterr() == ("", "")


def test_a_failing_store_does_not_hold_up_every_iteration(
    tracker: MlflowTracker, problems: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = []

    def refuse(*args: object, **kwargs: object) -> None:
        calls.append(args)
        raise ConnectionError("away")

    monkeypatch.setattr("mlflow.tracking.MlflowClient.log_batch", refuse)
    for i in range(1, 50):
        tracker.log_row(make_row(i))
        tracker.log_checkpoint(Path("a"), i, "x", {})
    assert len(calls) == len(problems) == 1
    assert "away" in problems[0]
    monkeypatch.setattr(mlflow_tracking, "_BACKLOG", 5)
    tracker.log_row(make_row(50))
    assert len(tracker.unsent) == 5
    tracker.finish("FAILED")  # tries, whatever the pause
    assert len(calls) == 2


def test_a_long_outage_is_made_up_for(
    client: Any, tracker: MlflowTracker, problems: list[str]
) -> None:
    tracker.retry_at = math.inf
    for i in range(1, 1201):  # more than MLflow takes in one call
        tracker.log_row(row(i, float(i)))
    assert points(client, tracker.run_id) == []
    tracker.finish("FINISHED")
    assert points(client, tracker.run_id) == [(i, float(i)) for i in range(1, 1201)]
    assert problems == []


def test_a_value_that_is_refused_keeps_no_row_back(
    client: Any, tracker: MlflowTracker, problems: list[str]
) -> None:
    client.log_param(tracker.run_id, "lr", 1)  # by another program, behind the tracker's back
    tracker.log_params({"lr": 2})
    assert "lr" in problems[0]
    tracker.retry_at = 0.0
    tracker.log_row(row(1))
    assert points(client, tracker.run_id) == [(1, 1.0)]
    assert len(problems) == 1


def test_an_unknown_run_is_refused_with_those_that_may_be_meant(
    store: str, tracker: MlflowTracker, client: Any
) -> None:
    MlflowTracker(store, "hide and seek", "newest")
    with pytest.raises(TrackingError, match=rf"'{'0' * 32}'.*newest are \w+ \(newest\)") as caught:
        find_run(store, "0" * 32)
    assert tracker.run_id in str(caught.value)
    for typed in (tracker.run_id[:8], "a run"):
        with pytest.raises(TrackingError, match=rf"did you mean .*{tracker.run_id} \(a run\)"):
            MlflowTracker(store, "-", "-", typed)
    with pytest.raises(TrackingError, match=r"no run '\.\./x'"):
        find_run(store, "../x")
    deleted = MlflowTracker(store, "hide and seek", "thrown away").run_id
    client.delete_run(deleted)
    with pytest.raises(TrackingError, match="deleted"):
        find_run(store, deleted)


def test_stores_that_cannot_be_used_are_refused_quickly_and_without_chatter(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "text.db").write_text("this is no database, " * 100)
    (tmp_path / "folder.db").mkdir()
    for uri, reason in (
        ("runs/mlflow.db", "'runs/mlflow.db' is no URI like sqlite:///runs/mlflow.db"),
        (f"sqlite:///{tmp_path}/text.db", "not a database"),
        (f"sqlite:///{tmp_path}/folder.db", "unable to open"),
        (f"sqlite:///{tmp_path}/text.db/below.db", "[Nn]ot a directory|File exists"),
        ("postgresql://me:secret@nowhere/db", "requirements-mlflow.txt|cannot be used"),
        ("nonsense://x", "cannot be used"),
        ("http://127.0.0.1:9", "127.0.0.1:9 cannot be used"),
    ):
        with pytest.raises(TrackingError, match=f"(?s)tracking.mlflow.*({reason})") as caught:
            MlflowTracker(uri, "x", "y")
        assert str(caught.value).count("\n") <= 1
        assert "secret" not in str(caught.value)
    with pytest.raises(TrackingError, match="no store at"):
        find_run(f"sqlite:///{tmp_path}/none.db", "0" * 32)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["folder.db", "text.db"]
    assert capfd.readouterr() == ("", "")


def test_without_mlflow_the_error_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "mlflow", None)
    with pytest.raises(TrackingError, match=r"pip install -r requirements-mlflow\.txt"):
        MlflowTracker(f"sqlite:///{tmp_path}/mlflow.db", "x", "y")


def test_a_new_store_leaves_nothing_but_its_file_and_says_nothing(tmp_path: Path) -> None:
    code = (
        "import sys\n"
        "import logging; logging.basicConfig(level=logging.INFO)\n"
        "from trainer.reporting.mlflow_tracking import MlflowTracker\n"
        "assert not {'mlflow', 'sqlalchemy'} & set(sys.modules)\n"
        "tracker = MlflowTracker('sqlite:///runs/mlflow.db', 'x', 'y')\n"
        "tracker.log_row({'iteration': 1, 'env_steps': 1, 'reward_mean': 1.0})\n"
        "tracker.finish('FINISHED')\n"
        "from mlflow.telemetry.utils import is_telemetry_disabled\n"
        "assert is_telemetry_disabled()\n"
    )
    root = str(Path(__file__).resolve().parents[2])
    (tmp_path / "home").mkdir()
    environment = {"PYTHONPATH": root, "HOME": str(tmp_path / "home"), "PATH": "/nowhere"}
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    files = [path.relative_to(tmp_path) for path in tmp_path.rglob("*") if path.is_file()]
    assert files == [Path("runs/mlflow.db")]
    rows = sqlite3.connect(tmp_path / "runs" / "mlflow.db").execute("SELECT key FROM metrics")
    assert {key for (key,) in rows} == {"time/iteration", "time/env_steps", "reward/mean"}
