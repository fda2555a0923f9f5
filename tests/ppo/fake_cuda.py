"""A GPU that is none: its tensors are in main memory, and mixing them with others is refused.

A tensor is on it if its storage came there by `.to(torch.device("cuda"))` or `device=`, or was
computed from such a tensor. As on a GPU, an operation on tensors of both sides fails, and so does
`numpy()` there. It shows where a move is missing, and nothing of a GPU's rounding or speed.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

CUDA, CPU = torch.device("cuda"), torch.device("cpu")
_AWAY = (Tensor.numpy, Tensor.__array__)
_ONLY_NAME = (torch._C._nn._parse_to,)
_MAY_MIX = ("aten.copy_.default", "aten.index.Tensor")
"""What CUDA does with tensors of both devices: to copy, and to take rows by an index on the CPU."""


class FakeCuda:
    """While it is entered, "cuda" is a device in this thread.

    Attributes:
        moved: what was moved to it, by shape.
    """

    def __init__(self) -> None:
        # Kept, so that no other storage takes the address of one of these.
        self._storages: dict[int, Any] = {}
        self.moved: list[tuple[int, ...]] = []
        self._modes = (_Dispatch(self), _Functions(self))

    def __enter__(self) -> FakeCuda:
        for mode in self._modes:
            mode.__enter__()
        return self

    def __exit__(self, *error: Any) -> None:
        for mode in reversed(self._modes):
            mode.__exit__(*error)

    def holds(self, tensor: Tensor) -> bool:
        return tensor.untyped_storage()._cdata in self._storages

    def take(self, tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        self._storages[storage._cdata] = storage
        return tensor

    def placed(self, tensor: Tensor, device: torch.device) -> Tensor:
        """The tensor on a device, copied if it is on the other one."""
        if self.holds(tensor) == (device == CUDA):
            return tensor
        assert not (tensor.requires_grad and torch.is_grad_enabled()), "its gradient would be lost"
        copied = tensor.detach().clone()
        if device == CUDA:
            self.moved.append(tuple(tensor.shape))
            return self.take(copied)
        del self._storages[copied.untyped_storage()._cdata]
        return copied


class _Dispatch(TorchDispatchMode):
    """Refuses operations on both sides, and finds the side of what comes out of the others."""

    def __init__(self, fake: FakeCuda) -> None:
        super().__init__()
        self._fake = fake

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        given = [leaf for leaf in tree_leaves((args, kwargs)) if isinstance(leaf, Tensor)]
        here = [tensor for tensor in given if self._fake.holds(tensor)]
        # A number is passed to a GPU with the operation, but not to be put together with others.
        joined = str(func) in ("aten.stack.default", "aten.cat.default")
        elsewhere = [t for t in given if not self._fake.holds(t) and (joined or t.dim() > 0)]
        if here and elsewhere and str(func) not in _MAY_MIX:
            shapes = [tuple(tensor.shape) for tensor in elsewhere]
            raise AssertionError(f"{func} on cuda tensors with {shapes} on the CPU")
        result = func(*args, **(kwargs or {}))
        if here and str(func) != "aten.copy_.default":
            for leaf in tree_leaves(result):
                if isinstance(leaf, Tensor):
                    self._fake.take(leaf)
        return result


class _Functions(TorchFunctionMode):
    """Answers what names a device."""

    def __init__(self, fake: FakeCuda) -> None:
        super().__init__()
        self._fake = fake

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        fake, kwargs = self._fake, dict(kwargs or {})
        if func == Tensor.device.__get__:
            return CUDA if fake.holds(args[0]) else CPU
        if func is Tensor.cpu:
            return fake.placed(args[0], CPU)
        if func in _AWAY and isinstance(args[0], Tensor) and fake.holds(args[0]):
            raise AssertionError("numpy() on a cuda tensor")
        if func in _ONLY_NAME:
            return func(*args, **kwargs)
        device = kwargs.pop("device", None)
        if func is Tensor.to and len(args) > 1 and isinstance(args[1], (torch.device, str)):
            device, args = args[1], (args[0], CPU, *args[2:])
        if func is Tensor.to:
            made = func(*args, **kwargs) if args[1:] or kwargs else args[0]
            return made if device is None else fake.placed(made, torch.device(device))
        if device is None or torch.device(device) == CPU:
            return func(*args, **kwargs)
        return fake.take(func(*args, **kwargs))
