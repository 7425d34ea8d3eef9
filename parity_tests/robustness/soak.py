"""Growth of memory over many inferences. A process of its own measures it, because what earlier tests freed hides growth.

``python -m parity_tests.robustness.soak ARTEFACT WARM_UP INFERENCES [--keep]`` prints the growth.
"""

import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import psutil
import skimage.data
from numpy.typing import NDArray

SIZE = 32
PHOTO = np.ascontiguousarray(skimage.data.astronaut())
Image8 = NDArray[np.uint8]


def requests(count: int) -> Iterator[tuple[Image8, Image8]]:
    """Images (SIZE, SIZE, 3) and masks (SIZE, SIZE), from a seed."""
    rng = np.random.default_rng(0)
    for _ in range(count):
        top, left = rng.integers(0, 512 - SIZE, 2)
        yield PHOTO[top : top + SIZE, left : left + SIZE], np.where(rng.random((SIZE, SIZE)) < 0.3, 255, 0).astype(np.uint8)


def growth(artefact: Path, warm_up: int, count: int, *, keep: bool) -> float:
    """Resident memory after ``count`` inferences over that after a warm-up, less 1.

    Args:
        artefact: folder of an exported model of SIZE.
        warm_up: inferences before the first measurement.
        count: inferences between the two.
        keep: keep every output: an error that has to be found.
    """
    import export

    run, kept = export.load(artefact, threads=1), []
    process, before = psutil.Process(), 0
    for number, (image, mask) in enumerate(requests(warm_up + count)):
        if number == warm_up:
            before = process.memory_info().rss
        fill = run(image=image, mask=mask)
        if keep:
            kept.append(fill.copy())
    return process.memory_info().rss / before - 1


if __name__ == "__main__":
    print(growth(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), keep="--keep" in sys.argv))
