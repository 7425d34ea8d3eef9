"""Checkpoints, calibrations, training states, teachers and their shards: whole files, and how they are read."""

import hashlib
import json
from pathlib import Path

import numpy as np

from parity_tests.fuzz.image_readers import IMAGE


def tiny():
    import torch

    from models.generator import Generator
    from parity_tests.conftest import TINY

    torch.manual_seed(0)
    return Generator(TINY)


def make_checkpoint(folder: Path) -> None:
    from models.checkpoint import save_checkpoint

    save_checkpoint(folder / "tiny.safetensors", tiny(), {"licence": "none", "steps": "0"})


def read_checkpoint(folder: Path) -> object:
    from models.checkpoint import load_checkpoint

    return load_checkpoint(folder / "tiny.safetensors")


def make_discriminators(folder: Path) -> None:
    from models.discriminators import DISCRIMINATORS
    from models.discriminators_file import save_discriminators
    from parity_tests.conftest import TINY

    save_discriminators(folder / "tiny.discriminators.safetensors", {"wavelet": DISCRIMINATORS["wavelet"]()}, TINY, {})


def read_discriminators(folder: Path) -> object:
    from models.discriminators_file import load_discriminators
    from parity_tests.conftest import TINY

    return load_discriminators(folder / "tiny.discriminators.safetensors", TINY, ["wavelet"])


def make_calibration(folder: Path) -> None:
    from models.checkpoint import sha256
    from parity_tests.support.formats import coreml_cells as cells

    generator = tiny()
    make_checkpoint(folder)
    table = cells.calibrated(generator, cells.SIZE)
    object.__setattr__(table, "checkpoint_sha256", sha256(folder / "tiny.safetensors"))
    table.save(folder / "tiny.calibration.json")


def read_calibration(folder: Path) -> object:
    from models.generator import fold
    from quantize.table import QuantizationTable

    table = QuantizationTable.load(folder / "tiny.calibration.json")
    table.check_weights(dict(fold(tiny(), 32, 32).named_parameters()))
    return table


def make_training_state(folder: Path) -> None:
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


def read_training_state(folder: Path) -> object:
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


def make_teacher_state(folder: Path) -> None:
    import torch

    from models.teacher.training.kinds import build
    from models.teacher.training.state import TeacherState

    config = _teacher_config("ddgan")
    TeacherState.fresh(build(config, torch.device("cpu")), config, {}).save(folder / "state.safetensors", config)


def read_teacher_state(folder: Path) -> object:
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


def make_few_step(folder: Path) -> None:
    import torch

    from models.teacher.few_step_file import save_few_step
    from models.teacher.training.few_step import LatentUNet

    torch.manual_seed(0)
    config = _teacher_config("ddgan")
    save_few_step(folder / "generator.safetensors", LatentUNet(config), config, {"photos": "3"})


def read_few_step(folder: Path) -> object:
    from models.teacher.few_step_file import load_few_step

    return load_few_step(folder / "generator.safetensors")


def make_diffusers(folder: Path) -> None:
    import torch

    from models.teacher.training.ddpm import build_scheduler, build_unet

    torch.manual_seed(0)
    config = _teacher_config("ddpm")
    build_unet(config).save_pretrained(folder / "unet")
    build_scheduler(config).save_pretrained(folder / "scheduler")


def read_diffusers(folder: Path) -> object:
    import torch

    from models.teacher.diffusers_folder import load_diffusers

    teacher = load_diffusers(folder)
    return teacher.schedule.respaced(10), teacher.denoiser(torch.zeros(1, 3, 16, 16), 0.5)


def make_shards(folder: Path) -> None:
    from models.data.shards import Sample, ShardIndex, settle_index, write_shard

    settle_index(folder, ShardIndex(3, 2, 24, {"sampler": "none"}))
    photo, hole = IMAGE[:, :24], IMAGE[:, :24, 0] > 200
    samples = [Sample(i, photo, hole, np.where(hole[:, :, None], 7, photo).astype(np.uint8), {"seed": i}) for i in range(3)]
    write_shard(folder, 0, samples[:2])
    write_shard(folder, 1, samples[2:])


def read_shards(folder: Path) -> object:
    from models.data.pairs import PairShards
    from models.data.shards import read_part

    shards = PairShards.open(folder, memory_gb=1)
    return read_part(folder / "shard-000000.tar", range(2)), [shards.get(i) for i in range(len(shards))], shards.get(0, 48)


def seal_shards(folder: Path) -> None:
    from models.system.foreign import read_json

    for path in folder.glob("shard-*.tar"):
        facts = read_json(path.with_suffix(".json"))
        content = path.read_bytes()
        facts |= {"sha256": hashlib.sha256(content).hexdigest(), "bytes": len(content)}
        path.with_suffix(".json").write_text(json.dumps(facts))
