"""Tensors of torch and TensorFlow, on the CPU.

Neither knows read-only memory. The data of a recalled tensor lies in a private mapping of the pages of the
store (View._private()): nothing is copied, and what somebody writes stays in their process. TensorFlow's
tensors cannot be written at all.

A tensor of torch is stored by its elements, densely. One whose axes are permuted, as of channels_last, comes
back with the same strides; any other that is not contiguous is made so. What shares a storage with other
tensors does not share it any more afterwards.
"""

from __future__ import annotations

import importlib
import pickle

from .. import _core
from ..exceptions import BrainCorruptError, BrainValueTypeError
from . import decoders, encoders

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_TORCH_TYPES = frozenset(
    """bool uint8 uint16 uint32 uint64 int8 int16 int32 int64 float16 bfloat16 float32 float64 complex32 complex64
    complex128 float8_e4m3fn float8_e4m3fnuz float8_e5m2 float8_e5m2fnuz""".split()
)


def load(package: str) -> None:
    if package == "torch":
        torch: Any = importlib.import_module("torch")

        encoders[torch.Tensor] = _encode_torch
        encoders[torch.nn.Parameter] = _encode_parameter
        decoders["torch.Tensor"] = _decode_torch
        decoders["torch.nn.Parameter"] = _decode_parameter
    else:
        # The class of eager tensors has no public name.
        ops: Any = importlib.import_module("tensorflow.python.framework.ops")

        encoders[ops.EagerTensor] = _encode_tensorflow
        decoders["tensorflow.Tensor"] = _decode_tensorflow


# ---- torch --------------------------------------------------------------------------------------


def _encode_torch(tensor: Any) -> tuple[str, Any] | None:
    payload = _take_apart(tensor)
    return None if payload is None else ("torch.Tensor", payload)


def _encode_parameter(parameter: Any) -> tuple[str, Any] | None:
    payload = _take_apart(parameter)
    return None if payload is None else ("torch.nn.Parameter", payload)


def _take_apart(tensor: Any) -> list[Any] | None:
    """[dtype, shape, order of the axes, requires_grad, elements]; None: pickle has to see to it."""
    torch: Any = importlib.import_module("torch")

    if tensor.device.type not in ("cpu", "meta"):
        raise BrainValueTypeError(
            f"a tensor on {tensor.device} cannot be stored: its memory is not this machine's. Put tensor.cpu()"
        )
    dtype = str(tensor.dtype).removeprefix("torch.")
    if tensor.layout != torch.strided or tensor.is_meta or dtype not in _TORCH_TYPES:
        return None
    if tensor.grad_fn is not None or tensor._backward_hooks or tensor.__dict__:
        return None
    dense = tensor.detach().resolve_conj().resolve_neg()
    strides = dense.stride()
    axes = sorted(range(dense.dim()), key=lambda axis: (-strides[axis], axis))
    if not dense.permute(axes).is_contiguous():
        axes = list(range(dense.dim()))
    elements = dense.permute(axes).contiguous().reshape(-1).view(torch.uint8).numpy()
    return [dtype, list(tensor.shape), axes, tensor.requires_grad, pickle.PickleBuffer(elements)]


def _put_together(payload: Any) -> tuple[Any, bool]:
    torch: Any = importlib.import_module("torch")

    dtype, shape, axes, requires_grad, view = _check(payload)
    kind = getattr(torch, dtype)
    inner = [shape[axis] for axis in axes]
    n_elements = 1
    for length in inner:
        n_elements *= length
    if n_elements * kind.itemsize != len(view):
        raise BrainCorruptError("the shape of a tensor does not agree with its bytes")
    if n_elements == 0:
        flat = torch.empty(0, dtype=kind)
    else:
        flat = torch.frombuffer(view._private(), dtype=torch.uint8).view(kind)
    back = sorted(range(len(axes)), key=lambda place: axes[place])
    return flat.reshape(inner).permute(back), requires_grad


def _check(payload: Any) -> tuple[str, list[int], list[int], bool, Any]:
    try:
        dtype, shape, axes, requires_grad, view = payload
        sound = (
            dtype in _TORCH_TYPES
            and all(type(length) is int and 0 <= length < 2**62 for length in shape)
            and all(type(axis) is int for axis in axes)
            and sorted(axes) == list(range(len(shape)))
            and type(requires_grad) is bool
            and isinstance(view, _core.View)
        )
    except (TypeError, ValueError):
        sound = False
    if not sound:
        raise BrainCorruptError("what is stored of a tensor makes no sense")
    return dtype, shape, axes, requires_grad, view


def _decode_torch(payload: Any, trusted: bool) -> Any:
    tensor, requires_grad = _put_together(payload)
    return tensor.requires_grad_() if requires_grad else tensor


def _decode_parameter(payload: Any, trusted: bool) -> Any:
    torch: Any = importlib.import_module("torch")

    tensor, requires_grad = _put_together(payload)
    return torch.nn.Parameter(tensor, requires_grad=requires_grad)


# ---- TensorFlow ---------------------------------------------------------------------------------


# What NumPy and DLPack know, and what goes as integers of the same size.
_TENSORFLOW_TYPES = frozenset(
    "bool int8 int16 int32 int64 uint8 uint16 uint32 uint64 float16 float32 float64 complex64 complex128".split()
)
_TENSORFLOW_BITS = {"bfloat16": "u2", "float8_e4m3fn": "u1", "float8_e5m2": "u1"}

_ALIGNMENT = 64  # of the memory of a tensor; kernels end the process where it is less


def _encode_tensorflow(tensor: Any) -> tuple[str, Any] | None:
    if tensor.dtype.name not in _TENSORFLOW_TYPES and tensor.dtype.name not in _TENSORFLOW_BITS:
        return None
    if "CPU" not in tensor.backing_device:
        raise BrainValueTypeError(
            f"a tensor on {tensor.backing_device} cannot be stored: its memory is not this machine's. Copy it to "
            "the CPU: tf.identity() under tf.device('CPU')"
        )
    array = memoryview(tensor.numpy().reshape(-1).view("u1"))
    return "tensorflow.Tensor", [tensor.dtype.name, tensor.shape.as_list(), pickle.PickleBuffer(array)]


def _decode_tensorflow(payload: Any, trusted: bool) -> Any:
    import numpy

    tensorflow: Any = importlib.import_module("tensorflow")

    try:
        name, shape, view = payload
        if not isinstance(view, _core.View):
            raise TypeError("a tensor without bytes")
        bits = None if name in _TENSORFLOW_TYPES else _TENSORFLOW_BITS[name]
        memory: Any = view._private() if len(view) else b""
        array = numpy.frombuffer(memory, bits or name)
        array = array.reshape([int(length) for length in shape])
    except (KeyError, TypeError, ValueError) as error:
        raise BrainCorruptError("what is stored of a tensor makes no sense") from error
    # Values of a few hundred bytes may lie anywhere.
    if array.size == 0 or array.ctypes.data % _ALIGNMENT != 0:
        tensor = tensorflow.constant(array)
    else:
        tensor = tensorflow.experimental.dlpack.from_dlpack(array.__dlpack__())
    return tensor if bits is None else tensorflow.bitcast(tensor, name)
