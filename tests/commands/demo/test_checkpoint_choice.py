"""The list to choose from, and the answers it understands."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.checkpoints.fakes import BY_REWARD, info
from trainer.checkpoints.errors import CheckpointCorrupted, NoUsableCheckpoint
from trainer.checkpoints.index import Listing
from trainer.commands.demo.checkpoint_choice import SHOWN, ask, checkpoint_rows
from trainer.commands.players.shelf import Shelf
from trainer.errors import UsageError
from trainer.reporting.terminal import Style
from trainer.shown_commands import script_command


def answering(*answers: str) -> Callable[[str], str]:
    """Stands in for `input`; at the end of the answers the input is over."""
    left = iter(answers)

    def read(prompt: str) -> str:
        assert prompt == "Select checkpoint [30]: "
        try:
            return next(left)
        except StopIteration:
            raise EOFError from None

    return read


def test_the_list_marks_the_best_and_the_final_one(shelf: Shelf) -> None:
    assert checkpoint_rows(shelf.listing, Style())[2:-1] == [
        "      10  2024-12-19 15:30       1.50",
        "      20  2024-12-19 15:30       3.25  [BEST]",
        "      30  2024-12-19 15:30      -2.00  [FINAL]",
    ]


def test_a_long_list_shows_its_end_and_the_best() -> None:
    saved = (info(k, reward_mean=-float(k), best_by=BY_REWARD) for k in range(1, 101))
    listing = Listing(tuple(saved))
    rows = checkpoint_rows(listing, Style())
    assert rows[2].strip().startswith("...  80 older ones (")
    assert f"({script_command('list_checkpoints.py', [])} shows" in rows[2]
    assert rows[3].split()[0] == "1"
    assert rows[3].endswith("[BEST]")
    assert [row.split()[0] for row in rows[4:-1]] == [str(k) for k in range(81, 101)]
    assert len(rows) == 2 + 1 + 1 + SHOWN + 1


def test_an_unknown_reward_is_a_dash() -> None:
    rows = checkpoint_rows(Listing((info(5, reward_mean=None),)), Style())
    assert rows[2].split() == ["5", "-", "-", "[BEST]"]


@pytest.mark.parametrize(
    ("answer", "iteration"),
    [("", 30), ("20", 20), ("best", 20), (" final ", 30), ("checkpoint_000010", 10)],
)
def test_an_answer_is_a_selector(shelf: Shelf, answer: str, iteration: int) -> None:
    assert ask(shelf, Style(), answering(answer)) == shelf.directory / f"checkpoint_{iteration:06d}"


def test_a_wrong_answer_names_the_nearest_and_asks_again(
    shelf: Shelf, capsys: pytest.CaptureFixture[str]
) -> None:
    chosen = ask(shelf, Style(), answering("24", "finl", "10"))
    assert chosen is not None
    assert chosen.name == "checkpoint_000010"
    shown = capsys.readouterr().out
    assert "no checkpoint for iteration 24" in shown
    assert "nearest: 20, 30" in shown
    assert "did you mean 'final'?" in shown


@pytest.mark.parametrize("answers", [("q",), ("Q",), ("quit",), ()])
def test_leaving(shelf: Shelf, answers: tuple[str, ...]) -> None:
    assert ask(shelf, Style(), answering(*answers)) is None


def test_a_damaged_checkpoint_is_reported_and_asked_again(
    damaged: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    answers = iter(["10", "q"])
    assert ask(Shelf(str(damaged)), Style(), lambda prompt: next(answers)) is None
    assert "weights.safetensors: content changed" in capsys.readouterr().out


def test_finding_verifies(damaged: Path) -> None:
    with pytest.raises(CheckpointCorrupted, match="seeker_policy/weights"):
        Shelf(str(damaged)).find("latest")


def test_nothing_to_choose_from_names_the_way_on(tmp_path: Path) -> None:
    with pytest.raises(NoUsableCheckpoint, match=r"start training with: python main\.py"):
        ask(Shelf(str(tmp_path)), Style())


def test_a_missing_folder_names_a_near_one(tmp_path: Path) -> None:
    (tmp_path / "checkpoints").mkdir()
    with pytest.raises(NoUsableCheckpoint) as caught:
        Shelf(str(tmp_path / "chekpoints"))
    assert f"did you mean {tmp_path / 'checkpoints'}?" in str(caught.value)
    assert "python main.py --checkpoint-dir" in str(caught.value)


def test_a_file_is_no_folder(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(UsageError, match="not a directory"):
        Shelf(str(tmp_path / "file"))
