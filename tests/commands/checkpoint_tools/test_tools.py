"""`python -m trainer.checkpoints`: what each command does, prints and exits with."""

from __future__ import annotations

import io
import itertools
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.checkpoints.conftest import Call
from tests.checkpoints.fakes import BY_REWARD, contents, damage, open_past_damage, save
from tests.checkpoints.store_places import Place, everywhere_slowly
from trainer.checkpoints.manager import CheckpointManager
from trainer.commands.checkpoint_tools import main as program
from trainer.commands.checkpoint_tools import verify

ROOT = Path(__file__).parents[3]


def cells(out: str) -> list[list[str]]:
    """The rows of a table, without its head."""
    lines = [line.split() for line in out.splitlines() if line.strip()]
    return lines[2:]


@everywhere_slowly
def test_verify_what_is_really_there(call: Call, four: Path, place: Place) -> None:
    code, out, err = call("verify")
    assert (code, err) == (0, "")
    assert [(row[0], row[-1]) for row in cells(out)] == [
        (f"checkpoint_0000{i}", "ok") for i in (10, 20, 30, 40)
    ]
    if place.bucket is not None:  # and not this machine's copy of it
        place.bucket.write("checkpoint_000020/algorithm_state.pkl", b"other")
    else:
        damage(four, 20)
    code, out, err = call("verify")
    assert code == 1
    assert [row[1] for row in cells(out)] == ["9", "damaged:", "9", "9"]
    assert err == "checkpoint_000020: algorithm_state.pkl: 5 bytes instead of 8\n"
    (found,) = json.loads(call("verify", "best", "--json")[1])
    assert found["path"] == place.manager().address(four / "checkpoint_000020")
    assert found["problems"] == ["algorithm_state.pkl: 5 bytes instead of 8"]
    assert len(json.loads(call("verify", place.given, "--json")[1])) == 4
    assert call("verify", "50")[0] == 3


def test_verify_everything(call: Call, four: Path) -> None:
    damage(four, 20)
    (four / "checkpoint_000030" / "manifest.json").unlink()
    code, out, err = call("verify")
    assert code == 1
    assert [row[1] for row in cells(out)] == ["9", "damaged:", "damaged:", "9"]
    assert err.splitlines() == [
        "checkpoint_000020: algorithm_state.pkl: 5 bytes instead of 8",
        "checkpoint_000030: manifest.json: missing, so the checkpoint is incomplete",
    ]


def test_verify_one(call: Call, four: Path) -> None:
    damage(four, 20)
    for what in ("latest", "40", four / "checkpoint_000040"):
        code, out, _ = call("verify", what, "--json")
        (found,) = json.loads(out)
        assert (code, found["ok"], found["files"]) == (0, True, 9)
        assert found["path"] == str(four / "checkpoint_000040")
    code, out, _ = call("verify", "best", "--json")
    (found,) = json.loads(out)
    assert code == 1
    assert found["problems"] == ["algorithm_state.pkl: 5 bytes instead of 8"]
    assert len(json.loads(call("verify", four, "--json")[1])) == 4


def test_verify_names_what_there_is_instead(call: Call, four: Path, tmp_path: Path) -> None:
    assert call("verify", "50")[0] == 3
    code, _, err = call("verify", "lates")
    assert (code, err.endswith("did you mean 'latest'?\n")) == (3, True)
    assert call("verify", "--checkpoint-dir", tmp_path / "none")[0] == 3
    shutil.rmtree(four / "checkpoint_000040" / "policies")
    (four / "checkpoint_000040" / "manifest.json").unlink()
    assert call("verify", four / "checkpoint_000040")[0] == 1


