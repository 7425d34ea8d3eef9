"""What a package declares as its inputs, and whether arrays are that."""

from typing import Any

from export.backend import Array
from export.errors import Unsupported

_COLOUR_SPACES = {"RGB": 3, "GRAYSCALE": 1}


def channels(port: Any) -> int:  # noqa: ANN401 - a protobuf message
    """Channels of an image port.

    Raises:
        Unsupported: a colour space that the evaluator does not know.
    """
    kind = port.type.imageType
    colours = kind.ColorSpace.Name(kind.colorSpace)
    if colours not in _COLOUR_SPACES:
        raise Unsupported(f"{port.name}: colour space {colours}; the evaluator knows {', '.join(_COLOUR_SPACES)}")
    return _COLOUR_SPACES[colours]


def check_arrays(description: Any, *arrays: Array) -> None:  # noqa: ANN401
    """Compare arrays with the inputs that a package declares: uint8 (1, H, W, C) for images, float32 for tensors.

    Raises:
        ValueError: another shape or dtype, naming the input.
    """
    for port, array in zip(description.input, arrays, strict=True):
        image = port.type.imageType
        if port.type.WhichOneof("Type") == "imageType":
            shape, dtype = (1, image.height, image.width, channels(port)), "uint8"
        else:
            shape, dtype = tuple(port.type.multiArrayType.shape), "float32"
        if array.shape != shape or array.dtype != dtype:
            raise ValueError(f"{port.name}: {array.dtype} {array.shape} given, {dtype} {shape} is needed")
