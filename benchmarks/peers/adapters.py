"""ADAPTERS: how a picture and its hole are handed to other people's inpainters, and how their answer is read.

A row says what a network's file must take; a file of another signature is refused with both signatures in one line. Whether
channels come first or last is read from the file.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.generic]
Floats = NDArray[np.float32]
Pixels = NDArray[np.uint8]
Hole = NDArray[np.bool_]


@dataclass(frozen=True)
class PeerPort:
    """One input of a file.

    Attributes:
        name: as the file has it.
        shape: four sides; 0 where the file leaves one open.
        dtype: ``float32`` or ``uint8``; others as NumPy calls them.
    """

    name: str
    shape: tuple[int, ...]
    dtype: str


@dataclass(frozen=True)
class Adapter:
    """A row of ``ADAPTERS``.

    Attributes:
        channels: of each input, in the order in which ``prepare`` gives arrays.
        dtype: of all inputs.
        prepare: (image (S, S, 3) uint8, hole (S, S) bool) -> arrays (channels, S, S).
        finish: answer (3, S, S) -> (S, S, 3) uint8.
        words: what it is for, and the values, in words.
    """

    channels: tuple[int, ...]
    dtype: str
    prepare: Callable[[Pixels, Hole], list[Array]]
    finish: Callable[[Array], Pixels]
    words: str


def _signed(image: Pixels) -> Floats:
    return image.transpose(2, 0, 1).astype(np.float32) / np.float32(127.5) - 1


def _migan(image: Pixels, hole: Hole) -> list[Array]:
    known = (~hole)[None].astype(np.float32)
    return [np.concatenate([known - np.float32(0.5), _signed(image) * known])]


def _migan_pipeline(image: Pixels, hole: Hole) -> list[Array]:
    return [image.transpose(2, 0, 1), np.where(hole, np.uint8(0), np.uint8(255))[None]]


def _lama(image: Pixels, hole: Hole) -> list[Array]:
    return [image.transpose(2, 0, 1).astype(np.float32) / np.float32(255), hole[None].astype(np.float32)]


def _aotgan(image: Pixels, hole: Hole) -> list[Array]:
    inside = hole[None].astype(np.float32)
    return [_signed(image) * (1 - inside) + inside, inside]


def _levels(values: Array) -> Pixels:
    """(3, S, S) in levels -> (S, S, 3) uint8."""
    return np.clip(np.floor(values.astype(np.float64).transpose(1, 2, 0) + 0.5), 0, 255).astype(np.uint8)


def _from_signed(answer: Array) -> Pixels:
    return _levels((answer.astype(np.float64) + 1) * 127.5)


def _from_unit_or_levels(answer: Array) -> Pixels:
    """LaMa's published ONNX file answers in levels, its TorchScript and the stand-in in [0, 1]."""
    return _levels(answer.astype(np.float64) * (255 if answer.max() <= 2 else 1))


ADAPTERS: dict[str, Adapter] = {
    "migan": Adapter(
        (4,), "float32", _migan, _from_signed, "MI-GAN's bare generator: known - 0.5, then the picture in [-1, 1], hole cleared"
    ),
    "migan-pipeline": Adapter(
        (3, 1), "uint8", _migan_pipeline, _levels, "MI-GAN's pipeline: picture and mask in bytes, 255 where it is known"
    ),
    "lama": Adapter((3, 1), "float32", _lama, _from_unit_or_levels, "LaMa: picture in [0, 1], mask 1 in the hole"),
    "aotgan": Adapter(
        (3, 1), "float32", _aotgan, _from_signed, "AOT-GAN: picture in [-1, 1], white in the hole; mask 1 in the hole"
    ),
}


@dataclass(frozen=True)
class Plan:
    """How one file is fed.

    Attributes:
        order: index into the arrays of ``Adapter.prepare`` for each input of the file.
        last: whether channels come last.
        size: height and width of the pictures that it takes.
    """

    order: tuple[int, ...]
    last: bool
    size: int


def plan(name: str, ports: Sequence[PeerPort], free: int) -> Plan:
    """Match a file with a row.

    Args:
        name: key in ``ADAPTERS``.
        ports: inputs of the file.
        free: size to use where the file leaves it open.

    Raises:
        ValueError: the file does not have that signature.
    """
    adapter = ADAPTERS[name]
    for last in (False, True):
        channels = [port.shape[3 if last else 1] if len(port.shape) == 4 else 0 for port in ports]
        if sorted(channels) == sorted(adapter.channels) and all(port.dtype == adapter.dtype for port in ports):
            sides = {side or free for port in ports for side in (port.shape[1:3] if last else port.shape[2:4])}
            if len(sides) == 1 and all(port.shape[0] in (0, 1) for port in ports):
                return Plan(tuple(adapter.channels.index(count) for count in channels), last, sides.pop())
    wanted = ", ".join(f"{adapter.dtype} (1, {count}, S, S)" for count in adapter.channels)
    found = ", ".join(f"{port.name} {port.dtype} {port.shape}" for port in ports)
    raise ValueError(f"unknown signature: {found}; {name} takes {wanted}, or the same with channels last")


def feed(name: str, chosen: Plan, image: Pixels, hole: Hole) -> list[Array]:
    """The file's inputs, in its order, with a batch dimension."""
    arrays = ADAPTERS[name].prepare(image, hole)
    laid = [array.transpose(1, 2, 0) if chosen.last else array for array in arrays]
    return [np.ascontiguousarray(laid[index][None]) for index in chosen.order]


def check_answer(chosen: Plan, answer: Array) -> None:
    """Refuse an answer that is no picture, by its shape: this costs no time that is measured.

    Raises:
        ValueError: naming both shapes.
    """
    wanted = (1, *((chosen.size, chosen.size, 3) if chosen.last else (3, chosen.size, chosen.size)))
    if answer.shape != wanted:
        raise ValueError(f"unknown signature: it answers {answer.shape}, {wanted} is a picture")


def read(name: str, chosen: Plan, answer: Array) -> Pixels:
    """The file's answer as a picture (S, S, 3) uint8.

    Raises:
        ValueError: an answer of another shape, or with values that are no numbers.
    """
    check_answer(chosen, answer)
    if answer.dtype.kind == "f" and not np.isfinite(answer).all():
        raise ValueError("its answer holds values that are no numbers")
    planes = answer[0].transpose(2, 0, 1) if chosen.last else answer[0]
    return ADAPTERS[name].finish(planes)
