"""The artefacts that a page can run: their files, and a golden result of each by which a phone sees that it computes the same."""

import dataclasses
import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.phone.assets import BYTES, JSON
from export.artifact.files import find_artefacts
from export.artifact.loading import load_artefact
from export.artifact.manifest import read_manifest
from export.parity import probes
from export.tolerances import TOLERANCES


@dataclass(frozen=True)
class Served:
    """One artefact as the page is told of it.

    Attributes:
        name: of its folder.
        scheme: key in ``SCHEMES``.
        size: height and width that the network takes.
        bytes: length of the model file.
        sha256: of the model file.
        checkpoint_sha256: of the weights that it was made from.
        operators: in the file, all of which the one execution provider of the page runs.
        model: address of the file.
        golden: address of a photo (size, size, 3), a mask (size, size) and the result of the same file in ONNX Runtime on this
            computer (size, size, 3), one after the other, uint8.
        max_level_difference, differing_share, hole_psnr_db: how far a runtime may be from another one; None: not asked for.
    """

    name: str
    scheme: str
    size: int
    bytes: int
    sha256: str
    checkpoint_sha256: str
    operators: int
    model: str
    golden: str
    max_level_difference: int | None
    differing_share: float | None
    hole_psnr_db: float | None


def served(folder: Path) -> tuple[list[Served], dict[str, tuple[bytes, str]]]:
    """The ONNX artefacts of a folder with pixels at both ends, smallest file first, and what is served of them.

    Raises:
        ValueError: a damaged artefact, or none that a page can run.
    """
    rows, contents = [], {}
    for place in find_artefacts(folder):
        manifest = read_manifest(place)
        if manifest.backend != "onnx" or manifest.io != "uint8":
            continue
        name, bar = place.resolve().name, TOLERANCES[manifest.scheme]
        model, golden = f"/models/{name}.onnx", f"/models/{name}.golden"
        contents[golden] = golden_bytes(place, manifest.size), BYTES  # refuses what is not as its hashes say
        content = (place / manifest.model_file).read_bytes()
        contents[model] = content, BYTES
        row = Served(
            name,
            manifest.scheme,
            manifest.size,
            manifest.size_bytes,
            hashlib.sha256(content).hexdigest(),
            manifest.checkpoint_sha256,
            _operators(content),
            model,
            golden,
            bar.max_level_difference,
            bar.differing_share,
            bar.hole_psnr_db,
        )
        rows.append(row)
    if not rows:
        raise ValueError(f"{folder}: no ONNX artefact that takes pixels; make one with python -m export onnx")
    rows.sort(key=lambda row: row.bytes)
    contents["/models.json"] = json.dumps([dataclasses.asdict(row) for row in rows]).encode(), JSON
    return rows, contents


def golden_bytes(folder: Path, size: int) -> bytes:
    """Photo, mask and result of the first probe of the parity check."""
    probe = probes(size)[0]
    mask = np.ascontiguousarray(probe.mask.reshape(size, size))
    result = load_artefact(folder, 1)(image=probe.image, mask=mask)
    return probe.image.tobytes() + mask.tobytes() + result.tobytes()


def _operators(model: bytes) -> int:
    import onnx

    return len(onnx.load_from_string(model).graph.node)
