"""The distributed engine: Hugging Face Accelerate, one process to many nodes.

Gradients are averaged by hand, as one flat vector for each network (Karras et al., StyleGAN2-ADA's ``training_loop``), and not by
DistributedDataParallel: two networks that look through each other and a penalty that is differentiated twice are what its
hooks do not see, and at 6 MB there is nothing to overlap. Averaged so, n processes equal one process with all their samples.
"""

from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager

import torch
from torch import Tensor, nn

from models.system.errors import ToolchainMissing
from models.training.config import TrainConfig

try:
    from accelerate import Accelerator
except ImportError as error:
    raise ToolchainMissing("training needs Accelerate: pip install 'wavefill[train]'") from error

DEVICES = ("auto", "cpu", "cuda")


class Engine:
    """This process's place among all processes of a run.

    Args:
        device: a row of ``DEVICES``.
        precision: as in ``TrainConfig``.

    Raises:
        ValueError: unknown device, or one that is not here.
    """

    def __init__(self, device: str, precision: str) -> None:
        if device not in DEVICES:
            raise ValueError(f"--device is {device!r}; allowed: {', '.join(DEVICES)}")
        if device == "cuda" and not torch.cuda.is_available():
            raise ValueError("--device cuda: no CUDA device here")
        cpu = device == "cpu" or not torch.cuda.is_available()
        self.bf16 = precision == "bf16" or (precision == "auto" and _native_bf16(cpu))
        self._accelerator = Accelerator(cpu=cpu, mixed_precision="no")
        self.device: torch.device = self._accelerator.device
        self.rank: int = self._accelerator.process_index
        self.processes: int = self._accelerator.num_processes

    @property
    def is_main(self) -> bool:
        """True in the one process that writes files and shows progress."""
        return bool(self._accelerator.is_main_process)

    def autocast(self) -> AbstractContextManager[object]:
        """bf16 autocast, or nothing in fp32."""
        return torch.autocast(self.device.type, dtype=torch.bfloat16, enabled=self.bf16)

    def share(self, config: TrainConfig, step: int) -> range:
        """Which samples of a step's batch are this process's."""
        batch = config.stage(step)[1]
        own = batch // self.processes
        return range(self.rank * own, (self.rank + 1) * own)

    def check(self, config: TrainConfig) -> None:
        """Raise ValueError where a batch cannot be split evenly over the processes."""
        for _, _, batch in config.stages:
            if batch % self.processes:
                raise ValueError(f"a batch of {batch} cannot be split over {self.processes} processes; choose a multiple")

    def average_gradients(self, parameters: Iterable[nn.Parameter]) -> None:
        """Replace gradients by their means over all processes; a parameter without one takes part with zeros."""
        if self.processes == 1:
            return
        gradients = [p.grad if p.grad is not None else torch.zeros_like(p) for p in parameters]
        mean = self._accelerator.reduce(torch.cat([g.flatten() for g in gradients]), reduction="mean")
        for parameter, gradient, part in zip(parameters, gradients, mean.split([g.numel() for g in gradients]), strict=True):
            # Strides may be those of channels_last; the view above flattened in logical order.
            parameter.grad = torch.empty_like(gradient).copy_(part.view(gradient.shape))

    def means(self, figures: Mapping[str, Tensor]) -> dict[str, float]:
        """Scalars averaged over all processes, so that every process logs, and judges, the same."""
        values = torch.stack([value.float().reshape(()) for value in figures.values()])
        if self.processes > 1:
            values = self._accelerator.reduce(values, reduction="mean")
        return dict(zip(figures, values.tolist(), strict=True))

    def any(self, flag: bool) -> bool:
        """Whether the flag is set in any process: all stop at the same step, or those that go on would wait for ever."""
        if self.processes == 1:
            return flag
        total = self._accelerator.reduce(torch.tensor([float(flag)], device=self.device), reduction="sum")
        return bool(total.item() > 0)

    def wait(self) -> None:
        """Wait until every process is here."""
        self._accelerator.wait_for_everyone()

    def close(self) -> None:
        """Leave the group of processes."""
        self._accelerator.end_training()


def _native_bf16(cpu: bool) -> bool:
    """Emulated on a CPU without such instructions, bf16 is far slower than fp32."""
    return not cpu or torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()
