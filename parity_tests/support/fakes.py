"""A backend that needs no toolkit: its model file is JSON, and PyTorch runs it, spoiled on request."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace

import numpy as np

from export.backend import Action, Array, Coverage, Inspection, Port, Runner
from export.program import Program
from export.reference import TorchBackend
from export.runtimes import RUNTIMES
from quantize.coverage import expected_counts
from quantize.schemes import Scheme

Spoil = Callable[[Array, Array, Array], Array]
"""(image, mask, result) -> what the artefact returns instead."""

PROGRAMS: dict[str, Program] = {}
"""What was converted in this process; the model file names its program."""


@dataclass
class FakeBackend:
    """Follows ``export.backend.Backend``.

    Attributes:
        spoil: changes results, to plant an error.
        during_convert: called with the folder while the model file is half written.
        content: further bytes of the package.
        missing: what ``unavailable`` says.
    """

    name: str = "onnx"
    minimum_target: str = "this test"
    later_targets: dict[str, str] = field(default_factory=dict)
    spoil: Spoil = lambda image, mask, result: result
    during_convert: Callable[[Path], object] = lambda folder: None
    content: bytes = b"weights"
    missing: dict[Action, str] = field(default_factory=dict)
    converted: int = 0

    @property
    def model_file(self) -> str:
        """The name that artefacts of this kind must have."""
        return RUNTIMES[self.name].MODEL_FILE

    def runtime(self) -> SimpleNamespace:
        """This backend as a row of ``RUNTIMES``."""
        return SimpleNamespace(MODEL_FILE=self.model_file, unavailable=lambda: self.unavailable("run"), load=self.load)

    def unavailable(self, action: Action) -> str | None:
        return self.missing.get(action)

    def unsupported(self, scheme: Scheme) -> str | None:
        return None

    def convert(self, program: Program, folder: Path) -> None:
        self.converted += 1
        package = folder / self.model_file
        package.mkdir()
        (package / "weights.bin").write_bytes(self.content[: len(self.content) // 2])
        self.during_convert(folder)
        (package / "weights.bin").write_bytes(self.content)
        key = f"{program.checkpoint_sha256}-{program.scheme.name}-{program.size}-{program.io}"
        PROGRAMS[key] = program
        declared = {"key": key, "size": program.size, "metadata": program.metadata("NHWC"), "macs": 1000 * program.size}
        (package / "model.json").write_text(json.dumps(declared, sort_keys=True), encoding="utf-8")

    def load(self, model: Path, threads: int) -> Runner:
        run = TorchBackend().runner(PROGRAMS[self._declared(model)["key"]], threads)
        return lambda image, mask: self.spoil(image, mask, run(image, mask).copy())

    def inspect(self, model: Path) -> Inspection:
        declared = self._declared(model)
        size = declared["size"]
        if declared["key"].endswith("float"):
            shapes = {"normalised": (1, 3, size, size), "hole": (1, 1, size, size), "fill": (1, 3, size, size)}
            ports = [Port(name, shape, "float32") for name, shape in shapes.items()]
        else:
            shapes = {"image": (1, size, size, 3), "mask": (1, size, size, 1), "result": (1, size, size, 3)}
            ports = [Port(name, shape, "uint8") for name, shape in shapes.items()]
        counts = expected_counts(PROGRAMS[declared["key"]].generator.spec)
        coverage = {kind: Coverage(number, 0) for kind, number in counts.items()}
        return Inspection(declared["metadata"], tuple(ports[:2]), tuple(ports[2:]), declared["macs"], {"Fake": 1}, coverage)

    @staticmethod
    def _declared(model: Path) -> dict:
        return json.loads((model / "model.json").read_text(encoding="utf-8"))


def shift(image: Array, mask: Array, result: Array) -> Array:
    """One pixel to the right, in the hole only: a wrong padding."""
    return np.where(mask >= 128, np.roll(result, 1, axis=2), image)


def touch_kept(image: Array, mask: Array, result: Array) -> Array:
    """One kept value is one level off."""
    flat = result.copy().reshape(-1)
    index = int(np.flatnonzero(np.broadcast_to(mask < 128, result.shape).reshape(-1))[0])
    flat[index] ^= 1
    return flat.reshape(result.shape)


def noise(levels: int) -> Spoil:
    """Uniform noise of up to so many levels in the hole."""

    def spoil(image: Array, mask: Array, result: Array) -> Array:
        added = np.random.default_rng(0).integers(-levels, levels + 1, result.shape)
        return np.where(mask >= 128, np.clip(result.astype(int) + added, 0, 255), result).astype(np.uint8)

    return spoil


def leak(image: Array, mask: Array, result: Array) -> Array:
    """A tenth of what is under the hole shows."""
    return np.where(mask >= 128, 0.9 * result + 0.1 * image, result).astype(np.uint8)


def wrong_threshold(image: Array, mask: Array, result: Array) -> Array:
    """Mask value 128 is taken for keep."""
    return np.where(mask == 128, image, result)


def inverted(image: Array, mask: Array, result: Array) -> Array:
    """Polarity the wrong way round."""
    return np.where(mask >= 128, image, result ^ 128)
