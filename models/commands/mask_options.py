"""Options on masks, shared by every command that fills the hole of a photo."""

import argparse

from models.conventions import MASK_THRESHOLD
from models.photo.mask import GREY_SPREAD, MASK_SOURCES, MaskOptions
from models.photo.mask_grow import MOST_GROWTH

RULES = f"""The mask lies over the photo as viewers show it, EXIF orientation applied, to the mask as well. White
({MASK_THRESHOLD} and more) is filled, black is kept. Any depth and palette is read; coloured masks are refused (channels
may lie {GREY_SPREAD} levels apart). A file whose only values are 0 and 1 is filled where it is 1. Where parts are
transparent (less than half opaque) and the rest is
  black                                    what is transparent is filled
  an image, as the photo                  what is transparent is filled
  white, black and white, or one colour    refused: say --mask-from alpha (transparent is filled)
                                           or --mask-from colour (white is filled, transparent is kept)
A mask that fills nothing or keeps nothing is an error. Every rule: docs/masks.md."""


def add_mask_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments that say how the mask is meant, under a heading of their own that states the rules."""
    group = parser.add_argument_group("masks", RULES)
    group.add_argument(
        "--mask-from",
        choices=tuple(MASK_SOURCES),
        default="auto",
        help="; ".join(f"{name}: {meaning}" for name, meaning in MASK_SOURCES.items()) + " (default: %(default)s)",
    )
    group.add_argument("--invert", action="store_true", help="the other way round: black is filled (from alpha: opaque)")
    group.add_argument(
        "--threshold",
        type=int,
        default=MASK_THRESHOLD,
        metavar="N",
        help="least value that is filled, 1 to 255; with 1, soft edges belong to the hole (default: %(default)s)",
    )
    group.add_argument(
        "--grow",
        type=int,
        default=0,
        metavar="PIXELS",
        help=f"grow the hole by this radius in pixels of the photo, 0 to {MOST_GROWTH} (default: %(default)s)",
    )
    group.add_argument(
        "--fit-mask",
        action="store_true",
        help="scale a mask of another size to the photo; it needs the photo's proportions, to a pixel of the smaller of the two",
    )
    group.add_argument("--allow-empty", action="store_true", help="a mask without a hole writes the photo unchanged")


def mask_options(args: argparse.Namespace) -> MaskOptions:
    """The options of a parsed command line.

    Raises:
        ValueError: one is out of range.
    """
    return MaskOptions(args.mask_from, args.fit_mask, args.invert, args.threshold, args.grow, args.allow_empty)
