"""The list as a user gets it: what is printed, and the exit code.

What is of the process (its imports, its terminal, its encoding, a reader that leaves) is tested in
a process of its own, all else in this one; `test_a_process_of_its_own_tells_the_same` ties the two.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import pytest

from tests.checkpoints.fakes import WHEN, save
from tests.checkpoints.store_places import Place, everywhere
from trainer.checkpoints.manager import CheckpointManager
from trainer.commands.checkpoint_tools import list_checkpoints
from trainer.commands.checkpoint_tools import main as tools
from trainer.shown_commands import script_command

SCRIPT = Path(__file__).parents[3] / "list_checkpoints.py"
Result = subprocess.CompletedProcess[str]
HEAVY = ("ray", "torch", "numpy", "matplotlib", "rich", "pydantic", "pyarrow", "gymnasium")


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A folder with three checkpoints in ./checkpoints."""
    manager = CheckpointManager(tmp_path / "checkpoints", clock=lambda: WHEN)
    save(manager, 10, reward_mean=161.06, episodes_completed=300)
    save(manager, 20, reward_mean=float("nan"), episodes_completed=600)
    save(manager, 30, reward_mean=170.45, episodes_completed=900, tags=["final"])
    return tmp_path


def run_list(
    cwd: Path, *args: str, main: Callable[[list[str]], int] = list_checkpoints.main
) -> Result:
    """The list in a folder, printed as into a pipe."""
    out, err = (io.TextIOWrapper(io.BytesIO(), "utf-8", newline="") for _ in range(2))
    with contextlib.chdir(cwd), contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            code = main([*args])
        except SystemExit as left:  # a wrong command line
            code = int(left.code or 0)
    out.seek(0)
    err.seek(0)
    return Result([*args], code, out.read(), err.read())


def run_script(cwd: Path, *args: str, **env: str) -> Result:
    """The script in a process of its own, in a folder."""
    return subprocess.run(
        [sys.executable, str(SCRIPT), *args],
        cwd=cwd,
        env={**os.environ, **env},
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
    )


def on_terminal(cwd: Path, *args: str, **env: str) -> str:
    """What a terminal shows."""
    master, slave = os.openpty()
    clean = {key: value for key, value in os.environ.items() if key not in ("NO_COLOR", "TERM")}
    with subprocess.Popen(
        [sys.executable, str(SCRIPT), *args], cwd=cwd, env={**clean, **env}, stdout=slave
    ) as process:
        os.close(slave)
        shown = b""
        while chunk := _read(master):
            shown += chunk
    os.close(master)
    assert process.returncode == 0
    return shown.decode("utf-8")


def _read(descriptor: int) -> bytes:
    try:
        return os.read(descriptor, 65536)
    except OSError:  # the other end is closed
        return b""


@pytest.mark.parametrize("args", [(), ("checkpoints",), ("--checkpoint-dir", "./checkpoints")])
def test_the_plain_table(project: Path, args: tuple[str, ...]) -> None:
    changed = datetime(2025, 1, 2, 3, 4, 5).timestamp()
    os.utime(project / "checkpoints" / "checkpoint_index.json", (changed, changed))
    result = run_list(project, *args)
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout.isascii()
    shown = result.stdout.splitlines()
    assert shown[1] == f"CHECKPOINT DIRECTORY: {project / 'checkpoints'}"
    assert shown[3:5] == ["Total checkpoints: 3", "Index last updated: 2025-01-02T03:04:05"]
    assert shown[9:12] == [
        "10       2024-12-19   161.06     300        checkpoint_000010",
        "20       2024-12-19   -          600        checkpoint_000020",
        "30       2024-12-19   170.45     900        checkpoint_000030 [FINAL] [BEST]",
    ]


