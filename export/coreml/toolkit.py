"""coremltools, imported late and quietly."""

import logging
import sys
import warnings
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from types import ModuleType

from export.errors import ToolchainMissing
from export.quiet import quiet_torch_export

_CHATTY = ("coremltools", "torchao", "torch.utils._pytree")
"""Loggers that warn at import of what is known here: a torch newer than the last one tested with coremltools 9 (the parity
tests are that test), no `libcoremlpython` off macOS, no torchao kernels for other GPUs, a deprecation inside torchao."""


def coremltools() -> ModuleType:
    """Import coremltools without its chatter.

    Raises:
        ToolchainMissing: it is not installed.
    """
    with _quiet_loggers():
        try:
            import coremltools
        except ImportError as error:
            raise ToolchainMissing(f"coremltools cannot be imported ({error}); `make setup` installs it") from error
    return coremltools


@contextmanager
def quiet_conversion() -> Iterator[None]:
    """Silence one ``torch.export`` and ``coremltools.convert``: progress bars, notices and torch's own deprecations."""
    coremltools()
    from coremltools.converters.mil.frontend.torch import ops
    from coremltools.converters.mil.mil.passes import pass_pipeline

    bars = (ops, "_tqdm"), (pass_pipeline, "tqdm")
    # tqdm reads its switch for silence from the environment once, at import; the two names are replaced for this call instead.
    before = [getattr(module, name) for module, name in bars]
    for (module, name), bar in zip(bars, before, strict=True):
        setattr(module, name, partial(bar, disable=True))
    try:
        with _quiet_loggers(), quiet_torch_export(), warnings.catch_warnings():
            # coremltools leaves a temporary folder to the garbage collector.
            warnings.filterwarnings("ignore", message="Implicitly cleaning up <TemporaryDirectory", category=ResourceWarning)
            # coremltools 9 uses functions that it has itself deprecated.
            warnings.filterwarnings("ignore", category=DeprecationWarning, module=r"coremltools\.")
            yield
    finally:
        for (module, name), bar in zip(bars, before, strict=True):
            setattr(module, name, bar)


@contextmanager
def own_names() -> Iterator[None]:
    """Let one conversion number its operators from 0.

    coremltools numbers what it names (``const_8_promoted``) by counters of the whole process: a package would hold other bytes
    after another conversion than alone.
    """
    coremltools()
    from coremltools.converters.mil.mil import Builder

    before = Builder.name_count
    Builder.name_count = defaultdict(int)
    try:
        yield
    finally:
        Builder.name_count = before


def can_predict() -> bool:
    """Whether Core ML itself is here: macOS 14 or later with coremltools' bridge to it."""
    if sys.platform != "darwin":
        return False
    coremltools()
    from coremltools.models import model
    from coremltools.models.utils import _macos_version

    return model._MLModelProxy is not None and _macos_version() >= (14, 0)


@contextmanager
def _quiet_loggers() -> Iterator[None]:
    loggers = [logging.getLogger(name) for name in _CHATTY]
    before = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        for logger, level in zip(loggers, before, strict=True):
            logger.setLevel(level)