@pytest.mark.parametrize(
    ("on_terminal", "seconds_each", "shown"),
    [(True, 1.5, True), (True, 0.1, False), (False, 1.5, False)],
)
def test_progress_shows_after_two_seconds_on_a_terminal_only(
    monkeypatch: pytest.MonkeyPatch, on_terminal: bool, seconds_each: float, shown: bool
) -> None:
    stream, ticks = io.StringIO(), itertools.count(0, seconds_each)
    monkeypatch.setattr(stream, "isatty", lambda: on_terminal)
    monkeypatch.setattr("sys.stderr", stream)
    monkeypatch.setattr("time.monotonic", ticks.__next__)
    folders = [Path(f"checkpoint_{k:06d}") for k in range(5)]
    assert list(verify.shown_one_by_one(folders)) == folders
    assert ("checkpoint_000004 (5 of 5)" in stream.getvalue()) is shown


@everywhere_slowly
def test_diff(call: Call, four: Path, manager: CheckpointManager, place: Place) -> None:
    def policies(folder: Path) -> None:
        for policy, weights in (("hider_policy", b"new"), ("seeker_policy", b"seeker_policy" * 20)):
            (folder / policy).mkdir(parents=True)
            (folder / policy / "weights.safetensors").write_bytes(weights)
            (folder / policy / "spec.json").write_text("{}")

    def config(path: Path) -> None:
        path.write_text("ppo:\n  lr: 0.1\n  gamma: true\n")

    class Source:
        def save_to_path(self, path: str) -> None:
            pass

    manager.save(
        Source(),
        iteration=50,
        metadata={
            **{"reward_mean": 2.5, "entropy": 1.25, "git_commit": "abc", "seed": 1},
            "best_by": BY_REWARD,
        },
        writers={
            "policies": policies,
            "config.yaml": config,
        },
    )
    place.forget()
    code, out, _ = call("diff", "40", "50", "--json")
    document = json.loads(out)
    assert code == 0
    assert document["first"] == manager.address(four / "checkpoint_000040")
    assert document["config"] == {
        "ppo.lr": [None, 0.1],
        "ppo.gamma": [None, True],
    }
    assert document["metrics"] == {"reward_mean": [3.0, 2.5], "entropy": [None, 1.25]}
    assert document["metadata"] == {"git_commit": [None, "abc"], "seed": [None, 1]}
    assert document["policies"] == {"hider_policy": "weights differ", "seeker_policy": "same"}
    code, out, _ = call("diff", "40", "50")
    assert ["reward_mean", "3", "2.5"] in cells(out)
    assert ["hider_policy", "weights", "differ"] in cells(out)


def test_diff_of_equals_and_of_strange_policies(
    call: Call, four: Path, manager: CheckpointManager
) -> None:
    found = json.loads(call("diff", "40", four / "checkpoint_000040", "--json")[1])
    assert found["config"] == found["metadata"] == found["metrics"] == {}
    assert set(found["policies"].values()) == {"same"}
    assert "metrics: no difference" in call("diff", "40", "40")[1]

    class One:
        def save_to_path(self, path: str) -> None:
            folder = Path(path, "policies", "hider_policy")
            folder.mkdir(parents=True)
            (folder / "weights.safetensors").write_bytes(b"x")
            (folder / "spec.json").write_text("[]")

    manager.save(One(), iteration=50, metadata={})
    found = json.loads(call("diff", "40", "50", "--json")[1])
    assert found["policies"] == {
        "hider_policy": "network differs",
        "seeker_policy": "only in the first",
    }


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[1]",
        "a: [",
        "\0",
        "[" * 500,
        "<<: {a: 1}",
        "!!python/object/apply:os.system [x]",
    ],
)
def test_diff_refuses_a_configuration_it_cannot_read(call: Call, four: Path, text: str) -> None:
    (four / "checkpoint_000040" / "config.yaml").write_text(text)
    code, _, err = call("diff", "30", "40")
    assert code == 1
    assert err.startswith(f"error: {four / 'checkpoint_000040'} is not readable: config.yaml")


