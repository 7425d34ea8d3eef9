"""litert-torch, called quietly: one module in, the bytes of one ``.tflite`` file out."""

import contextlib
import os
import sys
import tempfile
from collections.abc import Iterator, Mapping
from types import SimpleNamespace
from typing import IO

from torch import Tensor, nn

from export.quiet import quiet_torch_export


def lower(module: nn.Module, inputs: Mapping[str, Tensor], *, quantised: bool) -> bytes:
    """Convert a module; its inputs and outputs get their names in the signature from ``inputs`` and its returned dict.

    Args:
        module: without dropout or batch statistics, returns a dict of tensors.
        inputs: example inputs by name; their shapes and dtypes are the file's.
        quantised: whether the module holds quantise/dequantise pairs that are to become integer operators.

    Raises:
        RuntimeError: from the toolkit, with what it printed attached as a note.
    """
    module.training = False  # eval() would recurse into an exported graph, which refuses the call
    with quiet():
        import litert_torch
        from litert_torch.quantize.quant_config import QuantConfig

        # Of a quantiser the configuration reads this one flag: the module comes quantised already.
        static = SimpleNamespace(global_config=SimpleNamespace(is_dynamic=False))
        config = QuantConfig(pt2e_quantizer=static) if quantised else None
        with _without_progress():
            edge = litert_torch.convert(module, sample_kwargs=dict(inputs), quant_config=config)
            content = edge.model_content()
    return bytes(content)


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Keep what the toolkits and the runtime print (from C++ too) off standard error; attached to an exception if one comes.

    They announce oneDNN, missing CUDA libraries, operation counts and the XNNPACK delegate at every import, conversion or load.
    """
    with tempfile.TemporaryFile() as printed, quiet_torch_export():
        try:
            with _standard_error_to(printed):
                yield
        except BaseException as error:
            printed.seek(0)
            lines = printed.read().decode(errors="replace").strip().splitlines()
            if lines:
                error.add_note("the toolkit printed:\n" + "\n".join(lines[-20:]))
            raise


@contextlib.contextmanager
def _standard_error_to(file: IO[bytes]) -> Iterator[None]:
    sys.stderr.flush()
    saved = os.dup(2)
    try:
        os.dup2(file.fileno(), 2)
        yield
    finally:
        sys.stderr.flush()
        os.dup2(saved, 2)
        os.close(saved)


@contextlib.contextmanager
def _without_progress() -> Iterator[None]:
    """litert-torch prints its steps to standard output, which belongs to our results."""
    from litert_torch import _config

    before = _config.config.show_progress
    _config.config.show_progress = False
    try:
        yield
    finally:
        _config.config.show_progress = before
