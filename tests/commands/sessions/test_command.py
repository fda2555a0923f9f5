"""`python -m trainer.sessions`: lists, pictures, and tables that pandas reads."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas  # type: ignore[import-untyped]
import pytest
from PIL import Image

from tests.episodes.samples import SESSION, content
from trainer.commands.sessions.main import main
from trainer.episodes.names import RecordName

LATER = "ray_training_20261123_090000"
Run = Callable[..., tuple[int, str, str]]


def put(folder: Path, session: str, worker: int, episode: int, **about: Any) -> Path:
    path = folder / RecordName(session, episode, worker).path
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content(episode, worker, session, **about))
    return path


def edit(path: Path, **values: Any) -> None:
    """Lets a record say something else."""
    path.write_text(json.dumps(json.loads(path.read_bytes()) | values))


@pytest.fixture(scope="module")
def sessions(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two sessions: of two workers in the iterations 1, 11 and 21, and of one; only to be read."""
    folder = tmp_path_factory.mktemp("records") / "sessions"
    for worker in (1, 2):
        for episode in (1, 2, 3):
            put(folder, SESSION, worker, episode, iteration=10 * episode - 9)
    put(folder, LATER, 0, 1, iteration=5, run="a later run")
    return folder


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    def run(*words: object) -> tuple[int, str, str]:
        try:
            code = main([*map(str, words)])
        except SystemExit as ended:
            code = int(ended.code or 0)
        out, err = capsys.readouterr()
        return code, out, err

    return run


def test_list_shows_sessions_newest_first(sessions: Path, run: Run) -> None:
    code, out, err = run("list", sessions)
    assert (code, err) == (0, "")
    lines = out.splitlines()
    assert lines[0].split() == [
        *("session", "run", "level", "workers", "records", "iterations", "size", "age")
    ]
    assert lines[2].split()[:4] == [LATER, "a", "later", "run"]
    assert lines[3].split()[:7] == [SESSION, "a", "run", "L2", "2", "6", "1-21"]
    assert lines[4].endswith(f"trainer.sessions list {sessions}/{LATER}")
    read = pandas.read_json(io.StringIO(run("list", sessions, "--json")[1]))
    assert read.records.tolist() == [1, 6]
    assert read.bytes.min() > 1000


def test_list_shows_the_records_of_a_session(sessions: Path, run: Run) -> None:
    code, out, err = run("list", sessions / SESSION, "--limit", 4)
    assert code == 0
    assert err == "2 older records: --limit N\n"
    shown = [line.split()[1:4] for line in out.splitlines()[2:]]
    assert shown == [["2", "3", "21"], ["1", "3", "21"], ["2", "2", "11"], ["1", "2", "11"]]
    _, out, _ = run("list", sessions / SESSION / "worker_2", "--csv")
    assert pandas.read_csv(io.StringIO(out)).worker.tolist() == [2, 2, 2]


@pytest.mark.parametrize("form", ["--csv", "--json"])
def test_pandas_reads_every_record(sessions: Path, run: Run, form: str) -> None:
    code, out, _ = run("stats", sessions, "--each", form)
    assert code == 0
    text = io.StringIO(out)
    read = pandas.read_csv(text) if form == "--csv" else pandas.read_json(text)
    assert len(read) == 7
    assert read.iteration.tolist() == [1, 1, 11, 11, 21, 21, 5]
    assert read.length.tolist() == [12.0] * 7
    assert read.trace.tolist() == [True] * 7
    assert read.opponents.tolist() == ["hider@20"] * 7
    assert (read.seeker_return == -read.hider_return).all()
    assert read.level.tolist() == ["L2"] * 7  # not the statistic of that name
    assert read.seen_fraction.between(0, 1).all()


