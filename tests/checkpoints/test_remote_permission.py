"""A store that lets nobody write is told before a training starts, and 'saved' means there."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests.checkpoints.fakes import save
from tests.checkpoints.object_store import read_only, url
from tests.checkpoints.store_places import StorePlace
from trainer.commands.train.checkpoint_folder import try_writing
from trainer.errors import UsageError
from trainer.run.checkpoint_saver import Saved
from trainer.run.save_notices import SaveNotices


def test_a_store_that_takes_nothing_is_told_at_once(
    remote: StorePlace, s3: int, tmp_path: Path
) -> None:
    save(remote.manager(), 10)
    before = remote.names()
    try_writing(remote.given)
    assert remote.names() == before
    with read_only(s3) as port:
        given = url(port, f"{tmp_path.name}/my checkpoints")
        with pytest.raises(UsageError, match="checkpoints cannot be written: s3://") as caught:
            try_writing(given)
    assert caught.value.exit_code == 2
    assert "credentials" in str(caught.value)
    assert len(str(caught.value).splitlines()) == 2
    assert remote.names() == before


def test_saved_is_said_of_what_has_arrived(tmp_path: Path) -> None:
    waiting, told = list[int](), list[str]()
    manager: Any = SimpleNamespace(
        is_remote=True, waiting=lambda: waiting, address=lambda path: f"s3://b/{path.name}"
    )
    console: Any = SimpleNamespace(
        checkpoint=lambda path, row: told.append(f"saved {path}"),
        message=lambda text, level: told.append(f"{level}: {text}"),
    )
    notices = SaveNotices(manager, console)

    def committed(iteration: int) -> None:
        path = tmp_path / f"checkpoint_{iteration:06d}"
        notices.committed(Saved(path, {"iteration": iteration}))

    committed(10)
    waiting.append(20)
    committed(20)
    waiting.append(30)
    committed(30)
    waiting.clear()
    notices.update()
    local = "warning: committed locally, waiting for upload: "
    assert told == [
        "saved s3://b/checkpoint_000010",
        f"{local}{tmp_path}/checkpoint_000020  iteration 20",
        f"{local}{tmp_path}/checkpoint_000030  iteration 30",
        "saved s3://b/checkpoint_000020",
        "saved s3://b/checkpoint_000030",
    ]
