"""The program of child processes in the tests of shards: ``generate`` with a cheap filler, slowly enough to be killed anywhere.

python -m parity_tests.support.generate_driver PHOTOS OUT COUNT PER_SHARD SECONDS_PER_SAMPLE
"""

import sys
import time
from pathlib import Path

import numpy as np
from PIL import Image

from models.data.photos import find_photos
from models.data.shards import ShardIndex
from models.system.errors import run_main
from models.teacher.commands.generate import place
from models.teacher.generate import Source, generate

SIZE = 32


def write_photos(folder):
    """Ten photos, one of them damaged: it is passed over, by every process alike."""
    rng = np.random.default_rng(0)
    for number in range(10):
        coarse = Image.fromarray(rng.integers(0, 256, (6, 8, 3), dtype=np.uint8))
        coarse.resize((64, 48), Image.Resampling.BICUBIC).save(folder / f"{number}.png")
    whole = (folder / "3.png").read_bytes()
    (folder / "3.png").write_bytes(whole[: len(whole) // 2])
    return folder


def contents(folder):
    """Every file that has its final name, with its bytes."""
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir()) if not path.name.startswith(".")}


def filler(pause=0.0):
    """Seeded noise in the hole: what a sampler gives, without its cost."""

    def fill(photos, holes, seeds):
        time.sleep(pause * len(photos))
        noise = [np.random.default_rng(seed).integers(0, 256, (SIZE, SIZE, 3), dtype=np.uint8) for seed in seeds]
        return np.where(holes[..., None], np.stack(noise), photos)

    return fill


def make(photos, out, count, per_shard, pause=0.0, **more):
    """One call of ``generate`` over a folder of photos."""
    source = Source(photos, find_photos(photos), SIZE, SIZE + 4)
    index = ShardIndex(count, per_shard, SIZE, {"sampler": "noise"})
    return generate(out, index, 7, source, filler(pause), batch=3, **more)


def main(words):
    rank, world = place()
    make(Path(words[0]), Path(words[1]), int(words[2]), int(words[3]), float(words[4]), rank=rank, world=world)
    return 0


if __name__ == "__main__":
    sys.exit(run_main(main))
