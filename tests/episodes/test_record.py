"""Records come back as they were written; hostile ones are refused before they cost anything."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from envs.hide_and_seek.rerun import empty_frame
from tests.episodes.samples import ABOUT, SESSION, content, sampled
from trainer.episodes import trace
from trainer.episodes.names import RecordName, is_session
from trainer.episodes.record import MAX_BYTES, NotARecord, parse
from trainer.episodes.scenes import RecordedScenes
from trainer.run.session_recorder import encode

Change = Callable[[dict[str, Any]], object]


def changed(change: Change) -> bytes:
    values = json.loads(content())
    change(values)
    return json.dumps(values).encode()


def test_a_record_says_what_was_played() -> None:
    record = parse(content(episode=4, worker=2))
    episode = sampled()
    assert record.name == RecordName(SESSION, 4, 2)
    assert (record.world, record.iteration, record.seed, record.level) == (1, 3, 7, "L2")
    assert record.statistics["length"] == 12
    assert record.statistics["seeker_return"] == episode.statistics["seeker_return"]
    assert record.rewards["hider"] == episode.rewards["hider"].tolist()
    assert record.stretches[0].policies["seeker_policy"] == "ab" * 32
    assert record.stretches[0].opponents == {"hider": 20}
    assert record.settings["num_layouts"] == 2
    assert episode.frames is not None
    read = trace.decode(record.trace, empty_frame(4), 100)
    for name, array in episode.frames.items():
        assert read[name].dtype == array.dtype
        assert np.array_equal(read[name], array), name


def test_scenes_are_those_of_every_step() -> None:
    scenes = RecordedScenes(parse(content()))
    assert scenes.steps == 12
    assert [scenes.scene(step).time for step in (0, 5, 12)] == [0, 5, 12]
    assert scenes.scene(0).preparing
    assert not scenes.scene(12).preparing
    wide = RecordedScenes(parse(changed(lambda r: r["stretches"][0].update(parameters={}))))
    narrow_cone, wide_cone = (scene.scene(12).agents[0].cone for scene in (scenes, wide))
    assert not np.array_equal(
        narrow_cone, wide_cone
    )  # the scheduled angle is drawn, not that of the settings


def test_a_statistic_that_there_is_not_is_null() -> None:
    record = replace(sampled(), statistics={"length": 12.0, "seen_fraction": float("nan")})
    read = parse(encode(RecordName(SESSION, 1, 0), record, ABOUT))
    assert read.statistics == {"length": 12.0, "seen_fraction": None}


def test_a_large_trace_is_left_out() -> None:
    episode = sampled()
    assert episode.frames is not None
    rng = np.random.default_rng(0)
    frames = {"pos": rng.random((90_000, 2, 2), np.float32)}
    written = encode(RecordName(SESSION, 1, 0), replace(episode, frames=frames), ABOUT)
    assert len(written) < MAX_BYTES
    read = parse(written)
    assert read.trace is None
    assert read.without == "it would make the record larger than 2.0 MB"
    assert read.statistics["length"] == 12


def test_credentials_are_not_written() -> None:
    parent = {"path": "s3://key:secret@bucket/x", "iteration": 3}
    assert b"secret" not in content(parent=parent)


HOSTILE: dict[str, bytes | Change] = {
    "empty": b"",
    "binary": b"\x80\x04\x95pickle",
    "list": b"[1, 2]",
    "deep": b'{"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    "deeper": b'{"a":' + b"[" * 1000 + b"]" * 1000 + b"}",
    "large": b" " * (MAX_BYTES + 1),
    "many": b'{"a":[' + b"1," * 900_000 + b"1]}",
    "nan": lambda r: r["statistics"].update(length=float("nan")),
    "huge": lambda r: r.update(iteration=10**300),
    "negative": lambda r: r.update(worker=-1),
    "text": lambda r: r.update(seed="7"),
    "truth": lambda r: r.update(seed=True),
    "no stretch": lambda r: r.update(stretches=[]),
    "long text": lambda r: r.update(run="x" * 2000),
    "other format": lambda r: r.update(format="something"),
    "future": lambda r: r.update(version=2),
    "many statistics": lambda r: r.update(statistics={str(n): 1.0 for n in range(300)}),
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_what_is_no_record_is_refused_in_one_line(kind: str) -> None:
    made = HOSTILE[kind]
    text = made if isinstance(made, bytes) else changed(made)
    with pytest.raises(NotARecord) as raised:
        parse(text)
    assert "\n" not in str(raised.value)
    assert len(str(raised.value)) < 300


def test_a_later_version_says_so_and_later_keys_are_no_error() -> None:
    with pytest.raises(NotARecord, match="version 2, and this program reads up to 1"):
        parse(changed(lambda r: r.update(version=2)))
    assert parse(changed(lambda r: r.update(new={"a": 1}))).seed == 7


def columns(record: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = record["trace"]["columns"]
    return found


TRACES: dict[str, tuple[Change, str]] = {
    "no columns": (lambda r: r["trace"].pop("columns"), "trace lacks 'columns'"),
    "column lost": (lambda r: columns(r).pop("pos"), "trace.columns.pos"),
    "many steps": (lambda r: r["trace"].update(steps=10**9), "trace.steps"),
    "too few": (lambda r: columns(r)["pos"]["frames"].pop(), "trace.columns.pos"),
    "texts": (
        lambda r: columns(r).update(pos={"frames": ["x" * 100_000, *["y"] * 12]}),
        "not a number",
    ),
    "far away": (
        lambda r: columns(r)["pos"]["frames"].__setitem__(0, [[1e30] * 2] * 4),
        "frame 0: state array 'pos'",
    ),
    "infinite": (
        lambda r: columns(r)["pos"]["frames"].__setitem__(0, [[1e300] * 2] * 4),
        "trace.columns.pos",
    ),
    "ragged": (
        lambda r: columns(r)["pos"]["frames"].__setitem__(0, [[1.0]]),
        "trace.columns.pos",
    ),
    "descending": (
        lambda r: columns(r).update(layout={"changes": [[0, 1], [5, 1], [5, 0]]}),
        "do not ascend",
    ),
    "from later on": (lambda r: columns(r).update(layout={"changes": [[1, 1]]}), "ascend"),
    "no arena": (lambda r: columns(r).update(layout={"changes": [[0, 99]]}), "'layout'"),
    "wide integer": (lambda r: columns(r).update(layout={"changes": [[0, 2**40]]}), "layout"),
    "fraction": (lambda r: columns(r).update(layout={"changes": [[0, 0.5]]}), "layout"),
    "settings": (lambda r: r["settings"].update(num_layouts=10**9), "settings.num_layouts"),
    "level": (lambda r: r["settings"].update(level="\x1b[2JX"), "settings.level"),
    "other game": (lambda r: r.update(game="chess"), "only hide_and_seek"),
    "no trace": (lambda r: r.update(trace=None, without="why"), "no trace: why"),
}


@pytest.mark.parametrize("kind", TRACES)
def test_a_hostile_trace_is_refused_in_one_line(kind: str) -> None:
    change, said = TRACES[kind]
    record = parse(changed(change))
    with pytest.raises(NotARecord) as raised:
        RecordedScenes(record).scene(0)
    assert said in str(raised.value)
    assert str(raised.value).isprintable()


@pytest.mark.parametrize(
    "path",
    [
        f"{SESSION}/worker_0/episode_1_checkpoint.json",
        f"{SESSION}/worker_00/episode_000001_checkpoint.json",
        f"{SESSION}/worker_0/../episode_000001_checkpoint.json",
        f"x/{SESSION}/worker_0/episode_000001_checkpoint.json",
        f"{SESSION}/worker_0/episode_000001_checkpoint.json\n",
        f"{SESSION}/worker_0/.tmp-x-episode_000001_checkpoint.json",
    ],
)
def test_other_names_are_no_records(path: str) -> None:
    assert RecordName.of(path) is None


def test_a_name_and_its_path() -> None:
    name = RecordName(SESSION, 12, 3)
    assert name.path == f"{SESSION}/worker_3/episode_000012_checkpoint.json"
    assert RecordName.of(name.path) == name
    assert is_session(SESSION)
    assert is_session(f"{SESSION}_2")
    assert not is_session("ray_training_latest")
