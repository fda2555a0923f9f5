"""`python -m trainer.evaluate A B ...` as a user runs it."""

from __future__ import annotations

import dataclasses
import json
import re
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from PIL import Image

from envs.hide_and_seek.spaces import NVEC
from tests.checkpoints.fakes import save_own_game
from tests.commands.evaluate.conftest import Evaluate
from tests.commands.small_players import GAME, SPEC, make_network, save_checkpoint
from trainer.checkpoints.manager import CheckpointManager
from trainer.commands.players.game import read_game
from trainer.evaluation.proportions import wilson
from trainer.ppo.matches import PolicyPlayer, RandomPlayer, play_matches

SMALL = ("--games", "20")


def table(evaluate: Evaluate, *args: object) -> dict[str, Any]:
    code, out, err = evaluate(*args, "--json")
    assert (code, err) == (0, "")
    document: dict[str, Any] = json.loads(out)
    return document


def cells(document: dict[str, Any]) -> dict[tuple[str, str], dict[str, Any]]:
    return {(cell["seeker"], cell["hider"]): cell for cell in document["cells"]}


def test_cells_are_the_figures_of_the_matches(evaluate: Evaluate, checkpoints: Path) -> None:
    document = table(evaluate, "20", "random", "chaser", "--seed", "5", *SMALL)
    assert [player["name"] for player in document["seekers"]] == ["20", "random", "chaser"]
    assert [player["name"] for player in document["hiders"]] == ["20", "random"]
    assert (document["games"], document["seed"], document["complete"]) == (20, 5, True)
    config = read_game(checkpoints / "checkpoint_000020")
    seeker, hider = PolicyPlayer(make_network(40), False), PolicyPlayer(make_network(41), False)
    found = cells(document)
    assert len(found) == 6
    stats = play_matches(config, seeker, RandomPlayer(NVEC), 20, seed=5)
    cell = found["20", "random"]
    seen = stats["seen_fraction"].astype(float)
    assert cell["seen_fraction"] == pytest.approx(seen.mean())
    assert cell["seen_fraction_standard_error"] == pytest.approx(seen.std(ddof=1) / 20**0.5)
    assert cell["first_seen_step"] == pytest.approx(stats["first_seen_step"].mean())
    counted = (cell["seeker_wins"], cell["draws"], cell["hider_wins"])
    assert counted == ((seen > 0.5).sum(), (seen == 0.5).sum(), (seen < 0.5).sum())
    assert cell["win_rate"] == wilson(counted[0] + counted[1] / 2, 20)._asdict()
    own = play_matches(config, seeker, hider, 20, seed=5)
    assert found["20", "20"]["seen_fraction"] == pytest.approx(own["seen_fraction"].mean())


def test_explored_actions_are_others(evaluate: Evaluate) -> None:
    sampled = table(evaluate, "20", "random", "--explore", *SMALL)
    assert sampled["actions"] == "sampled"
    plain = table(evaluate, "20", "random", "--deterministic", *SMALL)
    assert plain["actions"] == "most likely"
    one, other = (cells(d)["20", "random"]["seen_fraction"] for d in (plain, sampled))
    assert one != other


def test_neither_order_nor_company_changes_a_cell(evaluate: Evaluate) -> None:
    found = cells(table(evaluate, "10", "20", "random", *SMALL))
    turned = cells(table(evaluate, "random", "20", "10", *SMALL))
    assert turned == found
    alone = cells(table(evaluate, "20", *SMALL))
    assert alone == {("20", "20"): found["20", "20"]}
    assert table(evaluate, "20", *SMALL) == table(evaluate, "20", *SMALL)
    assert cells(table(evaluate, "20", *SMALL, "--seed", "1")) != alone


def test_what_the_document_holds(evaluate: Evaluate, checkpoints: Path) -> None:
    document = table(evaluate, "best", "random", "runner", *SMALL)
    assert set(document) == {
        *("game", "games", "seed", "actions", "complete", "notes", "seekers", "hiders"),
        *("nash_value", "balance", "cells"),
    }
    assert document["game"]["of"] == "best"
    assert document["game"]["level"] == "L0"
    assert document["game"]["episode_steps"] == 8
    first, second = document["seekers"]
    assert first["checkpoint"] == str(checkpoints / "checkpoint_000020")
    assert first["trained_on"] == "L0, 2 seeking against 1 hiding"
    assert set(first["rating"]) == {"mu", "sigma", "fixed"}
    assert second["rating"] == {"mu": 25.0, "sigma": pytest.approx(25 / 3), "fixed": True}
    assert (second["checkpoint"], second["trained_on"]) == (None, None)
    for side in ("seekers", "hiders"):
        assert sum(player["nash"]["mix"] for player in document[side]) == pytest.approx(1.0)
        assert all(0.0 <= player["nash"]["score"] <= 1.0 for player in document[side])
    seen = np.array([cell["seen_fraction"] for cell in document["cells"]]).reshape(2, 3)
    mix = np.array([player["nash"]["mix"] for player in document["hiders"]])
    scores = [player["nash"]["score"] for player in document["seekers"]]
    assert scores == pytest.approx(list(seen @ mix))
    assert max(scores) == pytest.approx(document["nash_value"], abs=1e-4)


