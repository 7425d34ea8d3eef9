"""SAMPLERS: every way to draw images from a denoiser, and what each can be asked. One file each, one row here."""

import inspect
from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor

from models.teacher.samplers.ddgan import sample_ddgan
from models.teacher.samplers.ddim import sample_ddim
from models.teacher.samplers.ddnm import sample_ddnm
from models.teacher.samplers.ddnm_plus import sample_ddnm_plus
from models.teacher.samplers.ddpm import sample_ddpm
from models.teacher.samplers.diffpir import sample_diffpir
from models.teacher.samplers.guided import sample_guided
from models.teacher.samplers.mcg import sample_mcg
from models.teacher.samplers.pigdm import sample_pigdm
from models.teacher.samplers.repaint import sample_repaint
from models.teacher.samplers.wavediff import sample_wavediff


@dataclass(frozen=True)
class Sampler:
    """A row of ``SAMPLERS``.

    Attributes:
        sample: (denoiser, x_T, schedule, observation, *, rng, callback, ...) -> x_0.
        source: the paper.
        observes: whether it restores an observation; otherwise it draws from the prior.
        noisy: whether it takes sigma_y > 0.
        exact: whether a noiseless observation holds exactly in the result.
        differentiates: whether it needs the gradient of the denoiser: more memory, two to three times the cost of a call.
        few_step: whether it takes a generator trained for it (``models.teacher.few_step_file``) and not a denoiser.
    """

    sample: Callable[..., Tensor]
    source: str
    observes: bool = True
    noisy: bool = False
    exact: bool = True
    differentiates: bool = False
    few_step: bool = False

    @property
    def knobs(self) -> dict[str, object]:
        """Its own numbers and words, with their defaults."""
        parameters = inspect.signature(self.sample).parameters.values()
        return {p.name: p.default for p in parameters if isinstance(p.default, int | float | str)}


SAMPLERS: dict[str, Sampler] = {
    "ddpm": Sampler(sample_ddpm, "Ho et al., 2020", observes=False, exact=False),
    "ddim": Sampler(sample_ddim, "Song et al., 2021", observes=False, exact=False),
    "guided": Sampler(sample_guided, "Dhariwal and Nichol, 2021", noisy=True, exact=False, differentiates=True),
    "repaint": Sampler(sample_repaint, "Lugmayr et al., 2022"),
    "mcg": Sampler(sample_mcg, "Chung et al., 2022", differentiates=True),
    "pigdm": Sampler(sample_pigdm, "Song et al., 2023", noisy=True, exact=False, differentiates=True),
    "ddnm": Sampler(sample_ddnm, "Wang et al., 2023"),
    "ddnm_plus": Sampler(sample_ddnm_plus, "Wang et al., 2023", noisy=True),
    "diffpir": Sampler(sample_diffpir, "Zhu et al., 2023", noisy=True),
    "ddgan": Sampler(sample_ddgan, "Xiao et al., 2022", few_step=True),
    "wavediff": Sampler(sample_wavediff, "Phung et al., 2023", few_step=True),
}
