"""What the documents name exists: links, files, modules, keys, options, variables, commands."""

from __future__ import annotations

import re
import shlex
import tomllib
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

import pytest

from tests.docs.documents import ROOT, Block, Document, commands, documents
from tests.docs.programs import OPTION, PROGRAMS, options
from trainer.checkpoints.safe_io import safe_yaml
from trainer.commands.sweep.axes import parse_axes
from trainer.commands.sweep.plan import plan_sweep, read_base
from trainer.config.loading import apply_overrides
from trainer.config.schema import Config

ALL = documents()
GROUPS = ("env", "ppo", "schedules", "ray", "train", "tracking", "initialization")
VARIABLE = re.compile(r"\b[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+\b")
KEY = re.compile(rf"(?<![\w/.-])(?:{'|'.join(GROUPS)})(?:\.[a-z_0-9]+)+")
MODULE = re.compile(r"(?:trainer|envs|benchmarks|tests)(?:\.[A-Za-z_]\w*)+")

OTHERS = {
    *("--logdir", "--backend-store-uri", "--ent-coef-start", "--ent-coef-end"),
    "--object-store-memory",
}
"""Options of other programs."""
FOLDERS = ("trainer", "envs", "tests", "docs", "benchmarks", "examples", "deploy")


def each(
    items: Callable[[Document], Iterator[tuple[int, Any]]],
) -> Iterator[tuple[Document, str, Any]]:
    for document in ALL:
        for line, item in items(document):
            yield document, f"{document.name}:{line}", item


def test_links_lead_somewhere() -> None:
    anchors = {document.name: document.anchors() for document in ALL}
    broken = []
    for document, place, target in each(Document.links):
        if "://" in target:
            continue
        path, _, fragment = target.partition("#")
        here = (ROOT / document.name).parent
        found = (here / path).resolve() if path else ROOT / document.name
        name = str(found.relative_to(ROOT))
        if not found.exists() or (fragment and fragment not in anchors.get(name, ())):
            broken.append(f"{place}: {target}")
    assert broken == []


def test_every_document_can_be_reached_from_the_readme() -> None:
    reached, waiting = set(), ["README.md"]
    links: dict[str, list[str]] = {document.name: [] for document in ALL}
    for document, _, target in each(Document.links):
        path = ((ROOT / document.name).parent / target.partition("#")[0]).resolve()
        links[document.name].append(str(path.relative_to(ROOT)) if "://" not in target else "")
    while waiting:
        name = waiting.pop()
        if name in links and name not in reached:
            reached.add(name)
            waiting += links[name]
    assert sorted(set(links) - reached) == []


def test_files_and_modules_exist() -> None:
    missing = []
    for _, place, code in each(Document.inline):
        for word in code.split():
            if word.partition("/")[0] in FOLDERS and "/" in word:
                found = bool(list(ROOT.glob(word)))
            elif MODULE.fullmatch(word) and not KEY.fullmatch(word):
                found = is_module(word)
            else:
                continue
            if not found:
                missing.append(f"{place}: {word}")
    assert missing == []


def is_module(dotted: str) -> bool:
    """Whether a dotted name is a module, or something that a module's source has."""
    parts = dotted.split(".")
    for length in range(len(parts), 0, -1):
        path = ROOT.joinpath(*parts[:length])
        for file in (path.with_suffix(".py"), path / "__init__.py"):
            if file.is_file():
                source = file.read_text(encoding="utf-8")
                return all(re.search(rf"\b{part}\b", source) for part in parts[length:])
    return False


@cache
def defaults() -> dict[str, Any]:
    return Config().model_dump(mode="json", by_alias=True)


def test_keys_exist() -> None:
    unknown = []
    for _, place, code in each(Document.inline):
        for key in KEY.findall(code):
            if not is_key(key):
                unknown.append(f"{place}: {key}")
    assert unknown == []


def is_key(dotted: str) -> bool:
    """Whether a key is one of the schema, or lies in a group whose keys are free."""
    group, *rest = dotted.split(".")
    model: Any = Config.model_fields[group].annotation
    for part in rest:
        fields = getattr(model, "model_fields", None)
        if fields is None:
            return True
        if part not in fields:
            return False
        model = fields[part].annotation
    return True


