"""The Dockerfile in its parts, as far as this project uses the language."""

from __future__ import annotations

import re
import shlex
import shutil
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from tests.deploy.manifests import DEPLOY, ROOT

DOCKERFILE = DEPLOY / "Dockerfile"
IGNORED = DEPLOY / "Dockerfile.dockerignore"


@dataclass(frozen=True)
class Step:
    """One instruction: its word in capitals, and what follows on its lines."""

    word: str
    text: str

    @property
    def words(self) -> list[str]:
        return shlex.split(self.text)


def steps() -> list[Step]:
    """The instructions in their order, without comments."""
    text = DOCKERFILE.read_text(encoding="utf-8")
    lines = [line for line in text.splitlines() if not line.lstrip().startswith("#")]
    whole = re.sub(r"\\\n\s*", " ", "\n".join(lines))
    found = (line.partition(" ") for line in whole.splitlines() if line.strip())
    return [Step(word.upper(), rest.strip()) for word, _, rest in found]


def last_stage() -> list[Step]:
    """The instructions of the image itself."""
    every = steps()
    begin = max(i for i, step in enumerate(every) if step.word == "FROM")
    return every[begin:]


def environment() -> dict[str, str]:
    """The variables of the image, those of its base included."""
    pairs = [word.split("=", 1) for step in steps() if step.word == "ENV" for word in step.words]
    return dict(pairs)


def copied() -> list[tuple[list[str], PurePosixPath]]:
    """What the image takes from the checkout: each COPY's sources and target."""
    found = []
    for step in last_stage():
        if step.word == "COPY" and not step.text.startswith("--from"):
            *sources, target = step.words
            found.append((sources, PurePosixPath(target)))
    return found


def sent(path: str) -> bool:
    """Whether the build is given a path of the checkout: Dockerfile.dockerignore."""
    lines = IGNORED.read_text(encoding="utf-8").splitlines()
    return f"!{path.rstrip('/')}" in lines


def unpack(folder: Path) -> Path:
    """Puts the files of the image below a folder, as COPY would; returns the program's."""
    for sources, target in copied():
        place = folder / target.relative_to("/")
        for source in sources:
            path = ROOT / source
            if path.is_dir():
                bare = shutil.ignore_patterns("__pycache__", "*.pyc")
                shutil.copytree(path, place, ignore=bare, dirs_exist_ok=True)
            else:
                place.mkdir(parents=True, exist_ok=True)
                shutil.copy2(path, place / path.name)
    return folder / "app"
