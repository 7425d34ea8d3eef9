"""READERS: everything of this project that reads foreign bytes, each with whole files to start from."""

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from parity_tests.fuzz.artefact_readers import make_artefact, make_model, read_artefact, read_model, seal_artefact
from parity_tests.fuzz.feature_readers import make_features, make_squeezenet, read_features, read_squeezenet
from parity_tests.fuzz.image_readers import (
    make_index,
    make_mask_file,
    make_masks,
    make_photos,
    read_index,
    read_mask,
    read_mask_file,
    read_photo,
)
from parity_tests.fuzz.training_readers import (
    make_calibration,
    make_checkpoint,
    make_diffusers,
    make_discriminators,
    make_few_step,
    make_shards,
    make_teacher_state,
    make_training_state,
    read_calibration,
    read_checkpoint,
    read_diffusers,
    read_discriminators,
    read_few_step,
    read_shards,
    read_teacher_state,
    read_training_state,
    seal_shards,
)


@dataclass(frozen=True)
class Reader:
    """One way by which foreign bytes come in.

    Attributes:
        make: writes whole files into an empty folder.
        read: reads that folder as the commands do; what it returns does not matter.
        seal: makes the hashes in the folder those of its files again, so that damage comes past them.
        intact: files that are not damaged, by name.
        memory_bytes: more than this above what the process has anyway, for files of some kilobytes, is a finding.
    """

    make: Callable[[Path], None]
    read: Callable[[Path], object]
    seal: Callable[[Path], None] | None = None
    intact: tuple[str, ...] = ()
    memory_bytes: int = 1 << 30


def _read_each(read: Callable[[Path], object]) -> Callable[[Path], object]:
    """Read the damaged file alone."""
    return lambda folder: read(folder / damaged_name(folder).read_text())


READERS: dict[str, Reader] = {
    # name               whole files                       reader                        hashes made right again
    # A small file may be a photo of 100 megapixels, the most that is read: 300 MB, and as much again for each step on the way.
    "photo": Reader(make_photos, _read_each(read_photo), memory_bytes=3 << 30),
    "mask": Reader(make_masks, _read_each(read_mask), memory_bytes=3 << 30),
    "mask_file": Reader(make_mask_file, read_mask_file),
    "checkpoint": Reader(make_checkpoint, read_checkpoint),
    "discriminators": Reader(make_discriminators, read_discriminators),
    "calibration": Reader(make_calibration, read_calibration, intact=("tiny.safetensors",)),
    "training_state": Reader(make_training_state, read_training_state),
    "teacher_state": Reader(make_teacher_state, read_teacher_state),
    "few_step": Reader(make_few_step, read_few_step),
    "diffusers": Reader(make_diffusers, read_diffusers),
    "shards": Reader(make_shards, read_shards, seal_shards),
    "manifest": Reader(make_artefact, read_artefact, seal_artefact),
    "onnx": Reader(make_model("onnx", "fp32"), read_model("onnx")),
    "onnx_w8a8": Reader(make_model("onnx", "w8a8"), read_model("onnx")),
    "coreml": Reader(make_model("coreml", "w8a8"), read_model("coreml")),
    "litert": Reader(make_model("litert", "fp32"), read_model("litert")),
    "litert_w8a8": Reader(make_model("litert", "w8a8"), read_model("litert")),
    "squeezenet": Reader(make_squeezenet, read_squeezenet),
    "features_onnx": Reader(make_features(".onnx"), read_features(".onnx")),
    "features_litert": Reader(make_features(".tflite"), read_features(".tflite")),
    "photo_index": Reader(make_index, read_index),
}


def make_whole(name: str, folder: Path) -> None:
    """Write the whole files of a reader, and read them: a reader that refuses those shows nothing."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    READERS[name].make(folder)
    for path in damageable(name, folder):
        damaged_name(folder).write_text(path.relative_to(folder).as_posix())
        if READERS[name].seal:
            READERS[name].seal(folder)
        READERS[name].read(folder)
    damaged_name(folder).unlink()


def damaged_name(folder: Path) -> Path:
    """The file, beside a folder, that says which of its files is the damaged one."""
    return folder.with_name(f"{folder.name}.damaged")


def damageable(name: str, folder: Path) -> list[Path]:
    """The files of a reader that are to be damaged."""
    found = sorted(path for path in folder.rglob("*") if path.is_file() and not path.name.startswith("."))
    return [path for path in found if path.name not in READERS[name].intact]
