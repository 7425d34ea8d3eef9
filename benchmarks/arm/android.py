"""The library that phones load: libonnxruntime.so for arm64-v8a out of the onnxruntime-android archive, on an emulated core.

The archive comes with the packages of ``android_demo`` (`make kotlin`), by its hash. Its library wants Android's C library; what
stands in for that is ``bionic.c`` and a table of trampolines to glibc, compiled here for arm64. The library itself is as it is.
"""

import shutil
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.arm.bionic import ARM64, SOURCE, stand_in
from benchmarks.arm.cores import Core
from benchmarks.arm.emulator import CACHE, emulate, unavailable
from benchmarks.arm.made_once import made_once
from benchmarks.arm.plugin import compiled
from models.system.errors import ToolchainMissing

Pixels = NDArray[np.uint8]

HERE = Path(__file__).parent
PACKAGE = HERE.parents[1] / "android_demo" / "node_modules" / "com.github.asus4.onnxruntime"
ARCHIVE = PACKAGE / "Plugins" / "Android" / "onnxruntime.aar"
LIBRARY, HEADERS = "jni/arm64-v8a/libonnxruntime.so", "headers/"


def missing_tools() -> str | None:
    """Why nothing can be compiled here for Android's library, in a line; None where it can."""
    if not ARCHIVE.is_file():
        return "ONNX Runtime for Android is not installed; `make kotlin` installs it"
    missing = [program for program in (ARM64.compiler, ARM64.symbols) if shutil.which(program) is None]
    if missing:
        return f"{missing[0]} is not installed (Debian: apt-get install gcc-aarch64-linux-gnu libc6-dev-arm64-cross)"
    return None


def unavailable_here() -> str | None:
    """Why Android's library cannot be run here, in a line; None where it can."""
    return missing_tools() or unavailable()


def run_android(
    core: Core,
    model: Path,
    images: Pixels,
    masks: Pixels,
    *,
    counted: bool = False,
    on_inference: Callable[[], object] = lambda: None,
) -> tuple[Pixels, list[int], str]:
    """Run an ONNX artefact in Android's library on one thread.

    Args:
        core: a row of ``CORES``.
        model: ``model.onnx`` with the public signature.
        images: (N, S, S, 3) uint8.
        masks: (N, S, S, 1) uint8.
        counted: count instructions.
        on_inference: called after every inference.

    Returns:
        Results (N, S, S, 3) uint8; instructions of every inference, empty where they are not counted; the library's version.

    Raises:
        ToolchainMissing: the library, a compiler, the emulator or the ARM system is missing.
        RuntimeError: the library refused the model.
    """
    if reason := unavailable_here():
        raise ToolchainMissing(reason)
    folder = android_system()
    options = ("-O1", "-std=gnu11", "-Wall", "-Werror", f"-I{folder / 'headers'}")
    runner = compiled((ARM64.compiler, *options), [HERE / "runner.c"], CACHE, "runner")
    version: list[str] = []

    def line(text: str) -> None:
        if text == "inference":
            on_inference()
        elif text.startswith("onnxruntime "):
            version.append(text.split()[1])

    with tempfile.TemporaryDirectory(prefix="wavefill-arm-") as scratch:
        inputs, results = Path(scratch) / "inputs", Path(scratch) / "results"
        inputs.write_bytes(b"".join(image.tobytes() + mask.tobytes() for image, mask in zip(images, masks, strict=True)))
        counts = emulate(
            core,
            [runner, model.absolute(), inputs, results, images.shape[1], len(images)],
            environment={},
            libraries=folder,
            counted=counted,
            on_line=line,
        )
        made = np.frombuffer(results.read_bytes(), np.uint8).reshape(images.shape)
    return made, counts, version[0]


def android_system() -> Path:
    """A folder with Android's library, its headers, and what stands in for Android's own libraries; made once."""
    sources = (ARCHIVE, SOURCE, SOURCE.with_suffix(".py"), Path(__file__))

    def make(folder: Path) -> None:
        unpack(folder)
        stand_in([folder / "libonnxruntime.so"], folder, ARM64)

    return made_once(CACHE, "android", sources, make)


def unpack(folder: Path) -> None:
    """Put Android's library and its headers into a folder: ``libonnxruntime.so``, ``headers/``."""
    with zipfile.ZipFile(ARCHIVE) as archive:
        (folder / "libonnxruntime.so").write_bytes(archive.read(LIBRARY))
        (folder / "headers").mkdir()
        for name in archive.namelist():
            if name.startswith(HEADERS) and name.endswith(".h"):
                (folder / name).write_bytes(archive.read(name))