@everywhere
def test_the_same_table_of_any_place(place: Place, tmp_path: Path) -> None:
    for iteration in (10, 20):
        save(place.manager(), iteration, tags=["final"] if iteration == 20 else [])
    place.forget()
    result = run_list(tmp_path, place.given)
    assert (result.returncode, result.stderr) == (0, "")
    shown = result.stdout.splitlines()
    assert shown[1] == f"CHECKPOINT DIRECTORY: {place.shown}"
    assert shown[9:11] == [
        "10       2024-12-19   10.00      -          checkpoint_000010",
        "20       2024-12-19   20.00      -          checkpoint_000020 [FINAL] [BEST]",
    ]
    listed = json.loads(run_list(tmp_path, "--checkpoint-dir", place.given, "--json").stdout)
    addresses = [f"{place.shown}/checkpoint_0000{i}" for i in (10, 20)]
    assert [entry["checkpoint_path"] for entry in listed] == addresses
    assert "endpoint" not in result.stdout
    place.change("checkpoint_000010/config.yaml", b"ppo: []\n")
    result = run_list(tmp_path, place.given, "--verify")
    assert result.returncode == 1
    (told,) = result.stderr.splitlines()
    assert told.startswith("damaged checkpoint_000010: config.yaml: content changed")


@pytest.mark.parametrize("flag", ["-d", "--detailed"])
def test_the_detailed_table(project: Path, flag: str) -> None:
    result = run_list(project, flag)
    assert result.returncode == 0
    assert "[FINAL] [BEST]" in result.stdout
    assert "15:30:45" in result.stdout


def test_json_is_strict_and_complete(project: Path) -> None:
    result = run_list(project, "--json")
    assert result.returncode == 0
    entries = json.loads(result.stdout, parse_constant=pytest.fail)
    assert [entry["iteration"] for entry in entries] == [10, 20, 30]
    assert [entry["reward_mean"] for entry in entries] == [161.06, None, 170.45]
    assert entries[2]["tags"] == ["final"]
    assert entries[2]["checkpoint_path"] == str(project / "checkpoints" / "checkpoint_000030")
    assert entries[2]["size_bytes"] > 0


@pytest.mark.parametrize("words", [["-d"], ["--json"], ["nowhere"]])
def test_the_list_is_a_command_of_the_tools_too(project: Path, words: list[str]) -> None:
    assert told(run_list(project, "list", *words, main=tools.main)) == told(
        run_list(project, *words)
    )


def told(result: Result) -> tuple[int, str, str]:
    return result.returncode, result.stdout, result.stderr


def test_a_process_of_its_own_tells_the_same(project: Path) -> None:
    tool = [sys.executable, "-m", "trainer.checkpoints", "list"]
    env = {**os.environ, "PYTHONPATH": str(SCRIPT.parent)}
    for words in (["-d"], ["nowhere"]):
        assert told(run_script(project, *words)) == told(run_list(project, *words))
    done = subprocess.run(
        [*tool, "-d"], cwd=project, env=env, capture_output=True, text=True, check=False
    )
    assert told(done) == told(run_list(project, "-d"))
    shown = subprocess.run(
        [*tool, "--help"], cwd=SCRIPT.parent, capture_output=True, text=True, check=True
    )
    assert shown.stdout.startswith("usage: python -m trainer.checkpoints list")


def test_sorted_by_a_key(project: Path) -> None:
    shown = run_list(project, "--sort", "reward_mean:desc").stdout.splitlines()
    assert [line.split()[0] for line in shown[9:12]] == ["30", "10", "20"]
    listed = json.loads(run_list(project, "--sort", "episodes_completed:desc", "--json").stdout)
    assert [entry["iteration"] for entry in listed] == [30, 20, 10]


def test_the_best_by_another_metric(project: Path) -> None:
    result = run_list(project, "--best", "episodes_completed:min", "-d")
    assert "   Best (lowest) episodes_completed: 300 (iteration 10)" in result.stdout.splitlines()
    (best,) = [line for line in result.stdout.splitlines() if "[BEST]" in line]
    assert "checkpoint_000010" in best
    listed = json.loads(run_list(project, "--json").stdout)
    assert [entry["best"] for entry in listed] == [False, False, True]
    result = run_list(project, "--best", "seen_fraction:min")  # these know of none
    assert (result.returncode, "[BEST]" in result.stdout) == (0, False)
    assert "   Best (lowest) seen_fraction: -" in result.stdout.splitlines()
    listed = json.loads(run_list(project, "--best", "episodes_completed", "--json").stdout)
    assert [entry["best"] for entry in listed] == [False, False, True]


