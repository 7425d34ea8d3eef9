"""Core ML: ML program packages behind ImageType, executed by Core ML on macOS and by the MIL evaluator elsewhere."""

import dataclasses
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from export.backend import Action, Inspection, Runner
from export.coreml import inspect as mil_inspect
from export.coreml import runtime
from export.coreml.package import write_package
from export.coreml.toolkit import coremltools, own_names, quiet_conversion
from export.errors import Unsupported
from export.program import Program
from models.conventions import POLARITY
from models.inpainter import ImageTypeShell
from quantize.schemes import SCHEMES, Scheme

_PRECISIONS = {"fp32": "FLOAT32", "fp16": "FLOAT16", "w8": "FLOAT16", "w8a8": "FLOAT16"}
"""Type of the values that are not integers. w8 and w8a8 have half precision around their integers because the Neural Engine takes
no other; for w8a8 that costs 1.2 dB of agreement with PyTorch (45.5 dB against 46.7 dB, ten val photos) and saves 0.2 MB."""

_PORTS = {"uint8": (("image", "mask"), "result"), "float": (("normalised", "hole"), "fill")}

_DESCRIPTIONS = {
    "image": "The photo, RGB. What is under the hole does not matter.",
    "mask": f"Grayscale: {POLARITY}.",
    "result": "The photo with its hole filled, RGB; equal to the image wherever the mask says keep.",
    "normalised": "(1, 3, H, W): pixel / 127.5 - 1, with 0 inside the hole.",
    "hole": "(1, 1, H, W): 1 inside the hole, 0 outside.",
    "fill": "(1, 3, H, W), about -1 to 1, not clamped; meaningful inside the hole.",
}


class CoreMLBackend:
    """``export.backend.Backend`` for Core ML."""

    name = "coreml"
    model_file = runtime.MODEL_FILE
    # quantize and dequantize are iOS 17 operators. The float schemes would run on iOS 16 as well, which no test of ours could
    # see; one operator set for the three keeps the schemes comparable and the promise testable.
    minimum_target = "iOS 17 / macOS 14"
    later_targets: Mapping[str, str] = {}

    def convert(self, program: Program, folder: Path) -> None:
        """Write ``folder / "model.mlpackage"``; equal programs give equal bytes.

        Raises:
            ToolchainMissing: coremltools is not installed.
            Unsupported: a scheme that Core ML does not have.
            ValueError: the size does not suit the network.
            OSError: the folder cannot be written, or the package is there already.
        """
        if reason := self.unsupported(program.scheme):
            raise Unsupported(f"coreml: {reason}")
        ct = coremltools()
        (image, mask), result = _PORTS[program.io]
        shapes = {image: (1, 3, program.size, program.size), mask: (1, 1, program.size, program.size)}
        if program.io == "uint8":
            rgb, gray = ct.colorlayout.RGB, ct.colorlayout.GRAYSCALE
            inputs = [ct.ImageType(image, shapes[image], color_layout=rgb), ct.ImageType(mask, shapes[mask], color_layout=gray)]
            outputs = [ct.ImageType(result, color_layout=rgb)]
        else:
            inputs = [ct.TensorType(name, shape) for name, shape in shapes.items()]
            outputs = [ct.TensorType(result)]
        # Inside the folder, so that it goes with it when the process is killed.
        with quiet_conversion(), own_names(), tempfile.TemporaryDirectory(dir=folder) as scratch:
            exported = torch.export.export(_module(program), tuple(torch.zeros(shape) for shape in shapes.values()))
            model = ct.convert(
                exported.run_decompositions({}),
                inputs=inputs,
                outputs=outputs,
                compute_precision=getattr(ct.precision, _PRECISIONS[program.scheme.name]),
                minimum_deployment_target=ct.target.iOS17,
                skip_model_load=True,
                package_dir=str(Path(scratch, "model.mlpackage")),
            )
            spec = model.get_spec()
            weights = Path(model.weights_dir, "weight.bin").read_bytes()
        _describe(spec, program)
        write_package(spec, weights, folder / self.model_file)

    def unsupported(self, scheme: Scheme) -> str | None:
        """Core ML quantises activations to 8 bits or not at all (coremltools 9.0, operators ``quantize``, iOS 17 and 18)."""
        if scheme.wide:
            return (
                f"{scheme.name}: Core ML's quantize operator stores int8 and uint8, no 16 bits; "
                "w8 has 8-bit weights and half-precision activations there"
            )
        return None

    def load(self, model: Path, threads: int) -> Runner:
        """See ``export.coreml.runtime``."""
        return runtime.load(model, threads)

    def inspect(self, model: Path) -> Inspection:
        """Signature, metadata, MACs and operators of a saved package."""
        return mil_inspect.inspect(model)

    def unavailable(self, action: Action) -> str | None:
        """Both actions need coremltools, on any system: the evaluator reads packages with it."""
        return runtime.unavailable()


def _module(program: Program) -> torch.nn.Module:
    """The module to trace. Half precision is coremltools' own pass over the fp32 program, shell included.

    A core that torch halves would be wrapped in casts, and its folded constants would be rounded twice.
    """
    if program.scheme.name == "fp16":
        program = dataclasses.replace(program, scheme=SCHEMES["fp32"])
    return program.module(ImageTypeShell).eval()


def _describe(spec: Any, program: Program) -> None:  # noqa: ANN401 - a protobuf message
    """Fill in the description that Xcode shows, and take out what differs between machines and days."""
    metadata = spec.description.metadata
    metadata.shortDescription = "Fills the hole of a photo: a wavelet-domain inpainter."
    metadata.author = "wavefill"
    metadata.license = program.licence
    metadata.versionString = f"{program.generator.spec.name} {program.size} {program.scheme.name}"
    for port in [*spec.description.input, *spec.description.output]:
        port.shortDescription = _DESCRIPTIONS[port.name]
    entries = metadata.userDefined
    del entries["com.github.apple.coremltools.conversion_date"]
    # "torch==2.13.0+cpu" on one machine is "torch==2.13.0" on another.
    source = "com.github.apple.coremltools.source"
    entries[source] = entries[source].partition("+")[0]
    for key, value in program.metadata("ImageType").items():
        entries[key] = value
