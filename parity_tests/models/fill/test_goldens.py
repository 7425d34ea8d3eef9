"""The golden files: Python and JavaScript make the same images of them, byte for byte."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from models.fill.parameters import Parameters
from models.fill.windows import inpaint
from parity_tests.models.fill.goldens import CASES, FOLDER

ROOT = Path(__file__).parents[3]
PHONE = ROOT / "benchmarks" / "phone"
needs_node = pytest.mark.skipif(shutil.which("node") is None, reason="Node.js, which runs the JavaScript port, is not here")


def test_every_case_has_its_files():
    assert sorted(path.name for path in FOLDER.iterdir()) == sorted(CASES)


@pytest.mark.parametrize("name", CASES)
def test_python_makes_the_golden_image(name):
    golden = json.loads((FOLDER / name / "case.json").read_text())

    def pixels(file):
        return np.asarray(Image.open(FOLDER / name / file))

    calls = iter(golden["calls"])

    def recorded(*, image, mask):
        call = next(calls)
        assert np.array_equal(image, pixels(call["image"]))
        assert np.array_equal(mask, pixels(call["mask"]))
        return pixels(call["answer"])

    parameters = golden["parameters"] and Parameters(**golden["parameters"])
    result = inpaint(pixels(golden["photo"]), pixels(golden["mask"]), recorded, golden["size"], parameters=parameters)
    assert np.array_equal(result, pixels(golden["result"]))
    assert next(calls, None) is None


def check(folder):
    return subprocess.run(["node", folder / "check_fill.js", FOLDER], capture_output=True, text=True, timeout=120, check=False)


@needs_node
def test_javascript_makes_the_golden_images():
    done = check(PHONE)
    assert done.returncode == 0, done.stdout + done.stderr
    assert [line.split(":")[0] for line in done.stdout.splitlines()] == sorted(CASES)


@needs_node
@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("const MEAN_WEIGHT = 2", "const MEAN_WEIGHT = 3"),
        ("const THICK = 4", "const THICK = 1"),
        ("sweep % 2 ? wanted.length - 1 - turn : turn", "turn"),
        ("together[to] += weights[weight]", "together[to] = weights[weight]"),
        ("+ mixed[beside + 1] + 8) >> 4", "+ mixed[beside + 1] + 7) >> 4"),
        ("(value - inside[i]) >> 1", "(value - inside[i]) >> 2"),
        ("const HIGH = 2 ** 26", "const HIGH = 2 ** 18"),
        ("cheapest[i * runs.length + run] > least", "cheapest[i * runs.length + run] >= 0"),
        ("margin = ceilDiv(2 * shiftOf(cell), cell)", "margin = -1"),
        ("high <= ALIKE * low", "high <= low"),
        ("low * inside.length > inside", "low * inside.length > 4 * inside"),
        ("Math.max(0, row - patch + 1)", "Math.max(0, row)"),
        ("depth[at - width * step - 1],", "most,"),
        ("for (let a = -2; a < 2; a++)", "for (let a = -1; a < 2; a++)"),
        ("variance * count * count + spreadOut", "variance * count * count"),
        ("known, positions, parameters.seamVariance", "known, positions, parameters.toneVariance"),
        ("(kept - 4) * (own[k] - grey)", "(kept - 4) * own[k]"),
        ("most > 0 && depths", "most > 9 && depths"),
        ("clip(start + tap, 0, length - 1)", "clip(start + tap, 1, length - 1)"),
    ],
)
def test_a_port_with_a_slip_is_caught(tmp_path, right, wrong):
    """Planted errors, one in each part."""
    for file in ("check_fill.js", "png.js", "fill.js"):
        shutil.copy(PHONE / file, tmp_path)
    (tmp_path / "package.json").write_text('{"type": "module"}')
    source = (PHONE / "fill.js").read_text()
    assert source.count(right) == 1
    (tmp_path / "fill.js").write_text(source.replace(right, wrong))
    done = check(tmp_path)
    assert done.returncode == 1
    assert "DIFFERENT" in done.stdout


@needs_node
def test_two_ports_are_timed_beside_each_other(tmp_path):
    """And one that makes other bytes is told from one that is faster."""
    shutil.copy(PHONE / "fill.js", tmp_path / "same.mjs")
    source = (PHONE / "fill.js").read_text()
    (tmp_path / "other.mjs").write_text(source.replace("const MEAN_WEIGHT = 2", "const MEAN_WEIGHT = 3"))
    for other, code in (("same.mjs", 0), ("other.mjs", 1)):
        command = ["node", PHONE / "time_fill.js", tmp_path / other]
        done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
        assert done.returncode == code, done.stderr
        assert ("DIFFERENT" in done.stdout) == bool(code)
        assert re.findall(r"(\S+): [0-9.]+ ms, least [0-9.]+", done.stdout)[1].endswith(other)
