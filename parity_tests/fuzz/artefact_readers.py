"""Artefacts and the models in them: whole files, and how they are read."""

from collections.abc import Callable
from pathlib import Path

import numpy as np

from parity_tests.fuzz.training_readers import make_checkpoint, tiny


def _inputs(size: int = 32) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    mask = np.zeros((1, size, size, 1), np.uint8)
    mask[:, 8:20, 4:24] = 255
    return rng.integers(0, 256, (1, size, size, 3), dtype=np.uint8), mask


def _program(scheme: str):
    from export.program import Program
    from parity_tests.support.formats import coreml_cells as cells
    from quantize.schemes import SCHEMES

    generator = tiny().eval()
    table = cells.calibrated(generator, 32) if scheme == "w8a8" else None
    return Program(generator, 32, SCHEMES[scheme], "uint8", cells.SHA256, table)


def make_model(backend: str, scheme: str) -> Callable[[Path], None]:
    def make(folder: Path) -> None:
        from export.backends import BACKENDS

        BACKENDS[backend].convert(_program(scheme), folder)

    return make


def read_model(backend: str) -> Callable[[Path], object]:
    def read(folder: Path) -> object:
        from export.backends import BACKENDS
        from models.system.foreign import reading

        model = folder / BACKENDS[backend].model_file
        said, run = BACKENDS[backend].inspect(model), BACKENDS[backend].load(model, 1)
        with reading(model):  # as `export.load` does: the arrays are the artefact's, whatever the model takes
            return said, run(*_inputs())

    return read


def make_artefact(folder: Path) -> None:
    from export.__main__ import main

    make_checkpoint(folder)
    checkpoint = ["--checkpoint", str(folder / "tiny.safetensors")]
    assert main(["onnx", *checkpoint, "--scheme", "fp32", "--size", "32", "--out", str(folder), "--no-check"]) == 0
    (folder / "tiny.safetensors").unlink()
    made = folder / "tiny-32-onnx-fp32"
    for path in made.iterdir():
        path.rename(folder / path.name)
    made.rmdir()


def read_artefact(folder: Path) -> object:
    import export
    from export.artifact.manifest import read_manifest
    from export.artifact.verify import check_files

    size = read_manifest(folder).size
    if failures := check_files(folder):
        raise ValueError(f"{folder}: {failures[0]}")
    image, mask = _inputs(size)
    return export.load(folder, 1)(image=image[0], mask=mask[0, :, :, 0])


def seal_artefact(folder: Path) -> None:
    from export.artifact.folder import write_sums

    write_sums(folder)
