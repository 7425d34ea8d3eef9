"""READERS: everything of this project that reads foreign bytes, each with whole files to start from."""

import hashlib
import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

PICTURE = np.random.default_rng(5).integers(0, 256, (24, 40, 3), dtype=np.uint8)


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


# ---------------------------------------------------------------- pictures


def _make_photos(folder: Path) -> None:
    from PIL import Image

    picture = Image.fromarray(PICTURE)
    for suffix, options in ((".png", {}), (".jpg", {"quality": 90}), (".webp", {}), (".bmp", {}), (".gif", {}), (".ppm", {})):
        picture.save(folder / f"photo{suffix}", **options)
    for compression in ("raw", "tiff_lzw", "jpeg", "tiff_deflate", "packbits"):
        picture.save(folder / f"{compression}.tif", compression=compression)
    picture.convert("P").save(folder / "palette.png", transparency=3)
    picture.convert("RGBA").save(folder / "alpha.png")
    picture.save(folder / "progressive.jpg", progressive=True, exif=_exif())
    Image.fromarray(PICTURE[:, :, 0].astype(np.uint16) * 257).save(folder / "sixteen.png")


def _exif() -> bytes:
    from PIL import Image

    exif = Image.Exif()
    exif[274] = 6
    return exif.tobytes()


def _read_each(read: Callable[[Path], object]) -> Callable[[Path], object]:
    """Read the damaged file alone."""
    return lambda folder: read(folder / damaged_name(folder).read_text())


def _read_photo(path: Path) -> object:
    from models.data.photo_index import photo_size
    from models.photo.images import read_photo

    photo = read_photo(path)
    return photo_size(path), photo


def _make_masks(folder: Path) -> None:
    from PIL import Image

    mask = Image.fromarray(np.where(PICTURE[:, :, 0] > 128, 255, 0).astype(np.uint8))
    for name in ("mask.png", "mask.jpg", "mask.webp", "mask.bmp", "mask.tif", "mask.gif"):
        mask.save(folder / name)
    mask.convert("1").save(folder / "one_bit.png")


def _read_mask(path: Path) -> object:
    from models.photo.mask import read_mask

    return read_mask(path, PICTURE.shape[:2])


def _make_mask_file(folder: Path) -> None:
    from models.data.mask_file import MaskFile

    MaskFile.draw(24, 5, 1).write(folder / "masks.npz")


def _read_mask_file(folder: Path) -> object:
    from models.data.mask_file import MaskFile

    return MaskFile.read(folder / "masks.npz").mask(3)


# ---------------------------------------------------------------- checkpoints, training, calibration


def _tiny():
    import torch

    from models.generator import Generator
    from parity_tests.conftest import TINY

    torch.manual_seed(0)
    return Generator(TINY)


def _make_checkpoint(folder: Path) -> None:
    from models.checkpoint import save_checkpoint

    save_checkpoint(folder / "tiny.safetensors", _tiny(), {"licence": "none", "steps": "0"})


def _read_checkpoint(folder: Path) -> object:
    from models.checkpoint import load_checkpoint

    return load_checkpoint(folder / "tiny.safetensors")


def _make_calibration(folder: Path) -> None:
    from models.checkpoint import sha256
    from parity_tests.support import coreml_cells as cells

    generator = _tiny()
    _make_checkpoint(folder)
    table = cells.calibrated(generator, cells.SIZE)
    object.__setattr__(table, "checkpoint_sha256", sha256(folder / "tiny.safetensors"))
    table.save(folder / "tiny.calibration.json")


def _read_calibration(folder: Path) -> object:
    from models.generator import fold
    from quantize.program import QuantizedProgram

    table = QuantizedProgram.load(folder / "tiny.calibration.json")
    table._check_weights(dict(fold(_tiny(), 32, 32).named_parameters()))
    return table


def _make_training_state(folder: Path) -> None:
    import torch

    from models.training.config import PRESETS
    from models.training.state import TrainState

    _know_tiny()
    config = PRESETS["adversarial"].with_settings(["spec=tiny", "discriminators={}", "feature_matching=0.0"])
    state = TrainState.fresh(config, torch.device("cpu"), {"photos": "x"})
    state.step = 3
    state.save(folder / "state.safetensors", config)
    (folder / "run.json").write_text(json.dumps([{"from_step": 0, "photos": 3}]))


def _know_tiny() -> None:
    """A training state names its network; the rows of SPECS take a second each to be built."""
    from models.spec import SPECS
    from parity_tests.conftest import TINY

    SPECS["tiny"] = TINY


def _read_training_state(folder: Path) -> object:
    import torch

    from models.training.command import read_parts
    from models.training.config import TrainConfig
    from models.training.run_state import read_config
    from models.training.state import TrainState

    _know_tiny()
    read_parts(folder / "run.json")
    return read_config(folder / "state.safetensors", TrainConfig), TrainState.load(
        folder / "state.safetensors", torch.device("cpu")
    )


