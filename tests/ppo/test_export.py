"""An exported policy gives the logits of the policy, in a program that knows only torch."""

import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from trainer.errors import UsageError
from trainer.ppo import export
from trainer.ppo.export import ExportFailed, export_policy
from trainer.ppo.networks import ActorCritic, PolicySpec
from trainer.ppo.policy_files import PolicyFileError, save_policy

SPECS = (
    PolicySpec(obs_size=6, nvec=(3, 2), hiddens=(8, 8), normalize_obs=True),
    PolicySpec(obs_size=4, nvec=(5,), hiddens=(7,), activation="relu", vf_share_layers=True),
)
HAS_ONNX = all(importlib.util.find_spec(name) for name in export.ONNX_PACKAGES)
FORMATS = [
    "pt2",
    pytest.param("onnx", marks=pytest.mark.skipif(not HAS_ONNX, reason="onnx is optional")),
]
FOREIGN = """
import json, sys, torch
obs = torch.load(sys.argv[2])
extra = {"spec.json": ""}
program = torch.export.load(sys.argv[1], extra_files=extra)
torch.save([program.module()(obs), program.module()(obs[:1])], sys.argv[3])
print(extra["spec.json"])
assert not any(name.split(".")[0] in ("trainer", "ray") for name in sys.modules)
"""


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    """A folder with one policy for each spec, away from their first weights."""
    torch.manual_seed(0)
    for number, spec in enumerate(SPECS):
        network = ActorCritic(spec)
        with torch.no_grad():
            for parameter in network.parameters():
                parameter.add_(torch.randn_like(parameter))
            if network.normalizer is not None:
                network.normalizer.update(10.0, torch.randn(6), torch.rand(6) + 0.5)
        save_policy(network, tmp_path / "policies" / f"policy_{number}")
    return tmp_path


@pytest.mark.slow
def test_another_program_gets_the_same_bits(checkpoint: Path, tmp_path: Path) -> None:
    spec = SPECS[0]
    obs = torch.randn(5, spec.obs_size)
    torch.save(obs, tmp_path / "obs")
    written = export_policy(checkpoint, "policy_0", tmp_path / "policy.pt2")
    assert written == tmp_path / "policy.pt2"
    done = subprocess.run(
        [sys.executable, "-c", FOREIGN, str(written), str(tmp_path / "obs"), str(tmp_path / "x")],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    told = json.loads(done.stdout)
    assert (told["nvec"], told["obs_size"]) == ([3, 2], 6)
    network = export.load_policy(checkpoint / "policies" / "policy_0")
    many, one = torch.load(tmp_path / "x")
    with torch.inference_mode():
        assert torch.equal(many, network.logits(obs))
        assert torch.equal(one, network.logits(obs[:1]))


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("number", range(len(SPECS)))
def test_every_format_gives_the_logits_of_the_policy(
    checkpoint: Path, tmp_path: Path, format: str, number: int
) -> None:
    obs = torch.randn(9, SPECS[number].obs_size)
    out = export_policy(checkpoint, f"policy_{number}", tmp_path / f"policy.{format}", format)
    found = export.FORMATS[format][1](out, obs)
    with torch.inference_mode():
        expected = export.load_policy(checkpoint / "policies" / f"policy_{number}").logits(obs)
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-5)
    assert format != "pt2" or torch.equal(found, expected)


def test_other_logits_are_not_written(
    checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write, run = export.FORMATS["pt2"]
    monkeypatch.setitem(export.FORMATS, "pt2", (write, lambda path, obs: run(path, obs) + 0.01))
    (tmp_path / "policy.pt2").write_text("before")
    with pytest.raises(ExportFailed, match=r"was not written: .* other logits"):
        export_policy(checkpoint, "policy_1", tmp_path / "policy.pt2")
    assert (tmp_path / "policy.pt2").read_text() == "before"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["policies", "policy.pt2"]


def test_mistakes_are_told(
    checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(UsageError, match="unknown format 'tflite'; there is: pt2, onnx"):
        export_policy(checkpoint, "policy_0", tmp_path / "x", "tflite")
    with pytest.raises(PolicyFileError, match="no such file"):
        export_policy(checkpoint, "policy_9", tmp_path / "x")
    monkeypatch.setattr(export, "ONNX_PACKAGES", ("onnx_that_is_nowhere",))
    with pytest.raises(UsageError, match="needs the package onnx_that_is_nowhere"):
        export_policy(checkpoint, "policy_0", tmp_path / "x", "onnx")
    assert not (tmp_path / "x").exists()
