"""Networks that measure: whole files, and how they are read."""

from collections.abc import Callable
from pathlib import Path

from parity_tests.fuzz.image_readers import IMAGE


def make_squeezenet(folder: Path) -> None:
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


def read_squeezenet(folder: Path) -> object:
    from models.features.network import FeatureNetwork
    from models.features.perceptual import PerceptualNetwork

    return PerceptualNetwork.read(folder / "net.safetensors"), FeatureNetwork(folder / "net.safetensors")(IMAGE)


def make_features(suffix: str) -> Callable[[Path], None]:
    def make(folder: Path) -> None:
        from parity_tests.fuzz.feature_models import write_litert, write_onnx

        {".onnx": write_onnx, ".tflite": write_litert}[suffix](folder / f"net{suffix}")

    return make


def read_features(suffix: str) -> Callable[[Path], object]:
    def read(folder: Path) -> object:
        from models.features.network import FeatureNetwork

        return FeatureNetwork(folder / f"net{suffix}", "unit").probabilities(IMAGE)

    return read