def _teacher_config(kind: str):
    from models.teacher.training.config import PRESETS

    changes = ["size=16", "batch=4", "widths=[8,8]", "opponent_widths=[8,8]", "latent=4"]
    return PRESETS[kind].with_settings(changes)


def _make_teacher_state(folder: Path) -> None:
    import torch

    from models.teacher.training.kinds import build
    from models.teacher.training.state import TeacherState

    config = _teacher_config("ddgan")
    TeacherState.fresh(build(config, torch.device("cpu")), config, {}).save(folder / "state.safetensors", config)


def _read_teacher_state(folder: Path) -> object:
    import torch

    from models.teacher.training.config import TeacherConfig
    from models.teacher.training.kinds import build
    from models.teacher.training.state import TeacherState, check_stored
    from models.training.run_state import read_config

    file = folder / "state.safetensors"
    _, config = read_config(file, TeacherConfig)
    check_stored(file, config, lambda: build(config, torch.device("meta")))
    state = TeacherState.fresh(build(config, torch.device("cpu")), config, {})
    state.restore(file)
    return state


# ---------------------------------------------------------------- teachers and their shards


def _make_few_step(folder: Path) -> None:
    import torch

    from models.teacher.few_step_file import save_few_step
    from models.teacher.training.few_step import LatentUNet

    torch.manual_seed(0)
    config = _teacher_config("ddgan")
    save_few_step(folder / "generator.safetensors", LatentUNet(config), config, {"photos": "3"})


def _read_few_step(folder: Path) -> object:
    from models.teacher.few_step_file import load_few_step

    return load_few_step(folder / "generator.safetensors")


def _make_diffusers(folder: Path) -> None:
    import torch

    from models.teacher.training.ddpm import build_scheduler, build_unet

    torch.manual_seed(0)
    config = _teacher_config("ddpm")
    build_unet(config).save_pretrained(folder / "unet")
    build_scheduler(config).save_pretrained(folder / "scheduler")


def _read_diffusers(folder: Path) -> object:
    import torch

    from models.teacher.diffusers_folder import load_diffusers

    teacher = load_diffusers(folder)
    return teacher.schedule.respaced(10), teacher.denoiser(torch.zeros(1, 3, 16, 16), 0.5)


def _make_shards(folder: Path) -> None:
    from models.data.shards import Sample, ShardIndex, settle_index, write_shard

    settle_index(folder, ShardIndex(3, 2, 24, {"sampler": "none"}))
    photo, hole = PICTURE[:, :24], PICTURE[:, :24, 0] > 200
    samples = [Sample(i, photo, hole, np.where(hole[:, :, None], 7, photo).astype(np.uint8), {"seed": i}) for i in range(3)]
    write_shard(folder, 0, samples[:2])
    write_shard(folder, 1, samples[2:])


def _read_shards(folder: Path) -> object:
    from models.data.pairs import PairShards
    from models.data.shards import read_part

    shards = PairShards.open(folder, memory_gb=1)
    return read_part(folder / "shard-000000.tar", range(2)), [shards.get(i) for i in range(len(shards))], shards.get(0, 48)


def _seal_shards(folder: Path) -> None:
    from models.system.foreign import read_json

    for path in folder.glob("shard-*.tar"):
        facts = read_json(path.with_suffix(".json"))
        content = path.read_bytes()
        facts |= {"sha256": hashlib.sha256(content).hexdigest(), "bytes": len(content)}
        path.with_suffix(".json").write_text(json.dumps(facts))


# ---------------------------------------------------------------- artefacts and models


def _inputs(size: int = 32) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    mask = np.zeros((1, size, size, 1), np.uint8)
    mask[:, 8:20, 4:24] = 255
    return rng.integers(0, 256, (1, size, size, 3), dtype=np.uint8), mask


def _program(scheme: str):
    from export.program import Program
    from parity_tests.support import coreml_cells as cells
    from quantize.schemes import SCHEMES

    generator = _tiny().eval()
    table = cells.calibrated(generator, 32) if scheme == "w8a8" else None
    return Program(generator, 32, SCHEMES[scheme], "uint8", cells.SHA256, table)


def _make_model(backend: str, scheme: str) -> Callable[[Path], None]:
    def make(folder: Path) -> None:
        from export.backends import BACKENDS

        BACKENDS[backend].convert(_program(scheme), folder)

    return make


def _read_model(backend: str) -> Callable[[Path], object]:
    def read(folder: Path) -> object:
        from export.backends import BACKENDS
        from models.system.foreign import reading

        model = folder / BACKENDS[backend].model_file
        said, run = BACKENDS[backend].inspect(model), BACKENDS[backend].load(model, 1)
        with reading(model):  # as `export.load` does: the arrays are the artefact's, whatever the model takes
            return said, run(*_inputs())

    return read


