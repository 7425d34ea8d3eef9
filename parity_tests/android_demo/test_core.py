"""The fill in Kotlin, on the JVM, makes every golden image byte for byte."""

import json
import os
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from android_demo.packaging.kotlin import LIBRARY, compiled
from android_demo.packaging.places import DEMO, missing_for_junit
from parity_tests.android_demo.java import java
from parity_tests.models.fill.goldens import CASES, FOLDER

FILL = DEMO / "core" / "src" / "main" / "kotlin" / "wavefill" / "fill"
RUNNER = DEMO / "core" / "src" / "test" / "kotlin" / "wavefill" / "fill" / "GoldenRunner.kt"

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(missing_for_junit() is not None, reason=str(missing_for_junit())),
]


def unpacked(name: str, folder: Path) -> Path:
    """A golden case as raw bytes and a list of properties, which Java reads without any library."""
    golden = json.loads((FOLDER / name / "case.json").read_text())
    folder.mkdir()

    def raw(file: str, to: str) -> np.ndarray:
        pixels = np.asarray(Image.open(FOLDER / name / file))
        (folder / to).write_bytes(pixels.tobytes())
        return pixels

    height, width = raw(golden["photo"], "photo.bin").shape[:2]
    raw(golden["mask"], "mask.bin")
    for number, call in enumerate(golden["calls"]):
        for part in ("image", "mask", "answer"):
            raw(call[part], f"{part}{number}.bin")
    lines = {"height": height, "width": width, "size": golden["size"], "calls": len(golden["calls"])}
    parameters = golden["parameters"]
    if parameters is None:
        lines["parameters"] = "none"
    else:
        lines |= {**parameters, "parameters": "some"}
    (folder / "case.properties").write_text("".join(f"{key}={value}\n" for key, value in lines.items()))
    return folder


def run(jar: str | None, *folders: Path) -> subprocess.CompletedProcess[str]:
    """The golden runner on some cases."""
    return java(["wavefill.fill.GoldenRunnerKt", *folders], classes=jar)


@pytest.mark.parametrize("name", CASES)
def test_kotlin_makes_the_golden_image(tmp_path, name):
    folder = unpacked(name, tmp_path / name)
    done = run(None, folder)
    assert done.returncode == 0, done.stderr
    golden = json.loads((FOLDER / name / "case.json").read_text())
    expected = np.asarray(Image.open(FOLDER / name / golden["result"]))
    np.testing.assert_array_equal(np.fromfile(folder / "result.bin", np.uint8).reshape(expected.shape), expected)


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("file", "right", "wrong"),
    [
        ("Match.kt", "MEAN_WEIGHT = 2", "MEAN_WEIGHT = 3"),
        ("Tone.kt", "(sum + 8) shr 4", "(sum + 7) shr 4"),
        ("Blend.kt", "2 * weights[(y - one.top)", "weights[(y - one.top)"),
        ("Coherence.kt", "if (sweep % 2 == 1) wanted.size - 1 - turn else turn", "turn"),
    ],
)
def test_a_slip_is_caught(tmp_path, file, right, wrong):
    """Planted errors, one in each of some parts; every one shows in some case."""
    shutil.copytree(FILL, tmp_path / "fill")
    place = tmp_path / "fill" / file
    source = place.read_text()
    assert source.count(right) == 1
    place.write_text(source.replace(right, wrong))
    jar = f"{compiled([*(tmp_path / 'fill').glob('*.kt'), RUNNER])}{os.pathsep}{LIBRARY}"
    caught = 0
    for name in CASES:
        folder = unpacked(name, tmp_path / name)
        run(jar, folder)
        golden = json.loads((FOLDER / name / "case.json").read_text())
        result = folder / "result.bin"
        caught += (
            not result.is_file() or result.read_bytes() != np.asarray(Image.open(FOLDER / name / golden["result"])).tobytes()
        )
    assert caught > 0