@everywhere_slowly
def test_a_dry_run_of_prune_deletes_nothing_and_announces_what_goes(
    call: Call, four: Path, place: Place
) -> None:
    before = place.contents()
    code, out, _ = call("prune", "--dry-run", "--keep-last-n", "1")
    assert code == 0
    assert [row[:2] for row in cells(out)[:-1]] == [
        ["10", "delete"],
        ["20", "keep"],
        ["30", "delete"],
        ["40", "keep"],
    ]
    assert out.splitlines()[-1] == "Would delete 2 checkpoints."
    announced = json.loads(call("prune", "--dry-run", "--keep-last-n", "1", "--json")[1])
    assert place.contents() == before
    code, out, _ = call("prune", "--yes", "--keep-last-n", "1", "--json")
    done = json.loads(out)
    assert (code, done["deleted"], announced["deleted"]) == (0, True, False)
    assert done["paths"] == announced["paths"]
    gone = [path.rpartition("/")[2] for path in done["paths"]]
    assert gone[:2] == ["metrics_iter_10.json", "checkpoint_000010"]
    assert gone[2:] == ["metrics_iter_30.json", "checkpoint_000030"]
    assert not set(gone) & {*place.names()}
    assert place.manager().listing().iterations == [20, 40]
    assert done["kept"] == [
        {"iteration": 20, "reasons": ["best"]},
        {"iteration": 40, "reasons": ["latest", "last 1"]},
    ]
    assert "Nothing to delete." in call("prune", "--yes", "--keep-last-n", "1")[1]


@everywhere_slowly
def test_prune_goes_by_the_configuration(call: Call, four: Path) -> None:
    Path("config.yaml").write_text(
        "ppo:\n  keep_last_n: 2\n  keep_every: 10\n  keep_best_metric: env_steps\n"
    )
    assert json.loads(call("prune", "--dry-run", "--json")[1])["dropped"] == []
    code, out, _ = call("prune", "--dry-run", "--json", "--keep-every", "0")
    assert [item["iteration"] for item in json.loads(out)["dropped"]] == [10]  # 20: the run's best
    words = ("--keep-every", "0", "--metric", "iteration", "--mode", "min")
    code, out, _ = call("prune", "--dry-run", "--json", *words)
    assert [item["iteration"] for item in json.loads(out)["dropped"]] == [20]
    code, _, err = call("prune", "--dry-run", "--metric", "env_step")
    assert (code, "did you mean 'env_steps'?" in err) == (2, True)
    code, _, err = call("prune", "--dry-run", "--keep-every", "-1")
    assert (code, err) == (2, "error: every must be >= 0 (0 = off), not -1\n")


def test_prune_goes_by_the_configuration_where_no_checkpoint_says_more(
    manager: CheckpointManager, directory: Path, call: Call, four: Path
) -> None:
    save(manager, 50, reward_mean=1.0, best_by=None)
    for iteration in (10, 20, 30, 40):
        shutil.rmtree(directory / f"checkpoint_{iteration:06d}")
    for iteration, reward in ((60, 5.0), (70, 0.0), (80, 2.0)):
        save(manager, iteration, reward_mean=reward, best_by=None)
    Path("config.yaml").write_text("ppo:\n  keep_last_n: 1\n  keep_best_metric: reward_mean\n")
    kept = json.loads(call("prune", "--dry-run", "--json")[1])["kept"]
    assert [item["iteration"] for item in kept] == [60, 80]
    Path("config.yaml").write_text("ppo:\n  keep_last_n: 1\n")
    kept = json.loads(call("prune", "--dry-run", "--json")[1])["kept"]
    assert kept == [{"iteration": 80, "reasons": ["latest", "last 1", "best"]}]


def test_prune_without_an_answer_deletes_nothing(call: Call, four: Path) -> None:
    before = contents(four)
    code, _, err = call("prune", "--keep-last-n", "1")
    assert code == 2
    assert err == (
        "error: there is no terminal to ask on: give --yes to do it, --dry-run to look\n"
    )
    assert call("prune", "--keep-last-n", "1", "--json")[0] == 2
    assert contents(four).keys() - {".lock"} == before.keys()


