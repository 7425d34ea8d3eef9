"""The memory that reading photos takes, measured from outside: the peak of a process, against what is stated."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import skimage.data
from PIL import Image

from models.data.decoding import BYTES_PER_PIXEL, SHARE

ROOT = Path(__file__).parents[3]
WIDTH, HEIGHT, COUNT = 2000, 1500, 24
LARGEST = WIDTH * HEIGHT * BYTES_PER_PIXEL
MARGIN = 0.15
"""Of what is stated, for the allocator and the crops."""

THREAD_BYTES = 2_500_000
"""A reading thread's stack, its share of the allocator's and the photo that it has just been given."""

PROGRAM = """
import json, sys
from pathlib import Path
import numpy as np
from models.data import photo_files, photo_index, photos as cache
threads = int(sys.argv[3])
photo_index.reading_threads = photo_files.reading_threads = cache.reading_threads = lambda: threads
from models.data import decoding
decoding.reading_threads = lambda: threads
from models.data.photo_source import open_photos
from models.data.photos import find_photos

def figure(name):
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(name))

before = figure("VmRSS")
photos = open_photos(find_photos(Path(sys.argv[1])), 256, memory_gb=float(sys.argv[2]))
for step in range(6):
    np.stack(photos.crops(256, [np.random.default_rng((step, index)) for index in range(16)]))
print(json.dumps({"kind": type(photos).__name__, "taken": figure("VmHWM") - before}))
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("large")
    photo = Image.fromarray(skimage.data.astronaut())
    for number in range(COUNT):
        photo.resize((WIDTH, HEIGHT)).save(folder / f"{number}.jpg")
    return folder


def taken(folder, memory_gb, threads):
    words = [sys.executable, "-c", PROGRAM, folder, memory_gb, threads]
    done = subprocess.run([str(word) for word in words], cwd=ROOT, capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="the peak of a process is read from Linux's /proc")
@pytest.mark.parametrize("threads", [2, 16])
@pytest.mark.parametrize(("memory_gb", "kind"), [(0.02, "PhotoFiles"), (0.1, "PhotoFiles"), (0.3, "PhotoCache")])
def test_the_peak_is_what_is_stated(folder, memory_gb, kind, threads):
    found = taken(folder, memory_gb, threads)
    budget = memory_gb * 1e9
    stated = budget * (1 + SHARE) + max(SHARE * budget, LARGEST)
    assert found["kind"] == kind
    assert found["taken"] < (1 + MARGIN) * stated + threads * THREAD_BYTES, (
        f"{found['taken'] / 1e6:.0f} MB, stated {stated / 1e6:.0f}"
    )