def test_the_tables_of_the_terminal(evaluate: Evaluate) -> None:
    args = ("20", "random", "chaser", "blocker", *SMALL)
    found = cells(table(evaluate, *args))
    code, out, err = evaluate(*args)
    assert (code, err) == (0, "")
    assert "\x1b" not in out
    head = "game    L0, 2 seekers against 1 hider, 2 steps to hide and 6 to seek (that of 20)\n"
    assert out.startswith(head)
    assert "games   20 of each pairing, 3 x 3, seed 0, most likely actions\n" in out
    seen = [found["chaser", hider]["seen_fraction"] for hider in ("20", "random", "blocker")]
    assert re.search(r"chaser +" + " +".join(f"{value:.3f}" for value in seen) + r"\n", out)
    won = found["20", "random"]["win_rate"]
    shown = f"{100 * won['share']:.0f} [{100 * won['low']:.0f}, {100 * won['high']:.0f}]"
    assert shown in out
    assert re.search(r"\n  random +25\.0 fixed .*25\.0 fixed", out)
    assert re.search(r"\n  blocker + - +- +- +\d", out)  # no seeker
    assert "Both sides at their best mix: a hider is seen in" in out


def test_the_same_checkpoint_comes_once(evaluate: Evaluate, checkpoints: Path) -> None:
    document = table(evaluate, "final", "latest", "30", checkpoints / "checkpoint_000030", *SMALL)
    assert [player["name"] for player in document["seekers"]] == ["final"]
    assert document["notes"][0] == f"final is {checkpoints / 'checkpoint_000030'}"
    assert document["notes"][1] == "latest is the same checkpoint as final"
    assert len(document["notes"]) == 4


def test_checkpoints_of_other_folders_and_levels(
    evaluate: Evaluate, checkpoints: Path, tmp_path: Path
) -> None:
    far = save_checkpoint(
        CheckpointManager(tmp_path / "a" / "far"),
        5,
        game=GAME | {"level": "L1", "num_seekers": 1},
        spec=dataclasses.replace(SPEC, hiddens=(16, 4)),  # of any size
    )
    shutil.copytree(tmp_path / "a", tmp_path / "b")
    document = table(evaluate, "20", far, "shipped", *SMALL)
    assert document["notes"] == [
        "5 is ./a/far/checkpoint_000005",
        "5 was trained on L1, 1 seeking against 1 hiding",
        "shipped was trained on L1, 1 seeking against 1 hiding",
    ]
    assert document["game"]["level"] == "L0"
    both = table(evaluate, far, tmp_path / "b" / "far" / far.name, *SMALL)
    assert both["game"]["level"] == "L1"
    assert [player["name"] for player in both["hiders"]] == [
        "./a/far/checkpoint_000005",
        "./b/far/checkpoint_000005",
    ]
    other = save_checkpoint(CheckpointManager(tmp_path / "other"), 5)
    pair = table(evaluate, "20", far, other, *SMALL)
    assert [player["name"] for player in pair["hiders"]] == ["20", "far/5", "other/5"]
    changed = table(evaluate, "20", "random", *SMALL, "--set", "env.num_hiders=3")
    assert changed["game"]["num_hiders"] == 3


def test_without_a_checkpoint_the_configured_game_is_played(evaluate: Evaluate) -> None:
    Path("config.yaml").write_text("env: {level: L0, episode_steps: 8, prep_steps: 2}\n")
    code, out, _ = evaluate("searcher", "runner", "random", *SMALL, folder=None)
    assert code == 0
    assert "2 steps to hide and 6 to seek (of the configuration file)" in out


