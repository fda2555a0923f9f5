"""The actor-critic networks in plain torch, and their form on disk.

Nothing here knows Ray: the RLModule (`trainer/ppo/rl_module.py`) is a thin adapter for
`ActorCritic`, and the demo and other programs load an exported policy (`weights.safetensors` and
`spec.json`) with this file alone.

Shapes: B rows, D observation size, H action heads, L = sum(nvec) logits.
"""

from __future__ import annotations

import itertools
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from io import BufferedReader
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import save
from torch import Tensor, nn

from trainer.checkpoints.safe_io import safe_json, tensor_file
from trainer.checkpoints.safe_io.plain_values import flag, sequence, whole
from trainer.checkpoints.safe_io.safe_json import shown
from trainer.ppo.distributions import MaskedMultiCategorical
from trainer.ppo.normalization import ObsNormalizer
from trainer.ppo.torch_threads import one_thread
from trainer.ppo.weights import not_finite

WEIGHTS_FILE = "weights.safetensors"
SPEC_FILE = "spec.json"
SPEC_FORMAT = 1
MAX_WIDTH = 16_384
MAX_LAYERS = 64
_MAX_SPEC_BYTES = 2**16
_DTYPES = {torch.float32: "F32", torch.float64: "F64", torch.int32: "I32", torch.int64: "I64"}


class PolicyFileError(ValueError):
    """An exported policy that is missing, malformed or does not fit its own spec."""


@dataclass(frozen=True)
class PolicySpec:
    """All that is needed to build a policy's network.

    Attributes:
        obs_size: D, floats per observation.
        nvec: choices per action head, e.g. (3, 3, 5, 2, 3).
        hiddens: width of each hidden layer.
        activation: "tanh" or "relu".
        vf_share_layers: whether the value head sits on the actor's hidden layers.
        normalize_obs: whether observations are standardized by running moments.
    """

    obs_size: int
    nvec: tuple[int, ...]
    hiddens: tuple[int, ...] = (64, 64)
    activation: str = "tanh"
    vf_share_layers: bool = False
    normalize_obs: bool = False

    @property
    def num_logits(self) -> int:
        return sum(self.nvec)

    def changes_to(self, other: PolicySpec) -> str:
        """What differs in `other`, as "name old -> new, ..."; empty if nothing does."""
        old, new = asdict(self), asdict(other)
        return ", ".join(
            f"{name} {old[name]} -> {new[name]}" for name in old if old[name] != new[name]
        )

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> PolicySpec:
        """A spec from plain values. KeyError or ValueError if they are none."""
        known = {name: values[name] for name in cls.__dataclass_fields__}
        whole(known["obs_size"], "obs_size", 1, MAX_WIDTH)
        for name in ("nvec", "hiddens"):
            sizes = sequence(known[name], name)
            if len(sizes) > MAX_LAYERS:
                raise ValueError(f"{name} has {len(sizes)} entries, more than {MAX_LAYERS}")
            known[name] = tuple(whole(size, name, 1, MAX_WIDTH) for size in sizes)
        if not known["nvec"]:
            raise ValueError("nvec is empty")
        if known["activation"] not in tuple(ACTIVATIONS):
            raise ValueError(f"unknown activation {shown(known['activation'])!r}")
        for name in ("vf_share_layers", "normalize_obs"):
            flag(known[name], name)
        return cls(**known)


