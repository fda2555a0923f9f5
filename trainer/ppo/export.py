"""Policies as files that other programs run without this project.

    pt2     a torch.export program: torch.export.load(file).module()(obs); needs torch alone
    onnx    for ONNX runtimes; writing it needs `pip install -r requirements-onnx.txt`

Both take observations [B, D] float32, any B >= 1, and give unmasked logits [B, L], the heads of
the action side by side. The file carries the policy's spec.json, of which `nvec` tells how wide
each head is. What was written is read back and compared with the policy before it gets its name.
"""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import io
import json
import logging
import warnings
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path

import torch
from torch import Tensor, nn

from trainer.checkpoints import atomic, layout
from trainer.errors import EXIT_ERROR, UsageError
from trainer.ppo.networks import ActorCritic, Tanh
from trainer.ppo.policy_files import load_policy

SPEC_ENTRY = "spec.json"
ONNX_PACKAGES = ("onnx", "onnxscript")
_ROWS = 7  # of the comparison
_TOLERANCE = 1e-5  # of logits, which are of the order of one; other runtimes round differently


class ExportFailed(RuntimeError):  # noqa: N818
    """A policy that could not be exported, or whose file gives other logits."""

    exit_code = EXIT_ERROR


def export_policy(checkpoint: Path, policy_id: str, out: Path, format: str = "pt2") -> Path:
    """Writes one policy of a checkpoint to `out`, whole or not at all, and returns `out`.

    Args:
        checkpoint: a checkpoint folder.
        policy_id: which of its policies.
        out: the file, in a folder that exists.
        format: "pt2" or "onnx".

    Raises:
        PolicyFileError: the policy is not there or not readable.
        UsageError: an unknown format, or packages are missing.
        ExportFailed: it cannot be exported, or what was written gives other logits.
        OSError: the file cannot be written.
    """
    if format not in FORMATS:
        raise UsageError(f"unknown format {format!r}; there is: {', '.join(FORMATS)}")
    write, run = FORMATS[format]
    if format == "onnx":
        _check_packages()
    network = load_policy(checkpoint / layout.POLICIES / policy_id)
    obs = torch.randn(_ROWS, network.spec.obs_size, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        expected = network.logits(obs)
    out = Path(out)
    with atomic.replacing(out) as temporary:
        with _quiet():
            try:
                write(network, temporary)
                found = [run(temporary, obs), run(temporary, obs[:1])]
            except (RuntimeError, ValueError, TypeError) as error:
                lines = str(error).strip().splitlines() or [type(error).__name__]
                raise ExportFailed(f"{policy_id} cannot be exported: {lines[0]}") from error
        for logits, rows in zip(found, (expected, expected[:1]), strict=True):
            _compare(logits, rows, out)
    return out


class _Logits(nn.Module):
    """The path from observations to logits, in operations that every exporter knows."""

    def __init__(self, network: ActorCritic) -> None:
        super().__init__()
        self.normalizer = network.normalizer
        plain = (_PlainTanh() if isinstance(part, Tanh) else part for part in network.actor)
        self.actor = nn.Sequential(*plain)
        self.policy_head = network.policy_head

    def forward(self, obs: Tensor) -> Tensor:
        if self.normalizer is not None:
            obs = self.normalizer(obs)
        logits: Tensor = self.policy_head(self.actor(obs))
        return logits


class _PlainTanh(nn.Module):
    """`trainer.ppo.networks.Tanh` without its own backward pass: the same bits."""

    def forward(self, x: Tensor) -> Tensor:
        return torch.sigmoid(x * 2.0) * 2.0 - 1.0


def _program(network: ActorCritic) -> torch.export.ExportedProgram:
    example = torch.zeros(2, network.spec.obs_size)
    rows = torch.export.Dim("rows", min=1)
    module = _Logits(network).eval()
    return torch.export.export(module, (example,), dynamic_shapes={"obs": {0: rows}})


def _write_pt2(network: ActorCritic, path: Path) -> None:
    buffer = io.BytesIO()  # a path must end with .pt2, but it is for the user to name the file
    spec = json.dumps(asdict(network.spec))
    torch.export.save(_program(network), buffer, extra_files={SPEC_ENTRY: spec})
    path.write_bytes(buffer.getvalue())


def _run_pt2(path: Path, obs: Tensor) -> Tensor:
    with torch.inference_mode():
        logits: Tensor = torch.export.load(io.BytesIO(path.read_bytes())).module()(obs)
    return logits


def _write_onnx(network: ActorCritic, path: Path) -> None:
    program = torch.onnx.export(
        _program(network), input_names=["obs"], output_names=["logits"], verbose=False
    )
    assert program is not None
    program.model.metadata_props[SPEC_ENTRY] = json.dumps(asdict(network.spec))
    program.save(str(path), external_data=False)


def _run_onnx(path: Path, obs: Tensor) -> Tensor:
    reference = importlib.import_module("onnx.reference")  # optional, so it has no types here
    (logits,) = reference.ReferenceEvaluator(str(path)).run(None, {"obs": obs.numpy()})
    return torch.from_numpy(logits)


FORMATS: dict[str, tuple[Callable[[ActorCritic, Path], None], Callable[[Path, Tensor], Tensor]]] = {
    "pt2": (_write_pt2, _run_pt2),
    "onnx": (_write_onnx, _run_onnx),
}


def _check_packages() -> None:
    missing = [name for name in ONNX_PACKAGES if importlib.util.find_spec(name) is None]
    if missing:
        raise UsageError(
            f"the format onnx needs the package{'s' * (len(missing) > 1)} {' and '.join(missing)}, "
            f"which are optional here: pip install -r requirements-onnx.txt; or use --format pt2"
        )


def _compare(found: Tensor, expected: Tensor, out: Path) -> None:
    if found.shape != expected.shape or not torch.allclose(
        found, expected, rtol=_TOLERANCE, atol=_TOLERANCE
    ):
        raise ExportFailed(f"{out} was not written: the exported policy gives other logits")


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """What the exporters tell about themselves is nothing a user could act upon."""
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)
