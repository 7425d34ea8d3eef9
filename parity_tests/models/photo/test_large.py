"""A photo of 48 megapixels in a process of its own: what memory it takes."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import skimage.data
from PIL import Image

ROOT = Path(__file__).parents[3]
HEIGHT, WIDTH = 6000, 8000
DECODED = HEIGHT * WIDTH * 3
LIMIT = 3.5 * DECODED

SCRIPT = """
import sys
from models.__main__ import main
code = main(sys.argv[1:])
# Not ru_maxrss: Linux hands a child what its parent had at the fork.
(peak,) = (line for line in open("/proc/self/status") if line.startswith("VmHWM"))
print("peak", int(peak.split()[1]) * 1024)
sys.exit(code)
"""


def save_large(folder: Path) -> int:
    """A grainy photo of 48 megapixels and a mask of one hole; returns the hole's side."""
    values = np.asarray(Image.fromarray(skimage.data.astronaut()).resize((WIDTH, HEIGHT), Image.Resampling.BICUBIC))
    grain = np.random.default_rng(0).normal(0, 6, (HEIGHT, WIDTH, 1)).astype(np.int16)
    Image.fromarray(np.clip(values + grain, 0, 255).astype(np.uint8)).save(folder / "photo.jpg", quality=92, subsampling="4:2:0")
    side = round((0.05 * HEIGHT * WIDTH) ** 0.5)
    mask = np.zeros((HEIGHT, WIDTH), np.uint8)
    mask[2000 : 2000 + side, 3000 : 3000 + side] = 255
    Image.fromarray(mask).save(folder / "mask.png")
    return side


def run(folder: Path, before: str = "") -> int:
    """Fill it with the shipped network; bytes of memory at the most."""
    command = [sys.executable, "-c", before + SCRIPT, "inpaint", "photo.jpg", "mask.png", "out.jpg"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return int(done.stdout.split()[2])


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="the peak is read where Linux tells it")
def test_memory_is_bounded_and_blocks_without_hole_are_kept(tmp_path):
    side = save_large(tmp_path)
    peak = run(tmp_path)
    assert peak <= LIMIT, f"{peak / DECODED:.2f} times the decoded photo"
    assert (tmp_path / "out.jpg").stat().st_size == pytest.approx((tmp_path / "photo.jpg").stat().st_size, rel=0.15)
    with Image.open(tmp_path / "photo.jpg") as old, Image.open(tmp_path / "out.jpg") as new:
        old.draft("L", old.size)
        new.draft("L", new.size)
        differs = np.asarray(old) != np.asarray(new)
    rows, columns = np.flatnonzero(differs.any(axis=1)), np.flatnonzero(differs.any(axis=0))
    assert rows[0] >= 1984
    assert rows[-1] < 2000 + side + 16
    assert columns[0] >= 2984
    assert columns[-1] < 3000 + side + 16
    assert differs[2000 : 2000 + side, 3000 : 3000 + side].mean() > 0.5
    # A planted error: the photo is kept decoded while the network runs.
    kept = "import models.photo.photo_file as p\ntake = p.PhotoFile.take\nheld = []\n"
    kept += "def keep(self, region):\n    held.append(self.raster.rgb())\n    take(self, region)\np.PhotoFile.take = keep\n"
    assert run(tmp_path, kept) > LIMIT
