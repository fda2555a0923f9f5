"""The files of a policy: read back as they were written, refused where they do not fit."""

import json
from pathlib import Path

import pytest
import torch

from trainer.ppo.networks import ActorCritic, PolicySpec
from trainer.ppo.policy_files import PolicyFileError, load_policy, save_policy

SPEC = PolicySpec(obs_size=6, nvec=(3, 2), hiddens=(8, 8))


def test_a_policy_comes_back_from_disk_as_it_was(tmp_path: Path) -> None:
    network = ActorCritic(PolicySpec(6, (3, 2), (8, 4), "tanh", False, True))
    assert network.normalizer is not None
    network.normalizer.update(10.0, torch.randn(6), torch.rand(6))
    save_policy(network, tmp_path / "p")
    loaded = load_policy(tmp_path / "p")
    assert loaded.spec == network.spec
    obs = torch.randn(4, 6)
    assert torch.equal(loaded(obs)[0], network(obs)[0])
    assert not any(p.suffix in (".pkl", ".pt") for p in (tmp_path / "p").iterdir())


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"hiddens": [8, 9]}, r"has the shape \(\d+, \d+\)|is unknown|is missing"),
        ({"activation": "gelu"}, "unknown activation 'gelu'"),
        ({"activation": ["tanh"]}, "unknown activation"),
        ({"nvec": None}, "nvec is None, not a list"),
        ({"nvec": []}, "nvec is empty"),
        ({"hiddens": [16_384] * 60}, "is missing|is unknown|has the shape"),
        ({"hiddens": [10**9]}, r"hiddens = 1000000000, not a whole number from 1 to 16384"),
        ({"hiddens": [True]}, "hiddens = True, not a whole number"),
        ({"hiddens": [1] * 65}, "hiddens has 65 entries, more than 64"),
        ({"vf_share_layers": "no"}, "vf_share_layers = no, neither true nor false"),
    ],
)
def test_a_spec_that_does_not_fit_is_refused(tmp_path: Path, change: dict, message: str) -> None:
    save_policy(ActorCritic(SPEC), tmp_path)
    spec = json.loads((tmp_path / "spec.json").read_text()) | change
    (tmp_path / "spec.json").write_text(json.dumps(spec))
    with pytest.raises(PolicyFileError, match=message):
        load_policy(tmp_path)


def test_missing_and_broken_weights_are_named(tmp_path: Path) -> None:
    save_policy(ActorCritic(SPEC), tmp_path)
    weights = tmp_path / "weights.safetensors"
    weights.write_bytes(weights.read_bytes()[:50])
    with pytest.raises(PolicyFileError, match="not a readable policy"):
        load_policy(tmp_path)
    weights.unlink()
    with pytest.raises(PolicyFileError, match=r"weights\.safetensors|no such file"):
        load_policy(tmp_path)
