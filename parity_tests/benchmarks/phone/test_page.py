"""The page in a real browser with a phone's screen, by touch: paint, fill, compare, save, measure; then without a network."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from skimage import data

import export
from benchmarks.phone import assets
from export.tolerances import BETWEEN_BACKENDS_DB

ROOT = Path(__file__).parents[3]
DRIVER = Path(__file__).with_name("drive_page.mjs")
BROWSER = next((found for name in ("chromium", "chromium-browser", "google-chrome") if (found := shutil.which(name))), None)
ARTEFACT = "wavefill-s-256-onnx-w8a8"

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(BROWSER is None, reason="no Chromium here to drive the page with"),
    pytest.mark.skipif(shutil.which("node") is None, reason="Node.js, which drives the browser, is not here"),
    pytest.mark.skipif(not (assets.HERE / "node_modules" / "playwright-core").is_dir(), reason="`make phone` has not been run"),
]


@pytest.fixture(scope="module")
def address(shipped_artifacts, tmp_path_factory) -> Iterator[tuple[str, Path]]:
    """Address of a server, and the folder where it puts records."""
    folder = tmp_path_factory.mktemp("records")
    command = [
        sys.executable,
        "-m",
        "benchmarks",
        "phone",
        "--port",
        "0",
        "--artifacts",
        str(shipped_artifacts),
        "--out",
        str(folder),
    ]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, env=environment) as process:
        assert process.stdout is not None
        yield process.stdout.readline().strip(), folder
        process.terminate()


@pytest.fixture(scope="module")
def seen(address, tmp_path_factory):
    """What the driver saw, and the folder with what it left."""
    out = tmp_path_factory.mktemp("page")
    Image.fromarray(data.coffee()).save(out / "photo.png")
    Image.fromarray(data.coffee()).convert("L").convert("RGB").save(out / "grey-photo.png")
    options = {
        "address": address[0],
        "browser": BROWSER,
        "photo": str(out / "photo.png"),
        "grey": str(out / "grey-photo.png"),
        "out": str(out),
        "phone": str(assets.HERE),
    }
    (out / "options.json").write_text(json.dumps(options))
    done = subprocess.run(
        ["node", DRIVER, out / "options.json"], cwd=out, capture_output=True, text=True, timeout=280, check=False
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout), out


def test_nothing_went_wrong_and_nothing_left_the_page(seen):
    assert seen[0]["errors"] == []
    assert seen[0]["foreign"] == []
    assert seen[0]["isolated"], "without cross-origin isolation there are no threads"


def test_painting_by_touch(seen):
    """Undo takes one stroke back, redo brings it again, the eraser takes paint away, and two fingers paint nothing."""
    told = seen[0]
    assert 0 < told["first"] < told["second"]
    assert told["undone"] == told["first"]
    assert told["redone"] == told["second"]
    assert 0 < told["erased"] < told["first"]
    assert told["pinched"] == told["erased"]


def test_the_fill_is_pythons(seen, shipped_artifacts):
    """Kept pixels are the photo's; in the hole one integer that falls otherwise may spread: the bar is that of backends."""
    out, photo = seen[1], data.coffee()
    mask = np.fromfile(out / "mask.bin", np.uint8).reshape(photo.shape[:2])
    saved = np.asarray(Image.open(out / "saved.png").convert("RGB"))
    assert seen[0]["savedAs"] == "photo-filled.png"
    np.testing.assert_array_equal(saved[mask < 128], photo[mask < 128])
    expected = export.load(shipped_artifacts / ARTEFACT).fill(photo, mask)
    error = np.mean((saved[mask >= 128].astype(float) - expected[mask >= 128]) ** 2)
    assert error < 255**2 / 10 ** (BETWEEN_BACKENDS_DB["w8a8"] / 10)
    assert (saved != photo).any(axis=2)[mask >= 128].mean() > 0.9


def test_a_grey_photo_is_filled_in_grey(seen):
    """As by ``models inpaint``; a fill of this many pixels by the shipped weights has colours otherwise."""
    before, after = (np.asarray(Image.open(seen[1] / name).convert("RGB")) for name in ("grey-photo.png", "grey.png"))
    assert seen[0]["greyPainted"] > 1000
    assert (before != after).any(axis=2).sum() > 1000
    assert (after.max(axis=2) == after.min(axis=2)).all()


def test_the_benchmark_is_kept(seen, address):
    record = json.loads((address[1] / seen[0]["kept"]).read_text())
    assert record["artifact"]["name"] == ARTEFACT
    assert record["golden"]["same"], record["golden"]
    assert record["times_ms"]["runs"] >= 10
    assert record["times_ms"]["min"] <= record["times_ms"]["p50"] <= record["times_ms"]["p90"] <= record["times_ms"]["p99"]
    assert "the same as on the computer" in seen[0]["golden"]


def test_no_serious_fault_for_screen_readers(seen):
    assert seen[0]["faults"] == []


def test_it_goes_on_without_the_network(seen):
    assert seen[0]["offline"].startswith("Filled in")


def test_how_quick_it_is(seen, capsys):
    """Printed; the bars are ten times what an idle host needs: a shared one is slower, a page that hangs slower still."""
    told = seen[0]
    with capsys.disabled():
        print(f"\npage: usable after {told['usableMs'] / 1e3:.1f} s; {told['filled']}")
    assert told["usableMs"] < 30_000
    assert told["fillMs"] < 30_000