@pytest.mark.parametrize(("answer", "left"), [("y", [20, 40]), ("n", [10, 20, 30, 40])])
def test_prune_asks_on_a_terminal(
    four: Path, manager: CheckpointManager, answer: str, left: list[int]
) -> None:
    master, slave = os.openpty()
    with subprocess.Popen(
        [sys.executable, "-m", "trainer.checkpoints", "prune", str(four), "--keep-last-n", "1"],
        cwd=ROOT,
        stdin=slave,
        stdout=slave,
        env={**os.environ, "TERM": "dumb"},
    ) as process:
        os.close(slave)
        os.write(master, f"{answer}\n".encode())
        shown = b""
        try:
            while chunk := os.read(master, 4096):
                shown += chunk
        except OSError:  # the other end is closed
            pass
    os.close(master)
    assert process.returncode == 0
    assert b"Delete 2 checkpoints (" in shown
    assert manager.listing().iterations == left


@everywhere_slowly
def test_writers_stay_out_while_a_run_writes(
    call: Call, four: Path, manager: CheckpointManager, place: Place
) -> None:
    with manager.writer_lock():
        for words in (("prune", "--yes", "--keep-last-n", "1"), ("repair",)):
            code, _, err = call(*words)
            assert code == 1
            assert f"{four} is in use by process {os.getpid()}" in err
        assert call("prune", "--dry-run", "--keep-last-n", "1")[0] == 0
        assert call("verify")[0] == 0
        assert call("pin", "10")[0] == 0
    assert manager.listing().iterations == [10, 20, 30, 40]


@everywhere_slowly
def test_pin_and_unpin(call: Call, four: Path, manager: CheckpointManager, place: Place) -> None:
    code, out, _ = call("pin", "10", "latest")
    assert (code, out) == (
        0,
        "pinned: checkpoint_000010, checkpoint_000040\npinned now: 10, 40\n",
    )
    assert manager.pinned() == {10, 40}
    code, out, _ = call("unpin", "40", "--json")
    assert json.loads(out) == {"unpin": ["checkpoint_000040"], "pinned": [10]}
    assert call("pin", "15")[0] == 3
    place.change("pins.json", b"{")
    code, _, err = call("pin", "30")
    assert code == 1
    assert f"python -m trainer.checkpoints repair {four}" in err


def test_mistakes_on_the_command_line(
    call: Call, four: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for words in ([], ["verfy"], ["diff", "1"], ["prune", "a", "--checkpoint-dir", "b"]):
        with pytest.raises(SystemExit) as left:
            program.main(words)
        assert left.value.code == 2
    nothing, mistyped, _, two = capsys.readouterr().err.splitlines()
    assert nothing.startswith("error: give a command: list, verify, diff, ")
    assert mistyped.endswith("; did you mean 'verify'?")
    assert two == "error: two directories given: a and b"
    (four.parent / "a file").touch()
    with pytest.raises(SystemExit):
        program.main(["prune", str(four.parent / "a file")])
    assert capsys.readouterr().err.endswith("a file is not a directory\n")


def test_hostile_checkpoints_bring_no_traceback(call: Call, four: Path) -> None:
    (four / "checkpoint_000040" / "metadata.json").write_text('{"iteration": 40, "x\\u001b[2J": 1}')
    for words in (("verify",), ("diff", "30", "40"), ("prune", "--dry-run"), ("repair",)):
        code, out, err = call(*words)
        assert code in (0, 1, 3)
        assert all(line.isprintable() for line in (out + err).splitlines())


def test_verify_says_what_list_and_resume_say(
    call: Call, four: Path, manager: CheckpointManager
) -> None:
    """A whole checkpoint under the name of another iteration is damaged for all of them."""
    shutil.copytree(four / "checkpoint_000040", four / "checkpoint_000050")
    code, _, err = call("verify", four / "checkpoint_000050")
    assert code == 1
    assert "checkpoint_000050: metadata.json says iteration 40" in err
    assert manager.listing().skipped == (("checkpoint_000050", "metadata.json says iteration 40"),)
    path, (aside,) = open_past_damage(manager, "latest")
    assert path == four / "checkpoint_000040"
    assert aside.problems == ("metadata.json says iteration 40",)
