"""``python -m models scenes``: make pictures of calm places, to train on beside photographs."""

import argparse
from pathlib import Path

import numpy as np
from PIL import Image
from tqdm import tqdm

from models.data.calm_scenes import PART, draw_scene
from models.data.photo_files import PhotoFiles
from models.data.photo_index import find_candidates
from models.data.photos import check_enough, find_photos, report
from models.photo.place import check_place
from models.spec import LARGEST_SIZE
from models.system.number_arguments import whole
from models.system.temporary import give_usual_permissions, temporary_folder

EXAMPLES = """examples:
  python -m models scenes --data photos/train --out photos/calm --count 600
  python -m models train --data photos --out runs/game --preset structure --init runs/l1/checkpoint.safetensors
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of the verb."""
    parser.epilog, parser.formatter_class = EXAMPLES, argparse.RawDescriptionHelpFormatter
    parser.add_argument("--data", type=Path, required=True, metavar="DIR", help="folder of photos whose colours the scenes have")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder to make; PNG files")
    parser.add_argument("--count", type=whole(1, 100_000), default=600, metavar="N", help="how many (default: %(default)s)")
    parser.add_argument(
        "--side", type=whole(16, LARGEST_SIZE), default=320, metavar="N", help="pictures of N x N pixels (default: %(default)s)"
    )
    parser.add_argument("--seed", type=whole(0), default=0, metavar="N", help="seed (default: %(default)s)")


def main(args: argparse.Namespace) -> int:
    """Make the pictures and print their folder, which is there when all of them are.

    Raises:
        ValueError: bad arguments or photos, see the message.
        OSError: the folder cannot be written.
    """
    if args.out.exists():
        raise ValueError(f"--out: {args.out} is there already; name a new folder")
    check_place(args.out)
    paths = find_photos(args.data)
    candidates, skipped = find_candidates(paths, PART[1])
    report(skipped, len(paths))
    check_enough(len(candidates), paths)
    photos = PhotoFiles(candidates, skipped, budget_bytes=0)
    with temporary_folder(args.out) as temporary:
        for index in tqdm(range(args.count), desc="calm scenes", unit="picture", disable=None):
            scene = draw_scene(photos, args.side, np.random.default_rng([args.seed, index]))
            Image.fromarray(scene).save(temporary / f"calm-{index:05}.png")
        give_usual_permissions(temporary)
        temporary.rename(args.out)
    print(args.out)
    return 0
