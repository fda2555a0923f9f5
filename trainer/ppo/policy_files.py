"""The files of a trained policy, `weights.safetensors` and `spec.json`: written, read, compared.

With `networks.py` this is all that another program needs to load a policy: no Ray, no pickle.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from dataclasses import asdict
from io import BufferedReader
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import save
from torch import Tensor

from trainer.checkpoints.safe_io import safe_json, tensor_file
from trainer.checkpoints.safe_io.safe_json import shown
from trainer.ppo.networks import ActorCritic, PolicySpec, not_finite

WEIGHTS_FILE = "weights.safetensors"
SPEC_FILE = "spec.json"
SPEC_FORMAT = 1
_MAX_SPEC_BYTES = 2**16
_DTYPES = {torch.float32: "F32", torch.float64: "F64", torch.int32: "I32", torch.int64: "I64"}


class PolicyFileError(ValueError):
    """A policy whose files are missing, malformed or do not fit its own spec."""


def save_policy(network: ActorCritic, folder: str | Path) -> None:
    """Writes `weights.safetensors` and `spec.json` into `folder` (made if missing).

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
    return {name: tuple(value.shape) for name, value in hollow_network(spec).state_dict().items()}


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
    """Reads what `save_policy` wrote; no pickle is involved.

    Raises:
        PolicyFileError: a file is missing or unreadable, or the weights do not fit the spec.
    """
    folder = Path(folder)
    try:
        spec = read_spec(folder)
        network = hollow_network(spec)
        with safe_json.open_plain(folder / WEIGHTS_FILE) as file:
            layout = tensor_file.read_layout(file)
            _check_layout(layout, network.state_dict())
            hollow = network.state_dict()
            # Not `to_empty`: it computes with symbols, a library of which takes 0.4 s to import.
            weights = {name: torch.empty(v.shape, dtype=v.dtype) for name, v in hollow.items()}
            network.load_state_dict(weights, assign=True)
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


def hollow_network(spec: PolicySpec) -> ActorCritic:
    """The network without memory for its weights, which a spec alone must not ask for."""
    with torch.device("meta"):
        return ActorCritic(spec)


def _check_layout(layout: Mapping[str, tensor_file.Entry], wanted: Mapping[str, Tensor]) -> None:
    """Checks that a file has the wanted weights (ValueError), before memory is taken."""
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
    """Fills a tensor from its place in the file, without a copy of it in between."""
    file.seek(entry.start)
    bits = value.reshape(-1).numpy()  # the same memory: weights are contiguous
    file.readinto(bits.data.cast("B"))
    if sys.byteorder == "big":
        bits.byteswap(inplace=True)