def test_verified(project: Path) -> None:
    sound = run_list(project, "--verify")
    assert (sound.returncode, sound.stderr) == (0, "")
    assert [line.split()[-1] for line in sound.stdout.splitlines()[9:12]] == ["[OK]"] * 3
    (project / "checkpoints/checkpoint_000020/config.yaml").write_text("ppo: []\n")
    result = run_list(project, "--verify")
    assert result.returncode == 1
    assert result.stdout.splitlines()[10].endswith("checkpoint_000020 [DAMAGED]")
    problem = "config.yaml: content changed (SHA-256 differs)"
    assert result.stderr == f"damaged checkpoint_000020: {problem}\n"
    machine = run_list(project, "--verify", "--json")
    assert machine.returncode == 1
    assert [item["problems"] for item in json.loads(machine.stdout)] == [[], [problem], []]


def test_pinned_checkpoints_are_marked(project: Path) -> None:
    CheckpointManager(project / "checkpoints").pin(30)
    assert run_list(project).stdout.splitlines()[11].endswith("[FINAL] [PINNED] [BEST]")
    (project / "checkpoints" / "pins.json").write_text("{")
    result = run_list(project)
    assert (result.returncode, "PINNED" in result.stdout) == (0, False)
    assert result.stderr.startswith("skipped pins.json: ")


def test_the_guides_housekeeping_in_the_shell(project: Path) -> None:
    script = """
        cp -r checkpoints/checkpoint_000020 checkpoints/best_model
        cd checkpoints
        tar -czf checkpoint_000010.tar.gz checkpoint_000010/
        rm -rf checkpoint_000010/
        rm checkpoint_000030/manifest.json
        cd .. && mv checkpoints checkpoints_experiment1
    """
    subprocess.run(["/bin/sh", "-ec", script], cwd=project, check=True)
    result = run_list(project, "checkpoints_experiment1", "--json")
    assert result.returncode == 0
    (entry,) = json.loads(result.stdout)
    assert entry["checkpoint_path"] == str(project / "checkpoints_experiment1/checkpoint_000020")
    assert result.stderr == "skipped checkpoint_000030: incomplete: no manifest.json\n"


def test_a_quarantined_checkpoint_is_listed_as_set_aside(project: Path) -> None:
    manager = CheckpointManager(project / "checkpoints")
    (project / "checkpoints" / "checkpoint_000030" / "policies").rename(project / "away")
    (aside,) = manager.quarantine([project / "checkpoints" / "checkpoint_000030"])
    assert aside.moved_to is not None
    assert f"Set aside: {aside.moved_to.name}" in run_list(project).stdout


def test_a_branch_is_listable(project: Path) -> None:
    branch = CheckpointManager(project / "checkpoints").set_aside_newer(10)
    assert branch is not None
    assert f"Set aside: {branch.name}" in run_list(project).stdout
    shown = run_list(project, f"checkpoints/{branch.name}").stdout
    assert "Total checkpoints: 2" in shown


def test_a_terminal_gets_emoji_and_color(project: Path) -> None:
    shown = on_terminal(project, TERM="xterm")
    assert "📂 CHECKPOINT DIRECTORY" in shown
    assert "📊 Summary:" in shown
    assert "\033[32m30 " in shown


@pytest.mark.parametrize("env", [{"NO_COLOR": "1", "TERM": "xterm"}, {"TERM": "dumb"}])
def test_color_can_be_turned_off(project: Path, env: dict[str, str]) -> None:
    shown = on_terminal(project, **env)
    assert "📂" in shown
    assert "\033" not in shown


def test_a_terminal_that_cannot_show_emoji_gets_none(project: Path) -> None:
    shown = on_terminal(project, PYTHONIOENCODING="ascii", TERM="xterm")
    assert "\r\n\033[1mCHECKPOINT DIRECTORY" in shown


def test_a_path_that_cannot_be_encoded_is_shown_all_the_same(project: Path) -> None:
    (project / "checkpoints").rename(project / "übung 📂")
    result = run_script(project, "übung 📂", PYTHONIOENCODING="ascii")
    assert result.returncode == 0
    assert "?bung ?" in result.stdout


def test_an_empty_folder_names_the_command_to_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    expected = "no checkpoints found in {}; start training with: {}{}\n"
    start = script_command("main.py", [])
    absent = run_list(tmp_path)
    assert absent.returncode == 3
    assert absent.stderr == "error: " + expected.format("./checkpoints", start, "")
    (tmp_path / "other").mkdir()
    empty = run_list(tmp_path, "other")
    assert (empty.returncode, empty.stdout) == (3, "")
    assert empty.stderr == "error: " + expected.format("other", start, " --checkpoint-dir other")
    machine = run_list(tmp_path, "other", "--json")
    assert (machine.returncode, machine.stdout) == (3, "[]\n")