class _FastTanh(torch.autograd.Function):
    """tanh(x) = 2 sigmoid(2x) - 1, which torch vectorizes on every CPU.

    torch.tanh is MKL's: 2 to 5 times slower than this on AMD, 3 times faster on Intel. To choose by
    the CPU would give a run other bits on another machine than those it was saved with.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        y = torch.sigmoid(x * 2.0).mul_(2.0).sub_(1.0)
        ctx.save_for_backward(y)
        return y

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Tensor) -> Tensor:
        (y,) = ctx.saved_tensors
        # The backward kernel of the stock tanh needs only its output.
        return torch.ops.aten.tanh_backward(grad_outputs[0], y)


class Tanh(nn.Module):
    """Drop-in for `nn.Tanh`, equal to float32 rounding."""

    def forward(self, x: Tensor) -> Tensor:
        return _FastTanh.apply(x)


ACTIVATIONS: dict[str, type[nn.Module]] = {"tanh": Tanh, "relu": nn.ReLU}


def _mlp(sizes: Sequence[int], activation: str) -> nn.Sequential:
    layers: list[nn.Module] = []
    for fan_in, fan_out in itertools.pairwise(sizes):
        linear = nn.Linear(fan_in, fan_out)
        nn.init.orthogonal_(linear.weight, gain=2.0**0.5)
        nn.init.zeros_(linear.bias)
        layers += [linear, ACTIVATIONS[activation]()]
    return nn.Sequential(*layers)


def _head(fan_in: int, fan_out: int, gain: float) -> nn.Linear:
    linear = nn.Linear(fan_in, fan_out)
    nn.init.orthogonal_(linear.weight, gain=gain)
    nn.init.zeros_(linear.bias)
    return linear


class ActorCritic(nn.Module):
    """An MLP policy over several categorical heads, and an MLP value function.

    Initialized orthogonally, the policy head small so that the first policy is near uniform
    (Andrychowicz et al. 2021, "What Matters In On-Policy Reinforcement Learning?").
    """

    def __init__(self, spec: PolicySpec) -> None:
        super().__init__()
        self.spec = spec
        sizes = (spec.obs_size, *spec.hiddens)
        self.normalizer = ObsNormalizer(spec.obs_size) if spec.normalize_obs else None
        with one_thread():  # the same weights from a seed on any number of cores
            self.actor = _mlp(sizes, spec.activation)
            self.critic = None if spec.vf_share_layers else _mlp(sizes, spec.activation)
            self.policy_head = _head(sizes[-1], spec.num_logits, gain=0.01)
            self.value_head = _head(sizes[-1], 1, gain=1.0)

    def _normalize(self, obs: Tensor) -> Tensor:
        return obs if self.normalizer is None else self.normalizer(obs)

    def logits(self, obs: Tensor) -> Tensor:
        """Unmasked logits [B, L] of observations [B, D]; the critic is not computed."""
        return self.policy_head(self.actor(self._normalize(obs)))

    def value(self, obs: Tensor) -> Tensor:
        """Values [B] of observations [B, D]; the actor is computed only where layers are shared."""
        tower = self.actor if self.critic is None else self.critic
        return self.value_head(tower(self._normalize(obs))).squeeze(-1)

    def forward(self, obs: Tensor) -> tuple[Tensor, Tensor]:
        """Unmasked logits [B, L] and values [B] of observations [B, D]."""
        obs = self._normalize(obs)
        hidden = self.actor(obs)
        vf_hidden = hidden if self.critic is None else self.critic(obs)
        return self.policy_head(hidden), self.value_head(vf_hidden).squeeze(-1)

    @torch.inference_mode()
    def act(
        self,
        obs: Tensor,
        action_mask: Tensor | None = None,
        explore: bool = True,
        generator: torch.Generator | None = None,
    ) -> Tensor:
        """Actions [B, H] int64: sampled (`explore`) or the most likely allowed ones.

        Args:
            obs: [B, D] float32.
            action_mask: [B, L] bool, True = allowed; None allows everything.
            explore: sample instead of taking the mode.
            generator: the random stream to sample from.
        """
        dist = MaskedMultiCategorical(self.logits(obs), self.spec.nvec, action_mask)
        return dist.sample(generator) if explore else dist.mode()


def save_policy(network: ActorCritic, folder: str | Path) -> None:
    """Write `weights.safetensors` and `spec.json` into `folder` (made if missing).

    Raises:
        PolicyFileError: a weight is not finite; nothing is written then.
    """
    folder = Path(folder)
    weights = {name: value.detach().contiguous() for name, value in network.state_dict().items()}
    if broken := not_finite(weights):
        raise PolicyFileError(f"{folder.name} is not saved: {broken[0]} is not finite")
    folder.mkdir(parents=True, exist_ok=True)
    # Not save_file, whose files only their owner may read.
    (folder / WEIGHTS_FILE).write_bytes(save(weights))
    spec = {"format": SPEC_FORMAT, **asdict(network.spec)}
    (folder / SPEC_FILE).write_text(json.dumps(spec, indent=2) + "\n", encoding="utf-8")


def read_spec(folder: Path) -> PolicySpec:
    """The spec of an exported policy.

    Raises:
        OSError, ValueError, KeyError: it is missing, malformed or of an unknown format.
    """
    values = safe_json.decode(safe_json.read_bytes(folder / SPEC_FILE, _MAX_SPEC_BYTES))
    if values["format"] != SPEC_FORMAT:
        raise ValueError(f"format {shown(values['format'])}; this version reads {SPEC_FORMAT}")
    return PolicySpec.from_dict(values)


def weight_shapes(spec: PolicySpec) -> dict[str, tuple[int, ...]]:
    """The shape of every weight and moment by name, in order; no memory is taken for them."""
    return {name: tuple(value.shape) for name, value in _hollow(spec).state_dict().items()}


def same_weights(folder: Path, weights: Mapping[str, Any]) -> bool:
    """Whether an exported policy has the very same bits as these arrays by name.

    Raises:
        PolicyFileError: see `load_policy`.
    """
    exported = load_policy(folder).state_dict()
    return exported.keys() == weights.keys() and all(
        value.numpy().tobytes() == np.asarray(weights[name]).tobytes()
        for name, value in exported.items()
    )


def load_policy(folder: str | Path) -> ActorCritic:
    """Read what `save_policy` wrote; no pickle is involved.

    Raises:
        PolicyFileError: a file is missing or unreadable, or the weights do not fit the spec.
    """
    folder = Path(folder)
    try:
        spec = read_spec(folder)
        network = _hollow(spec)
        with safe_json.open_plain(folder / WEIGHTS_FILE) as file:
            layout = tensor_file.read_layout(file)
            _check_layout(layout, network.state_dict())
            weights = network.to_empty(device="cpu").state_dict()
            for name, value in weights.items():
                _read_into(value, file, layout[name])
                if not_finite({name: value}):  # one by one, which takes less memory
                    raise ValueError(f"{name} is not finite")
    except FileNotFoundError as error:
        raise PolicyFileError(f"{error.filename}: no such file; is {folder} a policy?") from error
    except KeyError as error:
        raise PolicyFileError(f"{folder / SPEC_FILE}: unknown or missing value {error}") from error
    except Exception as error:
        first_line = safe_json.first_line(error)
        raise PolicyFileError(f"{folder}: not a readable policy: {first_line}") from error
    return network.eval()


def _hollow(spec: PolicySpec) -> ActorCritic:
    """The network without memory for its weights, which a spec alone must not ask for."""
    with torch.device("meta"):
        return ActorCritic(spec)


def _check_layout(layout: Mapping[str, tensor_file.Entry], wanted: Mapping[str, Tensor]) -> None:
    """See that a file has the weights that are wanted (ValueError), before memory is taken."""
    for name in sorted(layout.keys() ^ wanted.keys()):
        raise ValueError(f"{shown(name)} is {'missing' if name in wanted else 'unknown'}")
    for name, like in wanted.items():  # in this order: a file is written in any
        entry, dtype = layout[name], _DTYPES[like.dtype]
        if (entry.shape, entry.dtype) != (tuple(like.shape), dtype):
            raise ValueError(
                f"{name} has the shape {entry.shape} of {entry.dtype}, "
                f"not {tuple(like.shape)} of {dtype}"
            )


def _read_into(value: Tensor, file: BufferedReader, entry: tensor_file.Entry) -> None:
    """Fill a tensor from its place in the file, without a copy of it in between."""
    file.seek(entry.start)
    bits = value.reshape(-1).numpy()  # the same memory: weights are contiguous
    file.readinto(bits.data.cast("B"))
    if sys.byteorder == "big":
        bits.byteswap(inplace=True)
