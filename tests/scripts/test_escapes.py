"""Control characters in what files, folders and options hold never reach the terminal."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import yaml

from tests.scripts.conftest import Desk, copy_of
from tests.scripts.test_hostile_input import vouch_for
from trainer.checkpoints import layout

ESCAPE = "\x1b]0;owned\x07\x1b[2J\x9b31m\u202e\r"


def test_planted_escapes_are_harmless(trained: tuple[Desk, str], tmp_path: Path) -> None:
    desk = copy_of(trained[0], tmp_path / "copy")
    folder = desk.work / "checkpoints"
    for name in ("checkpoint_000002", "checkpoint_000004"):
        plant_escapes(folder / name, name)
    odd = desk.work / f"odd{ESCAPE}"
    shutil.copytree(folder, odd)
    outputs = []
    tools = ("-m", "trainer.checkpoints")
    for words in (
        *((*tools, *command) for command in (("diff", "2", "4"), ("verify",), ("repair",))),
        (*tools, "tag", "4", "x", "--note", ESCAPE),
        *(("list_checkpoints.py", *flags) for flags in ((), ("-d",), ("--lineage",), (str(odd),))),
        ("continue_training.py",),
        ("continue_training.py", str(odd / "checkpoint_000004")),
        ("main.py", "--resume", f"x{ESCAPE}"),
        ("main.py", "--set", f"ppo.checkpoint_dir={odd}"),
        ("main.py", f"--odd{ESCAPE}"),
        ("demo_model.py", "4", "--render", "none", "--episodes", "1"),
        ("demo_model.py", "4", "--checkpoint-dir", str(odd), "--render", "none"),
    ):
        done = desk.run(*words)
        outputs += [done.stdout, done.stderr]
        assert "Traceback" not in done.stderr
    assert any("owned" in text for text in outputs)
    for text in outputs:
        assert not [line for line in text.split("\n") if not line.replace("\t", "").isprintable()]


def plant_escapes(checkpoint: Path, salt: str) -> None:
    """Escapes in each text of metadata and configuration, vouched for by the manifest."""
    file = checkpoint / layout.METADATA
    document = json.loads(file.read_text())
    for key, value in document.items():
        if value is None or isinstance(value, str):
            document[key] = f"{value}{ESCAPE}{salt}"
    document["versions"] = {f"ray{ESCAPE}": ESCAPE + salt}
    document["tags"] = [ESCAPE]
    file.write_text(json.dumps(document))
    config = checkpoint / layout.CONFIG
    values = yaml.safe_load(config.read_text())
    values["tracking"]["mlflow_experiment"] = f"{ESCAPE}{salt}"
    config.write_text(yaml.safe_dump(values))
    vouch_for(checkpoint)
