"""The core on a desktop's Java, for tests."""

import os
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from android_demo.packaging.kotlin import LIBRARY, core, core_tests, runtime_classes
from android_demo.packaging.places import COMPILER, JUNIT

LIMIT_S = 280


def class_path() -> str:
    """The core, its tests, and what they use."""
    parts = (core(), core_tests(), runtime_classes(), LIBRARY, COMPILER / "kotlin-test.jar", COMPILER / "kotlin-test-junit.jar")
    return os.pathsep.join(map(str, (*parts, *JUNIT)))


def java(
    arguments: Sequence[object],
    options: Sequence[str] = (),
    environment: Mapping[str, str] | None = None,
    classes: str | None = None,
) -> subprocess.CompletedProcess[str]:
    """Run a class.

    Args:
        arguments: its name, and what it is told.
        options: of the virtual machine.
        environment: more variables.
        classes: class path, if another than :func:`class_path`.
    """
    command = ["java", "-XX:TieredStopAtLevel=4", *options, "-cp", classes or class_path(), *map(str, arguments)]
    variables = {**os.environ, "ORT_DISABLE_TELEMETRY": "1", **(environment or {})}
    return subprocess.run(command, capture_output=True, text=True, timeout=LIMIT_S, check=False, env=variables)


def run_core(*arguments: object, options: Sequence[str] = (), environment: Mapping[str, str] | None = None) -> str:
    """One task of CoreRunner.kt; what it prints."""
    done = java(["wavefill.CoreRunnerKt", *arguments], options, environment)
    assert done.returncode == 0, done.stderr
    return done.stdout


def case(folder: Path, photo: object, mask: object) -> Path:
    """A photo and a mask as raw bytes, as CoreRunner.kt reads them."""
    folder.mkdir()
    (folder / "photo.bin").write_bytes(photo.tobytes())  # type: ignore[attr-defined]
    (folder / "mask.bin").write_bytes(mask.tobytes())  # type: ignore[attr-defined]
    return folder
