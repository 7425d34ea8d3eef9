"""The commands that are killed: what they are given, how they go on, and what may lie in their folder at any moment."""

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from export.backends import BACKENDS
from models.checkpoint import save_checkpoint
from models.generator import Generator
from parity_tests.support.fakes import FakeBackend
from parity_tests.support.train_tiny import TINY, register, write_smooth

STEPS = 6
LOG = "log.jsonl"
TIMING = ("images_per_s", "networks_share")
"""What a log says about the clock; all else must come out equal."""

Contents = dict[str, str]
"""File below a folder -> hash of what counts of it."""


@dataclass
class Job:
    """A command that writes.

    Attributes:
        program: ``models`` or ``export``.
        words: command line; told the output folder, because a training goes on with other words than it begins with.
        before: command line of an earlier result, which the command replaces; None where it goes on with what is there.
        ignored: files whose content is the history of the run and not its result.
        stages: hashes that a file has in the course of an undisturbed run, where that is more than its last one.
        in_child: what a process changes in its own modules before it begins.
    """

    program: str
    words: Callable[[Path], list]
    before: Callable[[Path], list] | None = None
    ignored: tuple[str, ...] = ()
    stages: dict[str, set[str]] = field(default_factory=dict)
    in_child: Callable[[], None] = lambda: None

    def contents(self, out: Path) -> Contents:
        """Every file under a final name."""
        found = {}
        for path in sorted(out.rglob("*")) if out.is_dir() else ():
            name = path.relative_to(out).as_posix()
            if path.is_file() and not any(part.startswith(".") for part in path.relative_to(out).parts):
                found[name] = hash_file(path)
        return {name: digest for name, digest in found.items() if not name.startswith(self.ignored)}

    def faults(self, out: Path, allowed: list[Contents]) -> list[str]:
        """What of a killed process's folder is under a final name and not whole.

        Args:
            out: the folder.
            allowed: contents of the folder before the command and after it.
        """
        wrong = []
        for name, digest in self.contents(out).items():
            known = {contents[name] for contents in allowed if name in contents} | self.stages.get(name, set())
            if digest not in known:
                wrong.append(f"{name}: neither what it was nor what it becomes")
        return wrong + self._broken_sets(out, allowed)

    def _broken_sets(self, out: Path, allowed: list[Contents]) -> list[str]:
        """Artefacts are folders that are there as a whole, of one kind: all files old, or all new."""
        if self.program != "export":
            return []
        present = self.contents(out)
        wrong = []
        for folder in sorted({name.partition("/")[0] for name in present}):
            whole = [_below(contents, folder) for contents in allowed]
            if _below(present, folder) not in whole:
                wrong.append(f"{folder}: not a whole artefact")
        return wrong

    @staticmethod
    def hidden(out: Path, finished: bool = True) -> list[str]:
        """What is left under temporary names; nothing, once a command has ended by itself.

        Finished batches of an unfinished shard wait for the next run.
        """
        names = sorted(path.relative_to(out).as_posix() for path in out.rglob(".*")) if out.is_dir() else []
        return [name for name in names if finished or ".part-" not in name]


def _below(contents: Contents, folder: str) -> Contents:
    return {name: digest for name, digest in contents.items() if name.startswith(f"{folder}/")}


def hash_file(path: Path) -> str:
    """SHA-256 of a file, of a log without its clock."""
    if path.name == LOG:
        return hash_lines(log_lines(path))
    return hashlib.sha256(path.read_bytes()).hexdigest()


def log_lines(path: Path) -> list[dict]:
    """The lines of a log without its clock; one that is being appended is not there yet."""
    content = path.read_bytes()
    lines = [json.loads(line) for line in content[: content.rfind(b"\n") + 1].splitlines()]
    return [{key: value for key, value in line.items() if key not in TIMING} for line in lines]


def hash_lines(lines: list[dict]) -> str:
    """Hash of some lines of a log."""
    return hashlib.sha256(json.dumps(lines, sort_keys=True).encode()).hexdigest()


def _weights(path: Path, seed: int) -> Path:
    torch.manual_seed(seed)
    save_checkpoint(path, Generator(TINY), {"seed": str(seed)})
    return path


