"""Session records of real runs: in a folder, an object store, a place that takes nothing."""

from __future__ import annotations

import json
from pathlib import Path

from tests.checkpoints import object_store
from tests.checkpoints.object_store import KEYS, Bucket
from tests.scripts.conftest import SMALL, Desk, copy_of

EVERY = ("--set", "tracking.sessions.every=1")


def test_a_run_with_records_has_the_weights_of_one_without(
    trained: tuple[Desk, str], desk: Desk
) -> None:
    done = desk.run("main.py", "--until", "4", *SMALL, *EVERY)
    assert (done.returncode, done.stderr) == (0, "")
    last = "checkpoints/checkpoint_000004"
    assert desk.weights(last) == trained[0].weights(last)
    assert "sessions     ./sessions, every iteration" in done.stdout
    assert "trainer.sessions show ./sessions/ray_training_" in done.stdout
    (path, *_) = sorted((desk.work / "sessions").glob("*/worker_0/*.json"))
    record = json.loads(path.read_text())
    assert path.name == "episode_000001_checkpoint.json"
    assert record["iteration"] == 1
    assert record["without"] == ""
    assert record["trace"]["steps"] == record["statistics"]["length"]
    angles = [stretch["parameters"]["vision_angle"] for stretch in record["stretches"]]
    assert angles == sorted(angles, reverse=True)


def test_a_resume_begins_another_session_in_an_object_store(
    trained: tuple[Desk, str], tmp_path: Path, s3: int
) -> None:
    desk = copy_of(trained[0], tmp_path / "copy")
    desk.variables |= KEYS
    place = object_store.url(s3, "sessions")
    words = ("--resume", "latest", "--iterations", "4", *EVERY)
    done = desk.run("main.py", *words, "--set", f"tracking.sessions.uri={place}")
    assert (done.returncode, done.stderr) == (0, "")
    assert "s3://bucket/sessions, every iteration" in done.stdout
    names = Bucket(s3, "sessions").names()
    assert names
    assert all(name.split("/")[1] == "worker_0" for name in names)
    shown = desk.run("-m", "trainer.sessions", "show", place, "--json")
    assert shown.returncode == 0, shown.stderr
    record = json.loads(shown.stdout)
    assert record["parent"]["mode"] == "resume"
    assert record["parent"]["iteration"] == 4
    assert record["iteration"] > 4
    assert not (desk.work / "sessions").exists()


def test_a_place_that_takes_nothing_does_not_end_the_training(desk: Desk) -> None:
    (desk.work / "sessions").write_text("a file where the folder should be")
    done = desk.run("main.py", "--until", "6", *SMALL, *EVERY)
    assert done.returncode == 0, done.stderr
    said = done.stdout + done.stderr
    assert said.count("session records cannot be written to ./sessions") == 1
    assert "Training goes on without them until they can" in said
    assert desk.checkpoints()[-1] == "checkpoint_000006"
