"""litert-torch, called quietly: one module in, the bytes of one ``.tflite`` file out."""

import contextlib
from collections.abc import Iterator, Mapping
from types import SimpleNamespace

from torch import Tensor, nn

from export.quiet import quiet


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
def _without_progress() -> Iterator[None]:
    """litert-torch prints its steps to standard output, which belongs to our results."""
    from litert_torch import _config

    before = _config.config.show_progress
    _config.config.show_progress = False
    try:
        yield
    finally:
        _config.config.show_progress = before