def _make_artefact(folder: Path) -> None:
    from export.__main__ import main

    _make_checkpoint(folder)
    checkpoint = ["--checkpoint", str(folder / "tiny.safetensors")]
    assert main(["onnx", *checkpoint, "--scheme", "fp32", "--size", "32", "--out", str(folder), "--no-check"]) == 0
    (folder / "tiny.safetensors").unlink()
    made = folder / "tiny-32-onnx-fp32"
    for path in made.iterdir():
        path.rename(folder / path.name)
    made.rmdir()


def _read_artefact(folder: Path) -> object:
    import export
    from export.artifact.manifest import read_manifest
    from export.artifact.verify import check_files

    size = read_manifest(folder).size
    if failures := check_files(folder):
        raise ValueError(f"{folder}: {failures[0]}")
    image, mask = _inputs(size)
    return export.load(folder, 1)(image=image[0], mask=mask[0, :, :, 0])


def _seal_artefact(folder: Path) -> None:
    from export.artifact.folder import write_sums

    write_sums(folder)


# ---------------------------------------------------------------- networks that measure


def _make_squeezenet(folder: Path) -> None:
    import torch
    from safetensors.torch import save_file

    from models.features.squeezenet import _WIDTHS, FIRES

    torch.manual_seed(0)
    tensors = {"features.0.weight": torch.randn(64, 3, 3, 3), "features.0.bias": torch.randn(64)}
    inputs = 64
    for place, (squeezed, expanded) in zip(FIRES, _WIDTHS, strict=True):
        for name, shape in (
            ("squeeze", (squeezed, inputs, 1, 1)),
            ("expand1x1", (expanded, squeezed, 1, 1)),
            ("expand3x3", (expanded, squeezed, 3, 3)),
        ):
            tensors[f"features.{place}.{name}.weight"] = torch.randn(shape) * 0.1
            tensors[f"features.{place}.{name}.bias"] = torch.randn(shape[0])
        inputs = 2 * expanded
    save_file({name: value.half() for name, value in tensors.items()}, folder / "net.safetensors")


def _read_squeezenet(folder: Path) -> object:
    from models.features.network import FeatureNetwork
    from models.features.perceptual import PerceptualNetwork

    return PerceptualNetwork.read(folder / "net.safetensors"), FeatureNetwork(folder / "net.safetensors")(PICTURE)


def _make_features(suffix: str) -> Callable[[Path], None]:
    def make(folder: Path) -> None:
        from parity_tests.fuzz.feature_models import write_litert, write_onnx

        {".onnx": write_onnx, ".tflite": write_litert}[suffix](folder / f"net{suffix}")

    return make


def _read_features(suffix: str) -> Callable[[Path], object]:
    def read(folder: Path) -> object:
        from models.features.network import FeatureNetwork

        return FeatureNetwork(folder / f"net{suffix}", "unit").probabilities(PICTURE)

    return read


# ---------------------------------------------------------------- lists


def _make_index(folder: Path) -> None:
    from models.data.photo_index import write_index

    write_index(folder / "index.txt", {f"/photos/{i}.jpg": (1000 + i, 10**18, 640, 480) for i in range(20)})


def _read_index(folder: Path) -> object:
    from models.data.photo_index import read_index

    return read_index(folder / "index.txt")


READERS: dict[str, Reader] = {
    # name               whole files                       reader                        hashes made right again
    # A small file may be a photo of 100 megapixels, the most that is read: 300 MB, and as much again for each step on the way.
    "photo": Reader(_make_photos, _read_each(_read_photo), memory_bytes=3 << 30),
    "mask": Reader(_make_masks, _read_each(_read_mask), memory_bytes=3 << 30),
    "mask_file": Reader(_make_mask_file, _read_mask_file),
    "checkpoint": Reader(_make_checkpoint, _read_checkpoint),
    "calibration": Reader(_make_calibration, _read_calibration, intact=("tiny.safetensors",)),
    "training_state": Reader(_make_training_state, _read_training_state),
    "teacher_state": Reader(_make_teacher_state, _read_teacher_state),
    "few_step": Reader(_make_few_step, _read_few_step),
    "diffusers": Reader(_make_diffusers, _read_diffusers),
    "shards": Reader(_make_shards, _read_shards, _seal_shards),
    "manifest": Reader(_make_artefact, _read_artefact, _seal_artefact),
    "onnx": Reader(_make_model("onnx", "fp32"), _read_model("onnx")),
    "onnx_w8a8": Reader(_make_model("onnx", "w8a8"), _read_model("onnx")),
    "coreml": Reader(_make_model("coreml", "w8a8"), _read_model("coreml")),
    "litert": Reader(_make_model("litert", "fp32"), _read_model("litert")),
    "litert_w8a8": Reader(_make_model("litert", "w8a8"), _read_model("litert")),
    "squeezenet": Reader(_make_squeezenet, _read_squeezenet),
    "features_onnx": Reader(_make_features(".onnx"), _read_features(".onnx")),
    "features_litert": Reader(_make_features(".tflite"), _read_features(".tflite")),
    "photo_index": Reader(_make_index, _read_index),
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
