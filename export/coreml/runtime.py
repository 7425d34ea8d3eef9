"""Core ML itself where it is (macOS), elsewhere the MIL evaluator: run a ``.mlpackage``."""

import importlib.util
from pathlib import Path

import numpy as np

from export.backend import Array, Runner
from export.coreml.ports import check_arrays
from export.coreml.toolkit import can_predict, coremltools

MODEL_FILE = "model.mlpackage"


def unavailable() -> str | None:
    """coremltools is needed on any system: the evaluator reads packages with it."""
    if importlib.util.find_spec("coremltools") is None:
        return "coremltools is not installed (needed to convert and to run); `make setup` installs it"
    return None


def load(model: Path, threads: int) -> Runner:
    """Core ML on macOS, on its CPU (it chooses its own threads); elsewhere the MIL evaluator with ``threads`` threads."""
    if can_predict():
        return _predict(model)
    from export.coreml.evaluator import runner  # computes with PyTorch, which Core ML itself does not need

    return runner(model, threads)


def _predict(package: Path) -> Runner:
    """Core ML itself. PIL carries the pixels in and out; nothing is computed on them here."""
    ct = coremltools()
    from PIL import Image

    try:
        model = ct.models.MLModel(str(package), compute_units=ct.ComputeUnit.CPU_ONLY)
    except RuntimeError as error:
        raise ValueError(f"{package}: Core ML cannot load it ({error})") from error
    description = model.get_spec().description
    (first, second), (output,) = description.input, description.output

    def run_images(image: Array, mask: Array) -> Array:
        check_arrays(description, image, mask)
        pixels = {first.name: Image.fromarray(image[0]), second.name: Image.fromarray(mask[0, :, :, 0])}
        return np.asarray(model.predict(pixels)[output.name].convert("RGB"))[None]

    def run_tensors(normalised: Array, hole: Array) -> Array:
        check_arrays(description, normalised, hole)
        return np.asarray(model.predict({first.name: normalised, second.name: hole})[output.name], np.float32)

    return run_images if first.type.WhichOneof("Type") == "imageType" else run_tensors
