"""ModelSpec: what a generator is, in one frozen row; and SPECS, the table of the sizes that we build."""

import dataclasses
import json
import math
import re
from dataclasses import dataclass
from typing import Any

from models.system.foreign import parse_json

# Range of each band of a photograph in [-1, 1], as root mean square over 300 training photos: ll.ll 2.06, ll.lh 0.28,
# ll.hl 0.31, ll.hh 0.15, finest bands 0.07-0.20; extremes are 4.0 for ll.ll and 1.1-3.7 for the others.
TWO_LEVEL_GAINS = (0.5,) + 15 * (1.0,)


JSON_NAMES = {"noise_channels": "grain"}
"""Fields that files call otherwise: checkpoints of before the renaming are read, and artefacts keep their bytes."""


@dataclass(frozen=True)
class ModelSpec:
    """Architecture of one generator; stored as JSON in the header of every checkpoint.

    Attributes:
        name: the key in ``SPECS`` and the first part of artefact names.
        widths: channels of each level; level 0 works at 1/2^haar_levels of the image, each further one at half of that.
        blocks: residual blocks of each level on the way down and again on the way up (the coarsest level runs them once).
        plain_levels: how many of the finest levels use plain 3x3 convolutions; coarser ones use depthwise 5x5 with 1x1.
        expansion: width of the hidden layer of a depthwise block, as a multiple of the level's width.
        band_gains: factor for each band of the Haar packet at the input, undone at the output (wavelet.PacketAnalysis).
        noise_channels: channels of fixed noise beside the bands at the input (generator.NoiseInput); 0: none.
    """

    name: str
    widths: tuple[int, ...]
    blocks: tuple[int, ...]
    plain_levels: int = 2
    expansion: int = 2
    band_gains: tuple[float, ...] = TWO_LEVEL_GAINS
    noise_channels: int = 0

    def __post_init__(self) -> None:
        # A header is foreign input: what is built from it must be checked before it is built.
        name = isinstance(self.name, str) and re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", self.name) is not None
        _require(name, "name", self.name)
        _require(_integers(self.widths, 1, 4096) and 2 <= len(self.widths) <= 10, "widths (2 to 10, each 1 to 4096)", self.widths)
        blocks = _integers(self.blocks, 1, 64) and len(self.blocks) == len(self.widths)
        _require(blocks, "blocks (one for each width, each 1 to 64)", self.blocks)
        _require(_integers((self.plain_levels,), 0, len(self.widths)), "plain_levels", self.plain_levels)
        _require(_integers((self.expansion,), 1, 16), "expansion (1 to 16)", self.expansion)
        gains = isinstance(self.band_gains, tuple) and all(type(g) is float and 0 < g < math.inf for g in self.band_gains)
        _require(gains and len(self.band_gains) in (4, 16, 64), "band_gains (4, 16 or 64 positive numbers)", self.band_gains)

        _require(_integers((self.noise_channels,), 0, 16), "noise_channels (0 to 16)", self.noise_channels)

    @property
    def haar_levels(self) -> int:
        """Haar levels between the image and level 0."""
        return (len(self.band_gains).bit_length() - 1) // 2

    @property
    def multiple(self) -> int:
        """Height and width of an image must be multiples of this many pixels."""
        return 2 ** (self.haar_levels + len(self.widths) - 1)

    def to_json(self) -> str:
        """One line of JSON with sorted keys."""
        fields = {JSON_NAMES.get(key, key): value for key, value in dataclasses.asdict(self).items()}
        return json.dumps(fields, sort_keys=True)

    @staticmethod
    def from_json(text: str) -> "ModelSpec":
        """Inverse of :meth:`to_json`.

        Raises:
            ValueError: not JSON, or not the fields of a spec.
        """
        try:
            fields = parse_json(text)
            if fields.keys() & JSON_NAMES.keys():
                raise ValueError(f"in JSON {', '.join(JSON_NAMES)} is called {', '.join(JSON_NAMES.values())}")
            own = {json_name: name for name, json_name in JSON_NAMES.items()}
            values: dict[str, Any] = {own.get(k, k): tuple(v) if isinstance(v, list) else v for k, v in fields.items()}
        except (AttributeError, ValueError) as error:
            raise ValueError(f"not a model spec: {error}") from error
        try:
            return ModelSpec(**values)
        except TypeError as error:
            raise ValueError(f"not a model spec: {error}") from error


def _integers(values: object, lowest: int, highest: int) -> bool:
    return isinstance(values, tuple) and all(type(value) is int and lowest <= value <= highest for value in values)


def _require(condition: bool, what: str, got: object) -> None:
    if not condition:
        raise ValueError(f"bad model spec: {what} is {str(got)[:80]}")


LARGEST_SIZE = 1024
"""Images that a network is run on have at most this height and width; larger photos are filled by cropping around the hole."""

SPECS: dict[str, ModelSpec] = {
    spec.name: spec
    for spec in (
        # name          widths by level (64x64 ... 2x2 at 256)        blocks by level
        ModelSpec("wavefill-s", (32, 64, 96, 128, 128, 128), (2, 2, 2, 2, 2, 1), noise_channels=2),
        ModelSpec("wavefill-s-wide", (48, 80, 128, 192, 192, 192), (2, 2, 2, 2, 2, 1), noise_channels=2),
        ModelSpec("wavefill-m", (56, 112, 160, 224, 224, 224), (2, 2, 3, 3, 3, 3), noise_channels=2),
    )
}