@pytest.mark.parametrize(
    ("args", "code", "words"),
    [
        ((), 2, "PLAYER"),
        (("20", "--games", "0"), 2, "whole number of at least 1"),
        (("20", "--games", "100001"), 2, "argument --games: must be at most 100000, not 100001"),
        (("20", "exploit", "--team", "hider"), 2, "comes first: "),
        (("20", "--seed", "-1"), 2, "whole number from 0"),
        (("20", "--game", "5"), 2, "here it is: --games 5"),
        (("20", "--explore", "--deterministic"), 2, "not allowed with"),
        (("20", "--set", "ppo.lr=1"), 2, "only the game can be changed here"),
        (("20", "--set", "env.levl=L1"), 2, "nearest: env.level"),
        (("20", "--out", "a.gif"), 2, "name a .png file"),
        (("20", "--out", "no/where.png"), 2, "there is no folder no"),
        (("chaser", "searcher"), 2, "nobody plays the hiders; add a checkpoint, or one of random"),
        (("blocker",), 2, "nobody plays the seekers"),
        (("chasr", "20"), 3, "chasr: neither a player nor a checkpoint; did you mean 'chaser'?"),
        (("shiped", "20"), 3, "did you mean 'shipped'?"),
        (("20", "11"), 3, "no checkpoint for iteration 11"),
        (("./nothing", "20"), 3, "nothing"),
    ],
)
def test_what_cannot_be_played_is_told_in_a_line(
    evaluate: Evaluate, args: tuple[str, ...], code: int, words: str
) -> None:
    found, out, err = evaluate(*args)
    assert (found, out) == (code, "")
    assert words in err
    assert "Traceback" not in err
    assert list(Path().iterdir()) == []


def test_other_observations_are_refused_with_both_sizes(evaluate: Evaluate, tmp_path: Path) -> None:
    manager = CheckpointManager(tmp_path / "other")
    path = save_checkpoint(manager, 1, spec=dataclasses.replace(SPEC, obs_size=100))
    code, out, err = evaluate("20", path)
    assert (code, out) == (2, "")
    assert "is for 100 observations and actions [3, 3, 5, 2, 3]; this game has 158" in err


def test_another_game_is_refused(evaluate: Evaluate, tmp_path: Path) -> None:
    code, _, err = evaluate("20", save_own_game(tmp_path / "own"))
    assert code == 2
    assert "plays hide and seek only; checkpoint_000005 is of the game 'tag'" in err


def test_a_damaged_checkpoint_is_not_played(
    evaluate: Evaluate, checkpoints: Path, tmp_path: Path
) -> None:
    copy = shutil.copytree(checkpoints, tmp_path / "copy")
    weights = copy / "checkpoint_000020/policies/hider_policy/weights.safetensors"
    data = bytearray(weights.read_bytes())
    data[-1] ^= 1
    weights.write_bytes(data)
    code, _, err = evaluate("20", folder=copy)
    assert code == 3
    assert "weights.safetensors" in err


def test_a_picture_of_the_table(evaluate: Evaluate) -> None:
    args = ("20", "random", "chaser", *SMALL, "--out", "table.png")
    code, out, _ = evaluate(*args)
    assert code == 0
    assert out.endswith("drawn: table.png\n")
    with Image.open("table.png") as image:
        assert image.width > 500 < image.height * 2
        colors = np.unique(np.asarray(image.convert("RGB")).reshape(-1, 3), axis=0)
    assert len(colors) > 100
    code, _, err = evaluate(*args)
    assert code == 2
    assert "the file exists; add --yes" in err
    code, out, err = evaluate(*args, "--yes", "--json")
    assert (code, err) == (0, "drawn: table.png\n")
    json.loads(out)


def test_the_picture_names_the_iteration_of_a_selector(
    evaluate: Evaluate, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn: list[str] = []

    def noted(self: Axes, ticks: object, names: Sequence[str] = (), **style: object) -> None:
        drawn.extend(names)

    monkeypatch.setattr(Axes, "set_yticks", noted)
    assert evaluate("best", "10", "random", *SMALL, "--out", "table.png")[0] == 0
    assert drawn == ["best (20)", "10", "random"]


def test_a_picture_that_cannot_be_finished_leaves_the_one_before(
    evaluate: Evaluate, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("table.png").write_text("before")

    def full(self: Figure, target: Path, **options: object) -> None:
        Path(target).write_text("half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Figure, "savefig", full)
    code, _, err = evaluate("random", *SMALL, "--out", "table.png", "--yes")
    assert code == 1
    assert "No space left" in err
    assert [path.name for path in Path().iterdir()] == ["table.png"]
    assert Path("table.png").read_text() == "before"


def test_both_forms_have_a_help(evaluate: Evaluate) -> None:
    code, out, _ = evaluate("--help", folder=None)
    assert code == 0
    for word in ("exploit CHECKPOINT --team hider", "chaser", "shipped", "exit codes"):
        assert word in out
    code, out, _ = evaluate("exploit", "--help", folder=None)
    assert code == 0
    for word in ("--minutes", "--fresh", "lower", "exit codes"):
        assert word in out
