"""The actor-critic networks in plain torch.

Nothing here knows Ray: the RLModule (`trainer/ppo/rl_module.py`) is a thin adapter for
`ActorCritic`. `trainer/ppo/policy_files.py` saves and loads one.

Shapes: B rows, D observation size, S state size, H action heads, L = sum(nvec) logits.
"""

from __future__ import annotations

import contextlib
import hashlib
import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor, nn

from trainer.checkpoints.safe_io.plain_values import flag, sequence, whole
from trainer.checkpoints.safe_io.safe_json import shown
from trainer.ppo.distributions import MaskedMultiCategorical
from trainer.ppo.normalization import ObsNormalizer

MAX_OBS_SIZE = 2**20
MAX_WIDTH = 16_384
MAX_ENTRIES = {"nvec": 1_024, "hiddens": 64}


@dataclass(frozen=True)
class PolicySpec:
    """All that is needed to build a policy's network.

    Attributes:
        obs_size: D, floats per observation.
        nvec: choices per action head, e.g. (3, 3, 5, 2, 3).
        hiddens: width of each hidden layer.
        activation: "tanh" or "relu".
        vf_share_layers: whether the value head sits on the actor's hidden layers.
        normalize_obs: whether observations, and states, are standardized by running moments.
        state_size: S, floats of the state that the value function reads in place of the
            observation; 0: it reads the observation.
    """

    obs_size: int
    nvec: tuple[int, ...]
    hiddens: tuple[int, ...] = (64, 64)
    activation: str = "tanh"
    vf_share_layers: bool = False
    normalize_obs: bool = False
    state_size: int = 0

    @property
    def critic(self) -> str:
        """What the value function reads, as the setting `ppo.critic` names it."""
        return "state" if self.state_size else "obs"

    @property
    def num_logits(self) -> int:
        return sum(self.nvec)

    def changes_to(self, other: PolicySpec) -> str:
        """What differs in `other`, as "name old -> new, ..."; empty if nothing does."""
        old, new = asdict(self), asdict(other)
        if self.critic != other.critic:  # then the setting says more than the sizes
            for values, spec in ((old, self), (new, other)):
                del values["state_size"]
                values["critic"] = spec.critic
        return ", ".join(
            f"{name} {old[name]} -> {new[name]}" for name in old if old[name] != new[name]
        )

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> PolicySpec:
        """A spec from plain values. KeyError or ValueError if they are none."""
        values = {"state_size": 0, **values}  # older files have none
        known = {name: values[name] for name in cls.__dataclass_fields__}
        whole(known["obs_size"], "obs_size", 1, MAX_OBS_SIZE)
        whole(known["state_size"], "state_size", 0, MAX_OBS_SIZE)
        for name, most in MAX_ENTRIES.items():
            sizes = sequence(known[name], name)
            if len(sizes) > most:
                raise ValueError(f"{name} has {len(sizes)} entries, more than {most}")
            known[name] = tuple(whole(size, name, 1, MAX_WIDTH) for size in sizes)
        if not known["nvec"]:
            raise ValueError("nvec is empty")
        if known["activation"] not in tuple(ACTIVATIONS):
            raise ValueError(f"unknown activation {shown(known['activation'])!r}")
        for name in ("vf_share_layers", "normalize_obs"):
            flag(known[name], name)
        if known["state_size"] and known["vf_share_layers"]:
            raise ValueError("layers that read a state cannot be shared with the policy")
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

    The policy never needs the state. A value function that reads it can tell apart what agents
    cannot, and so has less to average over (Lowe et al. 2017, https://arxiv.org/abs/1706.02275).

    Initialized orthogonally, the policy head small so that the first policy is near uniform
    (Andrychowicz et al. 2021, "What Matters In On-Policy Reinforcement Learning?").
    """

    def __init__(self, spec: PolicySpec) -> None:
        super().__init__()
        self.spec = spec
        sizes = (spec.obs_size, *spec.hiddens)
        vf_sizes = (spec.state_size or spec.obs_size, *spec.hiddens)
        normalized = [spec.normalize_obs, spec.normalize_obs and spec.state_size > 0]
        self.normalizer = ObsNormalizer(spec.obs_size) if normalized[0] else None
        self.state_normalizer = ObsNormalizer(spec.state_size) if normalized[1] else None
        with one_thread():  # the same weights from a seed on any number of cores
            self.actor = _mlp(sizes, spec.activation)
            self.critic = None if spec.vf_share_layers else _mlp(vf_sizes, spec.activation)
            self.policy_head = _head(sizes[-1], spec.num_logits, gain=0.01)
            self.value_head = _head(vf_sizes[-1], 1, gain=1.0)

    @property
    def device(self) -> torch.device:
        """Where all of it is."""
        return self.value_head.weight.device

    def _normalize(self, obs: Tensor) -> Tensor:
        return obs if self.normalizer is None else self.normalizer(obs)

    def logits(self, obs: Tensor) -> Tensor:
        """Unmasked logits [B, L] of observations [B, D]; the critic is not computed."""
        return self.policy_head(self.actor(self._normalize(obs)))

    def value(self, seen: Tensor) -> Tensor:
        """Values [B] of what the value function reads, observations [B, D] or states [B, S].

        The actor is computed only where layers are shared.
        """
        tower = self.actor if self.critic is None else self.critic
        if self.spec.state_size:
            seen = seen if self.state_normalizer is None else self.state_normalizer(seen)
        else:
            seen = self._normalize(seen)
        return self.value_head(tower(seen)).squeeze(-1)

    def forward(self, obs: Tensor, state: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Unmasked logits [B, L] and values [B] of observations [B, D].

        Args:
            obs: [B, D].
            state: [B, S], for a value function that reads it.
        """
        if self.spec.state_size:
            assert state is not None
            return self.logits(obs), self.value(state)
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


def weights_hash(networks: Mapping[str, nn.Module]) -> str:
    """SHA-256 over names, shapes and bytes of all parameters and buffers, in any order."""
    digest = hashlib.sha256()
    for policy_id in sorted(networks):
        state = networks[policy_id].state_dict()
        for name in sorted(state):
            value = state[name].detach().cpu().contiguous()
            digest.update(f"{policy_id}/{name}:{value.dtype}{tuple(value.shape)}".encode())
            digest.update(value.numpy().tobytes())
    return digest.hexdigest()


@torch.no_grad()
def not_finite(tensors: Mapping[str, Tensor]) -> list[str]:
    """The names of the tensors that hold a NaN or an infinity."""
    values = {name: value for name, value in tensors.items() if value.is_floating_point()}
    # One flat check instead of one per tensor: after every update there is hardly ever a finding.
    flat = [value.reshape(-1) for value in values.values()]
    if not flat or bool(torch.cat(flat).isfinite().all()):
        return []
    return [name for name, value in values.items() if not bool(value.isfinite().all())]


@contextlib.contextmanager
def one_thread() -> Iterator[None]:
    """Torch on one thread: small matrices are faster so, and the bits the same on any machine."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