def test_stats_are_means_by_iteration_and_worker(sessions: Path, run: Run) -> None:
    code, out, _ = run("stats", sessions / SESSION, "--bucket", 20, "--csv")
    assert code == 0
    means = pandas.read_csv(io.StringIO(out))
    assert means.from_iteration.tolist() == [1, 21]
    assert means.to_iteration.tolist() == [20, 40]
    assert means.records.tolist() == [4, 2]
    each = pandas.read_csv(io.StringIO(run("stats", sessions / SESSION, "--each", "--csv")[1]))
    early = each[each.iteration <= 20]
    assert means.seen_fraction[0] == pytest.approx(early.seen_fraction.mean())
    assert means.seeker_reward[0] == pytest.approx(early.seeker_reward.mean())
    _, out, _ = run("stats", sessions / SESSION, "--per-worker")
    rows = [line.split()[:4] for line in out.splitlines()[2:]]
    assert rows == [
        [str(worker), str(first), str(first + 2), "1"] for worker in (1, 2) for first in (1, 10, 19)
    ]


def test_show_prints_the_newest_and_draws_its_end(sessions: Path, run: Run) -> None:
    code, out, err = run("show", sessions / SESSION)
    assert (code, err) == (0, "")
    assert f"{sessions}/{SESSION}/worker_2/episode_000003_checkpoint.json" in out
    assert ["earlier", "policies", "hider", "of", "iteration", "20"] in map(
        str.split, out.splitlines()
    )
    assert re.search(r"^these are 0 +\w+", out, re.MULTILINE)
    assert "step 12/12  seeking" in out
    assert "S" in out
    _, out, _ = run("show", sessions / SESSION / "worker_1", "--step", 2)
    assert "worker_1/episode_000003" in out
    assert "step 2/12  preparation" in out


def test_show_finds_a_record_that_was_copied_elsewhere(
    sessions: Path, run: Run, tmp_path: Path
) -> None:
    copy = tmp_path / "copy.json"
    copy.write_bytes((sessions / RecordName(SESSION, 1, 1).path).read_bytes())
    code, out, _ = run("show", copy, "--json")
    assert code == 0
    assert json.loads(out)["iteration"] == 1


def test_show_draws_the_whole_episode(sessions: Path, run: Run, tmp_path: Path) -> None:
    target = tmp_path / "episode.gif"
    code, out, _ = run("show", sessions, "--gif", target)
    assert code == 0
    assert out.endswith(f"drawn: {target}\n")
    with Image.open(target) as picture:
        picture.seek(12)
        with pytest.raises(EOFError):
            picture.seek(13)
    assert [path.name for path in tmp_path.iterdir()] == ["episode.gif"]
    code, _, err = run("show", sessions, "--gif", target)
    assert code == 2
    assert "the file exists; add --yes" in err


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["show", "{}", "--step", 99], 2, "--step must be from 0 to 12, got 99"),
        (["show", "{}/{session}/worker_7"], 3, "there is no folder"),
        (["list", "{}/none"], 3, "tracking.sessions.every=10"),
        (["list", "ftp://x/y"], 2, "known are file://, s3://, gs://"),
        (["stats", "{}", "--bucket", "0"], 2, "above 0"),
        (["lsit"], 2, "'list'"),
        ([], 2, "give a command: list, show, stats"),
    ],
)
def test_mistakes(sessions: Path, run: Run, words: list[Any], code: int, said: str) -> None:
    given = [str(word).format(sessions, session=SESSION) for word in words]
    got, _, err = run(*given)
    assert got == code
    assert said in err
    assert "Traceback" not in err


def test_a_damaged_record_is_left_out_and_told(run: Run, tmp_path: Path) -> None:
    put(tmp_path, SESSION, 0, 1)
    damaged = put(tmp_path, SESSION, 0, 2)
    damaged.write_bytes(damaged.read_bytes()[:1000])
    code, out, err = run("stats", tmp_path, "--each", "--csv")
    assert code == 0
    assert len(out.splitlines()) == 2
    assert err.startswith(f"left out: {damaged}: ")
    code, _, err = run("show", tmp_path)
    assert code == 3
    assert f"{damaged} is no session record, or damaged" in err
    put(tmp_path, SESSION, 0, 1).write_bytes(b"{}")
    code, _, err = run("list", tmp_path)
    assert code == 3
    assert "none of 2 records can be read" in err


