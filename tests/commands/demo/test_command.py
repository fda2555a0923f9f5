"""`demo_model.py` as a user runs it."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from numba.core import event
from PIL.GifImagePlugin import GifImageFile

from envs.hide_and_seek.spaces import STAGES
from tests.commands.demo.conftest import Demo
from tests.commands.terminal import Terminal, environment
from trainer.commands.demo import recording, session
from trainer.commands.demo.lineup import Lineup
from trainer.commands.demo.main import main
from trainer.commands.demo.picture import frame_height
from trainer.commands.demo.stage import Moment, Screen, Stage
from trainer.ppo.matches import MatchBlock, Stats, play_matches
from trainer.shown_commands import script_command

SCRIPT = Path(__file__).parents[3] / "demo_model.py"


def stats_in(out: str) -> list[str]:
    """The output without what depends on the clock and the way of showing."""
    lines = re.sub(r"speed .*", "", out).splitlines()
    return [line for line in lines if re.match(r"episode +\d|  \w", line) and "  step " not in line]


def test_the_latest_is_taken_without_a_terminal(demo: Demo, checkpoints: Path) -> None:
    code, out, _ = demo()
    assert code == 0
    assert out.startswith(
        f"checkpoint  {checkpoints / 'checkpoint_000030'} "
        "(the latest; --checkpoint names another)\n"
        "game        L0, 2 seekers against 1 hider, 2 steps to hide and 6 to seek\n"
    )
    assert [line.split()[1] for line in out.splitlines() if line.startswith("episode")] == [
        "1/5", "2/5", "3/5", "4/5", "5/5"
    ]  # fmt: skip
    assert "Performance: 5 episodes of L0, seed 0" in out
    assert "\x1b" not in out


def test_the_figures_are_those_of_the_matches(demo: Demo, lineup: Lineup) -> None:
    _, out, _ = demo("best", "--hider", "random", "--episodes", "200", "--seed", "5")
    seeker, hider = lineup.players["seeker"], lineup.players["hider"]
    stats = play_matches(lineup.config, seeker, hider, episodes=200, seed=5)
    seen = stats["seen_fraction"]
    assert f"  seen fraction    {seen.mean():.3f} ± {seen.std():.3f} of" in out
    assert f"{stats['seeker_return'].mean():.2f} ± {stats['seeker_return'].std():.2f}" in out
    assert re.search(r"policy +checkpoint_000020 +random\n", out)
    assert f"{int((seen < 0.5).sum())} ({(seen < 0.5).mean():.1%})\n" in out
    assert not [line for line in out.splitlines() if line.startswith("episode 1")]


def test_the_statistics_as_json(demo: Demo, lineup: Lineup) -> None:
    args = ("best", "--hider", "random", "--episodes", "20", "--seed", "5", "--json")
    code, out, err = demo(*args)
    assert (code, err) == (0, "")
    document = json.loads(out)
    seeker, hider = lineup.players["seeker"], lineup.players["hider"]
    stats = play_matches(lineup.config, seeker, hider, episodes=20, seed=5)
    assert document["policies"] == {"seeker": "checkpoint_000020", "hider": "random"}
    assert (document["episodes"], document["seed"]) == (20, 5)
    assert document["hider_wins"] == (stats["seen_fraction"] < 0.5).sum()
    assert set(document["stats"]) == set(stats) - set(STAGES)  # its level has no objects
    assert document["stats"]["seen_fraction"]["mean"] == pytest.approx(
        stats["seen_fraction"].mean()
    )
    for picture in (("--render", "ansi"), ("--record", "a.gif")):
        assert demo(*args, *picture)[0] == 2


def test_scripted_players_need_no_checkpoint(demo: Demo) -> None:
    game = ("--set", "env.level=L1", "--set", "env.num_layouts=2", "--episodes", "3")
    code, out, err = demo("--seeker", "chaser", "--hider", "blocker", *game, folder=None)
    assert (code, "checkpoint" in out) == (0, False), err
    assert out.startswith("game        L1, 1 seeker against 1 hider")
    assert re.search(r"policy +chaser +blocker\n", out)
    assert re.search(r"actions +scripted +scripted\n", out)
    code, _, err = demo("--seeker", "blocker", "--hider", "random", *game, folder=None)
    assert code == 2
    assert "--seeker blocker: not a player of the seekers (those are: random, chaser," in err
    code, _, err = demo("--seeker", "chasr", "--hider", "blocker", *game, folder=None)
    assert code == 3
    assert "--seeker chasr: neither a player nor a checkpoint; did you mean 'chaser'?" in err


def test_compiling_is_told_but_not_beside_json(demo: Demo, monkeypatch: pytest.MonkeyPatch) -> None:
    def compiled(*args: object) -> MatchBlock:
        for _ in range(2):
            with event.trigger_event("numba:compile"):
                pass
        return MatchBlock(*args)  # type: ignore[arg-type]

    monkeypatch.setattr(session, "MatchBlock", compiled)
    args = ("--checkpoint", 20, "--render", "none", "--episodes", 1)
    _, _, err = demo(*args)
    assert err.count("compiling kernels, once on this machine") == 1
    _, _, err = demo(*args, "--json")
    assert err == ""


def test_a_seed_is_the_same_in_every_way_to_show_it(demo: Demo, tmp_path: Path) -> None:
    shown = [
        stats_in(demo("--explore", "--seed", "3", "--episodes", "3", *args)[1])
        for args in (
            ("--render", "none"),
            ("--render", "ansi"),
            ("--render", "rgb_array"),
            ("--render", "none", "--record", tmp_path / "a.gif"),
        )
    ]
    assert len(shown[0]) == 3 + 8
    assert shown[0] == shown[1] == shown[2] == shown[3]

    def other(*args: object) -> list[str]:
        return stats_in(demo("--episodes", "3", *args)[1])

    assert other("--explore", "--seed", "4") != shown[0]
    assert other("--seed", "3") != shown[0]  # the most likely actions, by default
    assert other("--seed", "3") == other("--seed", "3", "--deterministic")


def test_frames_in_a_pipe(demo: Demo) -> None:
    code, out, _ = demo("--render", "ansi", "--episodes", "2")
    assert code == 0
    assert out.count("┌") == 2 * 9
    assert "\x1b" not in out
    assert "rgb_array draws without showing" in demo("--render", "rgb_array", "--episodes", "1")[2]


def test_the_game_can_be_changed(demo: Demo) -> None:
    _, out, _ = demo("--set", "env.num_hiders=3", "--set", "env.episode_steps=12")
    assert "2 seekers against 3 hiders, 2 steps to hide and 10 to seek" in out


@pytest.mark.parametrize("mode", ["none", "ansi"])
def test_recording(demo: Demo, tmp_path: Path, mode: str) -> None:
    code, out, _ = demo("--render", mode, "--record", "game.gif", "--episodes", "2", "--fps", "10")
    assert code == 0
    assert re.search(r"recorded game\.gif  18 frames, [\d.]+ KB", out)
    with GifImageFile(tmp_path / "game.gif") as image:
        # The end of the first episode and the start of the second may not be one frame.
        assert image.n_frames == 18
        assert image.size == (160, frame_height(160))
        image.seek(8)
        assert image.info["duration"] == 1300


def test_a_file_is_replaced_only_when_told(demo: Demo, tmp_path: Path) -> None:
    (tmp_path / "a.gif").write_text("mine")
    code, _, err = demo("--record", "a.gif", "--episodes", "1")
    assert (code, err) == (2, "error: --record a.gif: the file exists; add --yes to replace it\n")
    assert (tmp_path / "a.gif").read_text() == "mine"
    assert demo("--record", "a.gif", "--episodes", "1", "--force")[0] == 0
    assert (tmp_path / "a.gif").read_bytes().startswith(b"GIF89a")


def test_a_recording_that_fails_is_reported_after_the_statistics(
    demo: Demo, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def full(*args: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(recording.GifWriter, "add", full)
    code, out, err = demo("--record", "a.gif", "--episodes", "1")
    assert code == 1
    assert err == "error: a.gif could not be written: No space left on device\n"
    assert "Performance: 1 episode" in out
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (["--record", "a.mp4"], r"\.mp4 is not supported; name a \.gif file, such as a\.gif"),
        (["--record", "game"], r"no extension; name a \.gif file"),
        (["--record", "missing/a.gif"], "there is no folder missing"),
        (["--render", "human"], "there is no display"),
        (["--render", "film"], "invalid choice: 'film'"),
        (["--episodes", "0"], "at least 1, not 0"),
        (["--seed", "-1"], "from 0 to"),
        (["--seed", str(2**63)], "from 0 to"),
        (["--fps", "0"], "above 0"),
        (["--fps", "nan"], "above 0"),
        (["10", "--checkpoint", "20"], "two checkpoints given"),
        (["--explore", "--deterministic"], "not allowed with"),
        (["--set", "ppo.lr=1"], "only the game can be changed"),
        (["--set", "env.level=L9"], "did you mean 'L4'"),
    ],
)
def test_usage_errors(demo: Demo, tmp_path: Path, args: list[str], words: str) -> None:
    code, out, err = demo(*args)
    assert code == 2
    assert re.search(words, err)
    assert "Traceback" not in err
    assert "Performance" not in out
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("selector", ["24", "--seeker=24"])
def test_an_unknown_checkpoint_names_the_nearest(demo: Demo, selector: str) -> None:
    code, _, err = demo(selector)
    assert code == 3
    assert "no checkpoint for iteration 24" in err
    assert err.endswith("nearest: 20, 30\n")


def test_a_damaged_checkpoint_is_not_loaded(demo: Demo, damaged: Path) -> None:
    code, out, err = demo(folder=damaged)
    assert (code, out) == (3, "")
    assert "seeker_policy/weights.safetensors: content changed" in err
    # Nor as an opponent.
    assert demo("latest", "--hider", damaged / "checkpoint_000010")[0] == 3


def test_nothing_to_watch_yet(demo: Demo) -> None:
    code, _, err = demo(folder=None)
    assert code == 3
    start, watch = script_command("main.py", []), script_command("demo_model.py", ["--shipped"])
    assert err == (
        f"error: no checkpoints found in ./checkpoints; start training with: {start}\n"
        f"or watch the policies that come with the project: {watch}\n"
    )


def test_opponents_are_looked_for_beside_the_checkpoint(demo: Demo, checkpoints: Path) -> None:
    code, out, _ = demo(checkpoints / "checkpoint_000020", "--seeker", "10", folder=None)
    assert code == 0
    assert re.search(r"policy +checkpoint_000010 +checkpoint_000020\n", out)


def test_a_display_that_does_not_work_falls_back(
    demo: Demo, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SDL_VIDEODRIVER", "no_such_driver")
    code, out, err = demo("--episodes", "1")
    assert code == 0
    assert re.fullmatch(r"no window \(.*\); showing none\n", err)
    assert "Performance: 1 episode" in out
    code, _, err = demo("--episodes", "1", "--render", "human")
    assert code == 2
    assert re.fullmatch(r"error: --render human: .*\n", err)


def test_a_window_shows_all_episodes(demo: Demo, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SDL_VIDEODRIVER", "dummy")
    code, out, _ = demo("--fps", "1000", "--episodes", "2", "--seed", "3")
    assert code == 0
    assert stats_in(out) == stats_in(demo("--render", "none", "--episodes", "2", "--seed", "3")[1])


def test_only_games_without_pictures_have_a_speed(demo: Demo) -> None:
    assert "  speed " in demo("--episodes", "1")[1]
    assert "  speed " not in demo("--episodes", "1", "--record", "a.gif")[1]


def test_a_mistyped_way_to_show_names_the_right_one(demo: Demo) -> None:
    code, _, err = demo("--render", "ascii")
    assert (code, err.endswith("; did you mean 'ansi'?\n")) == (2, True)


def test_ctrl_c_leaves_with_the_statistics_so_far(
    demo: Demo, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(
        block: MatchBlock, episodes: int, stopped: Callable[[], bool]
    ) -> Iterator[Stats]:
        for part in real(block, episodes, stopped):
            yield part
            signal.raise_signal(signal.SIGINT)

    real = session.play_blocks
    monkeypatch.setattr(session, "play_blocks", interrupted)
    code, out, _ = demo("--episodes", "1000", "--render", "none")
    assert code == 130
    assert "Performance: 128 episodes" in out


def test_ctrl_c_keeps_the_recording_so_far(
    demo: Demo, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def interrupted(
        stage: Stage,
        screen: Screen,
        also: Callable[[Moment], None],
        on_result: Callable[[int, dict[str, float]], None],
        stopped: Callable[[], bool],
    ) -> None:
        def stop_in_the_second(moment: Moment) -> None:
            if moment.number == 2:
                signal.raise_signal(signal.SIGINT)
            else:
                also(moment)

        real(stage, screen, stop_in_the_second, on_result, stopped)

    real = session.show_episodes
    monkeypatch.setattr(session, "show_episodes", interrupted)
    code, out, _ = demo("--record", "a.gif")
    assert code == 130
    assert "Performance: 1 episode" in out
    assert "recorded a.gif  9 frames" in out
    with GifImageFile(tmp_path / "a.gif") as image:
        assert image.n_frames == 9


def test_help_imports_nothing_heavy() -> None:
    code = (
        "import sys, demo_model\n"
        "try: demo_model.main(['--help'])\n"
        "except SystemExit: pass\n"
        "heavy = {'torch', 'numpy', 'pydantic', 'yaml', 'ray', 'PIL', 'pygame'}\n"
        "heavy &= set(sys.modules)\n"
        "sys.exit(str(heavy) if heavy else 0)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=SCRIPT.parent, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    for words in ("--record", "space", "most likely actions", "exit codes"):
        assert words in done.stdout


def test_ray_is_never_imported(checkpoints: Path, tmp_path: Path) -> None:
    """Plays, draws and records where an import of Ray ends the process."""
    code = (
        "import sys, importlib.abc\n"
        "class Block(importlib.abc.MetaPathFinder):\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name.split('.')[0] == 'ray': sys.exit('ray was imported')\n"
        "sys.meta_path.insert(0, Block())\n"
        "import demo_model\n"
        "code = demo_model.main(sys.argv[1:])\n"
        "assert 'torch' in sys.modules and 'PIL' in sys.modules and 'ray' not in sys.modules\n"
        "sys.exit(code)"
    )
    target = tmp_path / "a.gif"
    args = ["--checkpoint-dir", str(checkpoints), "--record", str(target), "--episodes", "1"]
    done = subprocess.run(
        [sys.executable, "-c", code, *args],
        cwd=SCRIPT.parent,
        env=environment(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "Performance: 1 episode" in done.stdout
    assert target.is_file()


def test_a_reader_that_stops_early_is_no_error(
    checkpoints: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "w", encoding="utf-8") as pipe:
        monkeypatch.setattr(sys, "stdout", pipe)
        args = ["--checkpoint-dir", str(checkpoints), "--render", "ansi", "--episodes", "1"]
        assert main(args) == 0


def test_choosing_and_watching_on_a_terminal(checkpoints: Path) -> None:
    terminal = Terminal(
        [str(SCRIPT), "--checkpoint-dir", str(checkpoints), "--episodes", "2", "--fps", "200"]
    )
    terminal.reply("Select checkpoint [30]: ", "24\n")
    terminal.reply("Select checkpoint [30]: ", "20\n")
    assert terminal.end() == 0
    shown = terminal.shown
    assert "[BEST]" in shown
    assert "nearest: 20, 30" in shown
    drawn, after = shown.split("\x1b[?25h\x1b[?1049l")
    assert drawn.count("\x1b[H") == 2 * 9
    assert "step 8/8" in drawn
    assert "checkpoint_000020" in drawn
    assert "episode 1/2" in after
    assert "Performance: 2 episodes" in after
    assert "\x1b[36mhiders" in after


def test_ctrl_c_gives_the_terminal_back(checkpoints: Path) -> None:
    args = ("latest", "--checkpoint-dir", str(checkpoints), "--fps", "100")
    # A process that a script starts in the background inherits that Ctrl-C is to be ignored.
    terminal = Terminal([str(SCRIPT), *args, "--set", "env.episode_steps=1000"], [signal.SIGINT])
    terminal.read_until("step 3/1000")
    terminal.process.send_signal(signal.SIGINT)
    assert terminal.end() == 130
    _, after = terminal.shown.split("\x1b[?25h\x1b[?1049l")
    assert after.strip() == "no episode was played to its end"


@pytest.mark.parametrize(("answer", "code"), [("q\n", 0), ("\x04", 0)])
def test_leaving_the_list(checkpoints: Path, answer: str, code: int) -> None:
    terminal = Terminal([str(SCRIPT), "--checkpoint-dir", str(checkpoints)])
    terminal.reply("Select checkpoint [30]: ", answer)
    assert terminal.end() == code
    assert terminal.shown.split()[-1] == "left"
