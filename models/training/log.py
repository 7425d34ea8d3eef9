"""What a run tells: a progress bar, ``log.jsonl``, TensorBoard scalars and sample images."""

import json
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType

from tqdm import tqdm

from models.checkpoint import write_atomically
from models.photo.images import Pixels
from models.system.errors import ToolchainMissing
from models.system.foreign import parse_json, reading

LOG_STEPS = 50


class RunLog:
    """Writes what happens into the run folder; use as a context.

    Args:
        folder: run folder.
        title: what is trained, for the progress bar.
        steps: last step of the run.
        rate: learning rate at a step.
        step: first step of this part of the run; what an earlier part logged beyond it is dropped, because it comes again.

    Raises:
        ToolchainMissing: TensorBoard is not installed.
    """

    def __init__(self, folder: Path, title: str, steps: int, rate: Callable[[int], float], step: int) -> None:
        try:
            from torch.utils.tensorboard.writer import SummaryWriter
        except ImportError as error:
            raise ToolchainMissing("training logs need TensorBoard: pip install 'wavefill[train]'") from error
        self._folder, self._steps_in_all, self._rate = folder, steps, rate
        self._file = folder / "log.jsonl"
        if self._file.exists():
            with reading(self._file):
                lines = self._file.read_text(encoding="utf-8").splitlines()
            kept = [line for line in lines if _step(line) <= step]
            write_atomically(self._file, "".join(f"{line}\n" for line in kept).encode())
        self._board = SummaryWriter(str(folder / "tensorboard"), purge_step=step + 1)
        # A terminal is refreshed every two seconds, a log file every half minute.
        pause = 2.0 if sys.stderr.isatty() else 30.0
        self._bar = tqdm(total=steps, initial=step, desc=f"training {title}", unit="step", mininterval=pause)
        self._forget()

    def __enter__(self) -> "RunLog":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._bar.close()
        self._board.close()

    def _forget(self) -> None:
        self._sums: dict[str, float] = {}
        self._steps = self._images = 0
        self._networks_s, self._since = 0.0, time.monotonic()

    def add(self, step: int, figures: Mapping[str, float], images: int, networks_s: float) -> None:
        """Note one step.

        Args:
            step: steps taken so far.
            figures: losses and gradient norms.
            images: images of the step, of all processes.
            networks_s: seconds that the networks and the optimisers took; the rest is loading, logging, saving.
        """
        for name, value in figures.items():
            self._sums[name] = self._sums.get(name, 0.0) + value
        self._steps, self._images, self._networks_s = self._steps + 1, self._images + images, self._networks_s + networks_s
        self._bar.update()
        if step % LOG_STEPS == 0 or step == self._steps_in_all:
            self._write(step)

    def _write(self, step: int) -> None:
        seconds = max(1e-9, time.monotonic() - self._since)
        # A penalty that is taken in some steps only is divided by all of them: what is logged is its share of a step.
        means = {name: round(value / self._steps, 5) for name, value in self._sums.items()}
        line = {
            "step": step,
            **means,
            "learning_rate": self._rate(step - 1),
            "images_per_s": round(self._images / seconds, 1),
            "networks_share": round(self._networks_s / seconds, 3),
        }
        with self._file.open("a", encoding="utf-8") as log:
            log.write(json.dumps(line) + "\n")
        for name, value in line.items():
            if name != "step":
                self._board.add_scalar(name, value, step)
        first = next(iter(means))
        self._bar.set_postfix({first: means[first], "img_s": line["images_per_s"]})
        self._forget()

    def samples(self, step: int, page: Pixels) -> None:
        """Keep a sheet of samples, (H, W, 3) uint8, in ``samples/`` and in TensorBoard."""
        write_atomically(self._folder / "samples" / f"{step:07d}.png", _png(page))
        self._board.add_image("samples", page, step, dataformats="HWC")


def _png(image: Pixels) -> bytes:
    import io

    from PIL import Image

    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, format="PNG")
    return buffer.getvalue()


def _step(line: str) -> int:
    """Step of a line of the log; a line that a kill cut off counts as never written."""
    try:
        return int(parse_json(line)["step"])
    except (ValueError, KeyError, TypeError):
        return sys.maxsize