def test_options_exist() -> None:
    known = options() | OTHERS
    strange = [
        f"{place}: {option}"
        for _, place, code in each(Document.inline)
        for option in OPTION.findall(code)
        if option not in known
    ]
    assert strange == []


def shell_blocks() -> Iterator[tuple[str, str]]:
    """Every command in a shell block, run or not, with its place."""
    for document in ALL:
        for block in document.blocks:
            if block.language == "bash":
                for command in commands(block):
                    yield f"{document.name}:{block.line}", command


def test_commands_are_taken_by_their_programs() -> None:
    wrong = []
    for place, command in shell_blocks():
        words = simple_command(command)
        if words[:1] != ["python"] or words[1] == "-c":
            continue
        length = 3 if words[1] == "-m" else 2
        program, rest = " ".join(words[1:length]), words[length:]
        try:
            if program not in PROGRAMS:
                file = ROOT / (words[2].replace(".", "/") if words[1] == "-m" else words[1])
                assert file.is_dir() or file.with_suffix(".py").is_file(), f"no such {file}"
                continue
            given = PROGRAMS[program](rest)
            overrides = getattr(given, "overrides", None) or getattr(given, "set", None) or []
            if program == "-m trainer.sweep":  # of several values each
                plan_sweep(read_base(given.config, None), parse_axes(overrides), given.samples)
                continue
            apply_overrides(defaults(), overrides)
        except (SystemExit, ValueError, AssertionError) as error:
            wrong.append(f"{place}: {command}: {error}")
    assert wrong == []


def simple_command(line: str) -> list[str]:
    """The words of the first command of a line, without variables in front and redirections."""
    lexer = shlex.shlex(line, posix=True, punctuation_chars=True)
    lexer.whitespace_split = True
    words: list[str] = []
    for word in lexer:
        if word and set(word) <= set("|&;<>()"):
            break
        if words or not re.fullmatch(r"[A-Z_]+=.*", word):
            words.append(word)
    return words


def test_make_targets_and_extras_exist() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z-]+):", makefile, re.MULTILINE))
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    extras = set(project["tool"]["setuptools"]["dynamic"]["optional-dependencies"])
    programs = set(project["project"]["scripts"])
    inline = [(place, code) for _, place, code in each(Document.inline)]
    wrong = []
    for place, text in [*shell_blocks(), *inline]:
        named = re.findall(r"(?:^|\s)make ([a-z][a-z-]*)", text)
        asked = re.findall(r"\[([a-z,]+)\]", text) if text.startswith("pip install") else []
        files = re.findall(r"-r (\S+)", text) if text.startswith("pip install") else []
        wrong += [f"{place}: make {name}" for name in named if name not in targets]
        wrong += [f"{place}: [{e}]" for es in asked for e in es.split(",") if e not in extras]
        wrong += [f"{place}: {name}" for name in files if not (ROOT / name).is_file()]
        for program in re.findall(r"\bhide-and-seek-[a-z]+", text):
            if program not in {*programs, project["project"]["name"]}:
                wrong.append(f"{place}: {program}")
    assert wrong == []


def test_environment_variables_are_read_somewhere() -> None:
    sources = "\n".join(
        path.read_text(encoding="utf-8")
        for folder in ("trainer", "envs", "tests", "benchmarks")
        for path in (ROOT / folder).rglob("*.py")
    )
    unknown = [
        f"{place}: {name}"
        for _, place, code in each(Document.inline)
        for name in VARIABLE.findall(code)
        if name not in sources
    ]
    assert unknown == []


@pytest.mark.parametrize(
    ("document", "block"),
    [
        pytest.param(document, block, id=f"{document.name}:{block.line}")
        for document in ALL
        for block in document.blocks
        if block.language == "yaml"
    ],
)
def test_yaml_is_a_configuration(document: Document, block: Block) -> None:
    Config.from_dict(safe_yaml.parse(block.text), f"{document.name}:{block.line}")


def test_unknown_names_are_found() -> None:
    assert is_key("ppo.hider.entropy_coeff")
    assert is_key("ppo.lr")
    assert not is_key("ppo.learning_rate")
    assert is_module("trainer.checkpoints.CheckpointManager")
    assert not is_module("trainer.nothing")
    assert simple_command("A=1 python main.py --set 'a={b: 1}' | tail # last") == [
        *("python", "main.py", "--set", "a={b: 1}")
    ]
