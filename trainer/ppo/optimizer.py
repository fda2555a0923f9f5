"""torch's Adam without torch's compiler."""

from __future__ import annotations

import inspect
from typing import Any

import torch


def _plain(name: str) -> Any:
    """A method of torch's Adam without what it is wrapped in."""
    return inspect.unwrap(getattr(torch.optim.Adam, name))


class Adam(torch.optim.Adam):
    """torch's Adam, to the bit.

    Its methods are wrapped for torch's compiler, which the first call of any of them would load:
    more than a second of every start, for nothing.
    """

    add_param_group = _plain("add_param_group")
    zero_grad = _plain("zero_grad")
    state_dict = _plain("state_dict")
    load_state_dict = _plain("load_state_dict")
    step = torch.no_grad()(_plain("step"))