@pytest.mark.parametrize(
    ("name", "nearest"),
    [("chekpoints", "there are checkpoints in ./checkpoints"), ("zz/y", "nearest existing: {}")],
)
def test_a_folder_that_does_not_exist_is_said_not_to(
    project: Path, name: str, nearest: str
) -> None:
    result = run_list(project, name)
    assert (result.returncode, result.stdout) == (3, "")
    expected = f"error: no such directory: {name}; {nearest.format(project)}"
    assert result.stderr.splitlines()[0] == expected


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (("file",), "file is not a directory; without one, ./checkpoints is listed"),
        (
            ("checkpoints/checkpoint_000010",),
            "checkpoints/checkpoint_000010 is one checkpoint; list its folder: {start} checkpoints",
        ),
        (("a", "--checkpoint-dir", "b"), "two directories given: a and b"),
        (
            ("--sort", "reward_men"),
            "no checkpoint has a key 'reward_men'; did you mean 'reward_mean'? (--sort)",
        ),
        (
            ("--best", "reward_men"),
            "no checkpoint has a metric 'reward_men'; did you mean 'reward_mean'?",
        ),
        (("--detialed",), "no such option: --detialed; here it is: --detailed"),
    ],
)
def test_usage_errors_name_the_way_on(
    project: Path, monkeypatch: pytest.MonkeyPatch, args: tuple[str, ...], message: str
) -> None:
    monkeypatch.chdir(project)
    (project / "file").touch()
    result = run_list(project, *args)
    assert (result.returncode, result.stdout) == (2, "")
    told = message.format(project, start=script_command("list_checkpoints.py", []))
    assert result.stderr.splitlines()[-1].endswith(f"error: {told}")


def test_the_folder_of_the_configuration_is_the_default(project: Path) -> None:
    (project / "checkpoints").rename(project / "mine")
    (project / "config.yaml").write_text('ppo:\n  checkpoint_dir: "./mine"\n')
    result = run_list(project)
    assert result.returncode == 0
    assert f"CHECKPOINT DIRECTORY: {project / 'mine'}" in result.stdout


@pytest.mark.parametrize("text", ["", "ppo: 3", "ppo: [", "\0"])
def test_a_broken_configuration_is_not_this_scripts_business(project: Path, text: str) -> None:
    (project / "config.yaml").write_text(text)
    assert run_list(project).returncode == 0


@pytest.mark.parametrize("args", [(), ("--json",)])
def test_a_reader_that_leaves_early_sees_no_traceback(project: Path, args: tuple[str, ...]) -> None:
    many = project / "checkpoints"
    read, write = os.pipe()
    os.close(read)
    result = subprocess.run(
        [sys.executable, str(SCRIPT), str(many), *args],
        stdout=write,
        stderr=subprocess.PIPE,
        check=False,
    )
    os.close(write)
    assert (result.returncode, result.stderr) == (0, b"")


def test_nothing_heavy_is_imported(project: Path) -> None:
    code = (
        "import sys, runpy; sys.argv[1:] = ['-d']\n"
        f"try: runpy.run_path({str(SCRIPT)!r}, run_name='__main__')\n"
        "except SystemExit as end: assert end.code == 0\n"
        "print(sorted(name for name in sys.modules if '.' not in name), file=sys.stderr)"
    )
    env = {**os.environ, "PYTHONPATH": str(SCRIPT.parent)}
    result = subprocess.run(
        [sys.executable, "-c", code],
        cwd=project,
        env=env,
        capture_output=True,
        text=True,
        check=True,
    )
    loaded = set(json.loads(result.stderr.replace("'", '"')))
    assert "trainer" in loaded
    assert loaded.isdisjoint(HEAVY)


def test_listing_does_not_walk_the_checkpoints(project: Path) -> None:
    """Sizes come from the manifests: a file that vanished does not matter to a list."""
    before = json.loads(run_list(project, "--json").stdout)
    shutil.rmtree(project / "checkpoints" / "checkpoint_000010" / "policies")
    (project / "checkpoints" / "checkpoint_index.json").unlink()
    assert json.loads(run_list(project, "--json").stdout) == before