def test_a_hostile_record_does_not_steer_the_terminal(run: Run, tmp_path: Path) -> None:
    path = put(tmp_path, SESSION, 0, 1)
    values = json.loads(path.read_bytes())
    bad = "\x1b[2J\x1b]0;owned\x07\r\n"
    values |= {"run": bad, "game": bad, "level": bad, "written": bad, "without": bad}
    values["statistics"][f"x{bad}"] = 1.0
    values["stretches"][0]["policies"] = {bad: bad}
    values["trace"] = None
    path.write_text(json.dumps(values))
    for words in (
        ["list", tmp_path],
        ["list", tmp_path / SESSION],
        ["show", tmp_path],
        ["show", tmp_path, "--json"],
        ["stats", tmp_path, "--each"],
        ["stats", tmp_path, "--each", "--csv"],
        ["stats", tmp_path, "--json"],
    ):
        code, out, err = run(*words)
        assert code == 0, words
        assert all(c.isprintable() or c == "\n" for c in out + err), words


def test_numbers_that_no_game_reaches_spoil_neither_means_nor_tables(
    run: Run, tmp_path: Path
) -> None:
    put(tmp_path, SESSION, 0, 1)
    hostile: list[dict[str, Any]] = [
        {"rewards": {"seeker": [1e308, 1e308]}},
        {"statistics": {"length": 1e308}},
    ]
    for episode, changed in enumerate(hostile, 2):
        edit(put(tmp_path, SESSION, 0, episode), **changed)
    edit(put(tmp_path, SESSION, 0, 4), statistics={"length": 3e38}, level="L" * 500)
    edit(put(tmp_path, SESSION, 0, 5), statistics={"length": 3e38})
    for command in ("list", "stats"):
        code, out, err = run(command, tmp_path / SESSION)
        assert code == 0, err
        assert "episode_000002_checkpoint.json: rewards.seeker.0: " in err
        assert "episode_000003_checkpoint.json: statistics.length: " in err
        assert len(out.splitlines()[0]) < 250
    assert "3.000e+38" in run("stats", tmp_path, "--each")[1]


def test_a_row_is_named_as_its_file_whatever_the_record_says(run: Run, tmp_path: Path) -> None:
    edit(put(tmp_path, SESSION, 2, 3), session=LATER, worker=7, episode=9)
    _, out, _ = run("list", tmp_path / SESSION)
    assert out.splitlines()[2].split()[:3] == [SESSION, "2", "3"]


def test_the_cells_of_a_line_are_no_credentials_together(run: Run, tmp_path: Path) -> None:
    edit(put(tmp_path, SESSION, 0, 1), run="plain", level="s3://key:secret@bucket")
    _, out, _ = run("list", tmp_path / SESSION, "--csv")
    read = pandas.read_csv(io.StringIO(out))
    assert read.opponents.tolist() == ["hider@20"]
    assert read.run.tolist() == ["plain"]
    assert read.written.str.match(r"\d{4}-\d\d-\d\dT\d\d:").all()
    assert read.level.tolist() == ["s3://***@bucket"]


@pytest.mark.parametrize("text", ["=cmd|' /C calc'!A0", "+1", "-1+1", "@SUM(A1)"])
def test_a_spreadsheet_computes_nothing_of_a_record(run: Run, tmp_path: Path, text: str) -> None:
    edit(put(tmp_path, SESSION, 0, 1), run=text, statistics={text: -1.0})
    _, out, _ = run("list", tmp_path / SESSION, "--csv")
    read = pandas.read_csv(io.StringIO(out))
    assert read.run.tolist() == [f"'{text}"]
    assert read[f"'{text}"].tolist() == [-1.0]


def test_the_folder_is_that_of_the_configuration(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    put(tmp_path / "mine", SESSION, 0, 1)
    (tmp_path / "config.yaml").write_text("tracking: {sessions: {uri: ./mine}}\n")
    code, out, _ = run("list")
    assert code == 0
    assert SESSION in out
