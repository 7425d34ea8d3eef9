"""Makes the golden files of the fill: ``python -m parity_tests.models.fill.goldens``.

A golden case holds everything that a port needs: photo, mask, size, parameters, what the network is asked and what it answered,
and the result. Made again only where the algorithm is meant to change.
"""

import argparse
import dataclasses
import json
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image

from models.fill import windows
from models.fill.arrays import Pixels
from models.fill.parameters import DEFAULTS, Parameters

FOLDER = Path(windows.__file__).parent / "goldens"


def image(height: int, width: int) -> Pixels:
    """A photo of a kind: sky, a slanted roof with tiles, grain; equal on every machine."""
    rows, columns = np.mgrid[:height, :width]
    sky = np.stack([90 + rows * 80 // height, 140 + rows * 60 // height, 220 - columns * 40 // width], axis=2)
    tiles = np.stack([150 + 30 * ((rows + columns // 2) // 6 % 2), 70 + 20 * (columns // 9 % 2), 60 + 0 * rows], axis=2)
    roof = (2 * rows + columns > height + width // 3)[:, :, None]
    grain = np.random.default_rng(height * 1000 + width).integers(-3, 4, (height, width, 1))
    return (np.where(roof, tiles, sky) + grain).clip(0, 255).astype(np.uint8)


def checks(height: int, width: int) -> Pixels:
    """Squares of 12 pixels in two colours: many patches are equal."""
    rows, columns = np.mgrid[:height, :width]
    return np.where(((rows // 12 + columns // 12) % 2 == 0)[:, :, None], np.uint8(60), np.uint8(190)) + np.zeros(3, np.uint8)


def pebbles(height: int, width: int) -> Pixels:
    """One texture all over: grains of about eight pixels."""
    grains = np.random.default_rng(height * 1000 + width).integers(
        0, 256, ((height + 10) // 8, (width + 10) // 8, 3), dtype=np.uint8
    )
    return grains.repeat(8, axis=0).repeat(8, axis=1)[3 : height + 3, 3 : width + 3]


def disc(height: int, width: int, row: int, column: int, radius: int) -> Pixels:
    """A round hole."""
    rows, columns = np.mgrid[:height, :width]
    return np.where((rows - row) ** 2 + (columns - column) ** 2 <= radius**2, np.uint8(255), np.uint8(0))


def wire(height: int, width: int) -> Pixels:
    """A line of five pixels from one side to the other, and specks."""
    rows, columns = np.mgrid[:height, :width]
    mask = np.abs(4 * rows - columns - height) <= 8
    mask[5:8, width // 2 : width // 2 + 3] = True
    return mask.astype(np.uint8) * np.uint8(255)


def frame(height: int, width: int) -> Pixels:
    """A hole at all four borders."""
    mask = np.full((height, width), 255, np.uint8)
    mask[height // 5 : -height // 5, width // 5 : -width // 5] = 127
    return mask


def blurred(*, image: Pixels, mask: Pixels) -> Pixels:
    """A network of a kind: far means of what is known, and a tone of its own."""
    known = (mask < 128)[:, :, None]
    side = len(image)
    coarse = max(1, side // 8)
    padded = np.pad(image * known, ((0, -side % coarse), (0, -side % coarse), (0, 0)))
    weight = np.pad(known, ((0, -side % coarse), (0, -side % coarse), (0, 0)))
    blocks = len(padded) // coarse
    total, count = (
        values.reshape(blocks, coarse, blocks, coarse, -1).sum(axis=(1, 3), dtype=np.int64) for values in (padded, weight)
    )
    mean = np.where(count > 0, total // count.clip(1), 128).repeat(coarse, axis=0).repeat(coarse, axis=1)[:side, :side]
    return (mean + np.array([9, -6, 4])).clip(0, 255).astype(np.uint8)


def streaked(*, image: Pixels, mask: Pixels) -> Pixels:
    """The same with streaks a cell wide: what discriminators teach a network to draw where it knows nothing."""
    rows = np.arange(len(image))[:, None, None]
    return (blurred(image=image, mask=mask) + np.where(rows // 4 % 2 == 0, 24, -24)).clip(0, 255).astype(np.uint8)


@dataclasses.dataclass(frozen=True)
class Case:
    """One golden file."""

    photo: Pixels
    mask: Pixels
    size: int
    parameters: Parameters | None = DEFAULTS
    network: windows.Run = blurred


CASES: dict[str, Callable[[], Case]] = {
    "hole_at_full_resolution": lambda: Case(image(90, 110), disc(90, 110, 50, 60, 17), 64),
    "hole_at_a_third": lambda: Case(image(170, 200), disc(170, 200, 90, 110, 48), 64, Parameters(crowd=16)),
    "wire_and_specks": lambda: Case(image(40, 90), wire(40, 90), 64, Parameters(shallow=0)),
    "shallow_wire": lambda: Case(image(40, 90), wire(40, 90), 64),
    "frame": lambda: Case(image(80, 70), frame(80, 70), 64, Parameters(crowd=16, colour=0)),
    "too_few_sources": lambda: Case(image(80, 70), frame(80, 70), 64),
    "without_detail": lambda: Case(image(170, 200), disc(170, 200, 80, 90, 40), 64, None),
    "small_patches": lambda: Case(
        image(75, 83),
        disc(75, 83, 30, 40, 20),
        50,
        Parameters(
            band=2,
            middle=1,
            patch=4,
            samples=2,
            coherence=512,
            reuse=128,
            rows=0,
            columns=99,
            sweeps=3,
            fade=5,
            tone_variance=200,
            colour=3,
            seam_variance=9,
        ),
    ),
    "photo_smaller_than_a_patch": lambda: Case(image(9, 7), disc(9, 7, 4, 3, 2), 64),
    "equal_patches": lambda: Case(checks(80, 100), disc(80, 100, 40, 50, 24), 64, Parameters(patch=8, sweeps=1, colour=4)),
    "one_texture": lambda: Case(pebbles(128, 128), disc(128, 128, 60, 66, 31), 128),
    "one_texture_streaked": lambda: Case(pebbles(128, 128), disc(128, 128, 60, 66, 31), 128, network=streaked),
    "network_of_256": lambda: Case(image(300, 320), disc(300, 320, 160, 170, 60), 256),
}


def answers(case: Case) -> tuple[list[tuple[Pixels, Pixels, Pixels]], Pixels]:
    """(image, mask, answer) of each call of the network, and the result."""
    calls: list[tuple[Pixels, Pixels, Pixels]] = []

    def run(*, image: Pixels, mask: Pixels) -> Pixels:
        answer = case.network(image=image, mask=mask)
        calls.append((image.copy(), mask.copy(), answer))
        return answer

    return calls, windows.inpaint(case.photo, case.mask, run, case.size, parameters=case.parameters)


def write(name: str, case: Case, folder: Path) -> None:
    """Write one case: a folder with case.json and its images."""
    calls, result = answers(case)
    (folder / name).mkdir(parents=True)

    def save(what: str, pixels: Pixels) -> str:
        file = f"{what}.png"
        Image.fromarray(pixels).save(folder / name / file, optimize=True)
        return file

    content = {
        "size": case.size,
        "parameters": case.parameters and dataclasses.asdict(case.parameters),
        "photo": save("photo", case.photo),
        "mask": save("mask", case.mask),
        "calls": [
            {what: save(f"{what}{i}", pixels) for what, pixels in zip(("image", "mask", "answer"), call, strict=True)}
            for i, call in enumerate(calls)
        ],
        "result": save("result", result),
    }
    (folder / name / "case.json").write_text(f"{json.dumps(content, indent=1)}\n")


def main() -> int:
    """Write all golden files."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.parse_args()
    shutil.rmtree(FOLDER, ignore_errors=True)
    for name, case in CASES.items():
        write(name, case(), FOLDER)
    print(FOLDER)
    return 0


if __name__ == "__main__":
    sys.exit(main())