def _export(folder: Path, backend: str, in_child: Callable[[], None] = lambda: None) -> Job:
    new, old = (_weights(folder / f"{seed}.safetensors", seed) for seed in range(2))

    def words(out: Path, checkpoint: Path = new) -> list:
        return [backend, "--checkpoint", checkpoint, "--size", "32", "--scheme", "fp32", "--out", out]

    return Job("export", words, before=lambda out: words(out, old), in_child=in_child)


def _train(folder: Path) -> Job:
    photos = write_smooth(folder / "photos")

    def words(out: Path) -> list:
        begin = ["--preset", "tiny-gan", "--set", f"steps={STEPS}", "--set", "stages=[[0,32,4]]"]
        how = ["--resume"] if (out / "state.safetensors").exists() else begin
        options = ["--device", "cpu", "--save-seconds", "1e-9", "--sample-steps", "3"]
        return ["train", "--data", photos, "--out", out, *options, *how]

    return Job("models", words, ignored=("run.json", "tensorboard/"))


def _generate(folder: Path) -> Job:
    from parity_tests.models.teacher.test_denoiser import save_pipeline

    photos, denoiser = write_smooth(folder / "photos"), save_pipeline(folder / "ddpm")
    amount = ["--count", "30", "--per-shard", "6", "--batch", "2", "--steps", "3"]

    def words(out: Path) -> list:
        return ["teacher", "generate", "--sampler", "ddnm", "--denoiser", denoiser, "--photos", photos, "--out", out, *amount]

    return Job("models", words)


def _inpaint(folder: Path) -> Job:
    new, old = (_weights(folder / f"{seed}.safetensors", seed) for seed in range(2))
    rng = np.random.default_rng(0)
    coarse = Image.fromarray(rng.integers(0, 256, (15, 20, 3), dtype=np.uint8))
    coarse.resize((800, 600), Image.Resampling.BICUBIC).save(folder / "photo.png")
    mask = np.zeros((600, 800), np.uint8)
    mask[200:420, 300:640] = 255
    Image.fromarray(mask).save(folder / "mask.png")

    def words(out: Path, checkpoint: Path = new) -> list:
        out.mkdir(exist_ok=True)
        size = ["--checkpoint", checkpoint, "--size", "64"]
        return ["inpaint", folder / "photo.png", folder / "mask.png", out / "filled.png", *size]

    return Job("models", words, before=lambda out: words(out, old))


def _without_toolkit() -> None:
    """Most of an export's time goes to the toolkits, which write nothing; without them more kills hit what is written."""
    BACKENDS["onnx"] = FakeBackend()


JOBS: dict[str, tuple[int, Callable[[Path], Job]]] = {
    # name: (share of the kills, the job)
    "export-fake": (50, lambda folder: _export(folder, "onnx", _without_toolkit)),
    "export-onnx": (10, lambda folder: _export(folder, "onnx")),
    "export-litert": (5, lambda folder: _export(folder, "litert")),
    "export-coreml": (10, lambda folder: _export(folder, "coreml")),
    "train": (50, _train),
    "generate": (50, _generate),
    "inpaint": (25, _inpaint),
}
"""Shares of 200. The toolkits take up to half a minute a run on a busy machine, and the others a second."""


def warm_up() -> None:
    """Import all that the commands import, and change nothing else: what is forked from here begins with its work."""
    import skimage.data  # noqa: F401

    import models.__main__
    import models.teacher.commands.generate
    import models.teacher.diffusers_folder
    import models.training.engine
    import models.training.loop
    from export.litert.toolkit import quiet
    from models.system.privacy import import_onnxruntime
    from models.training import log as train_log

    with quiet():  # the toolkits announce what they do not find
        import coremltools  # noqa: F401
        import litert_torch  # noqa: F401
        import onnxscript  # noqa: F401
        from ai_edge_litert import interpreter  # noqa: F401

        import_onnxruntime()
    models.teacher.diffusers_folder.import_diffusers()
    register(dict.__setitem__)
    train_log.LOG_STEPS = 1  # so that the figures of every step are compared
