"""A feature network in LiteRT's interpreter, which may not survive a damaged file: ``models.features.probe`` tries it first."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from models.features.pixels import check_sides, resized, scaled
from models.photo.raster import Pixels
from models.system.errors import ToolchainMissing
from models.system.quiet import without_standard_error


def litert_network(path: Path, scale: str | None) -> Callable[[Pixels], NDArray[np.generic]]:
    """A ``.tflite`` file as a function of an image; it may end the process, see ``models.features.probe``.

    Raises:
        ValueError: LiteRT refuses it, or it takes something else than one image.
        ToolchainMissing: LiteRT is not installed.
    """
    try:
        from ai_edge_litert.interpreter import Interpreter
    except ImportError as error:
        raise ToolchainMissing("a LiteRT feature network needs ai-edge-litert: pip install ai-edge-litert") from error
    try:
        with without_standard_error():  # its C++ code says what it delegates to
            interpreter = Interpreter(model_path=str(path), num_threads=1)
            interpreter.allocate_tensors()
    except (ValueError, RuntimeError) as error:
        raise ValueError(f"{path}: LiteRT cannot read it ({error})") from error
    source, sink = interpreter.get_input_details()[0], interpreter.get_output_details()[-1]
    if len(source["shape"]) != 4 or source["shape"][3] != 3:
        raise ValueError(f"{path}: its input is {list(source['shape'])}; one RGB image (1, H, W, 3) is needed")
    check_sides(int(source["shape"][1]), int(source["shape"][2]))
    if source["dtype"] == np.float32:
        scaled(np.zeros((1, 1, 3), np.uint8), scale, path)

    def run(image: Pixels) -> NDArray[np.generic]:
        small = resized(image, int(source["shape"][1]), int(source["shape"][2]))
        x: NDArray[np.generic] = scaled(small, scale, path) if source["dtype"] == np.float32 else small
        interpreter.set_tensor(source["index"], x[None].astype(source["dtype"]))
        interpreter.invoke()
        output = interpreter.get_tensor(sink["index"])[0]
        factor, zero = sink["quantization"]
        values = (output.astype(np.float64) - zero) * factor if factor else output
        return values.transpose(2, 0, 1) if values.ndim == 3 else values

    return run
