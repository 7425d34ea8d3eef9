"""STANDINS: published shapes that can be built here, and the files they are written to.

A stand-in answers "what does a network of this shape cost on this runtime"; its weights are random and its pictures are noise, so
nothing is said about quality. Whoever has the published weights gives their file with ``--peer`` instead.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from benchmarks.peers.standins import lama, migan
from benchmarks.peers.standins.graph import GraphWriter, Tensor
from models.checkpoint import write_atomically

NOTICE = "compute stand-in: the published shape with random weights; its pictures are noise"


@dataclass(frozen=True)
class StandIn:
    """One published shape.

    Attributes:
        build: (size, seed) -> graph, inputs, output.
        adapter: key in ``benchmarks.peers.adapters.ADAPTERS``: how a picture is handed to it.
        published: what the publication says of its size.
        source: the publication.
    """

    build: Callable[[int, int], tuple[GraphWriter, list[Tensor], Tensor]]
    adapter: str
    published: str
    source: str


STANDINS: dict[str, StandIn] = {
    "migan": StandIn(migan.build, "migan", "5.9 M parameters, 10.9 GMACs at 256", "Sargsyan et al., ICCV 2023"),
    "lama": StandIn(lama.build, "lama", "51 M parameters", "Suvorov et al., WACV 2022 (big-lama)"),
}


def write(name: str, size: int, folder: Path) -> Path:
    """Write a stand-in: ``<name>-standin-<size>.onnx``; equal on every host.

    Args:
        name: key in ``STANDINS``.
        size: height and width of its pictures.
        folder: made if it is not there.

    Returns:
        The file.

    Raises:
        ValueError: a size that the shape does not take.
    """
    row = STANDINS[name]
    writer, inputs, output = row.build(size, 0)
    about = {
        "notice": NOTICE,
        "shape of": f"{name}: {row.source}",
        "published": row.published,
        "parameters": str(writer.parameters),
        "macs": str(writer.macs),
    }
    model = writer.model(inputs, output, f"{name}-standin", about)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}-standin-{size}.onnx"
    write_atomically(path, model.SerializeToString(deterministic=True))
    return path


def properties(model: Path) -> dict[str, str]:
    """What a stand-in says of itself: ``notice``, ``parameters``, ``macs``; empty for any other file, also for none of ONNX."""
    import onnx
    from google.protobuf.message import DecodeError

    try:
        loaded = onnx.load(model, load_external_data=False)
    except DecodeError:
        return {}
    found = {entry.key: entry.value for entry in loaded.metadata_props}
    return found if found.get("notice") == NOTICE else {}
