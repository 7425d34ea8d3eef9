"""Nothing of ours reports home: the switches of the libraries that would, set before any of them is imported.

ONNX Runtime's official builds from 1.29 on report processes, sessions and models to their maker (its docs/Privacy.md), the first
time while the package is being imported; ``CI`` and the like in the environment hide that on build machines. It reads its switch
once for the life of the process, so later is too late, and our toolkits import it by themselves (onnxscript, onnx_ir). Therefore
every package of this project calls :func:`silence_telemetry` in its ``__init__``; child processes inherit what it sets. The other
packages run this file by its path: where the working directory holds a ``models.py`` of the user's own, an import by name would
run that one, before ``models/system/own_names.py`` can say so. It needs only the standard library.
"""

import importlib
import os
from types import ModuleType

TELEMETRY = {
    "ORT_DISABLE_TELEMETRY": "1",  # no uploader, no event, no identifier and no queue on the disk
    "HF_HUB_DISABLE_TELEMETRY": "1",  # huggingface_hub, transformers, diffusers, accelerate
}
"""Set wherever a package of ours is imported, also within another program; it costs that program nothing that it asked for."""

OFFLINE = {"HF_HUB_OFFLINE": "1"}
"""Set by our commands only: a program that uses us as a library may download what it likes."""


def silence_telemetry() -> None:
    """Set :data:`TELEMETRY` for this process and its children; whatever the user's shell says, nothing is sent from here."""
    os.environ.update(TELEMETRY)  # through putenv, so that libraries in C see it too


def go_offline() -> None:
    """Set :data:`TELEMETRY` and :data:`OFFLINE` for this process and its children: libraries refuse to download."""
    os.environ.update(TELEMETRY | OFFLINE)


def import_onnxruntime(module: str = "") -> ModuleType:
    """ONNX Runtime, silent. Every import of it in this project goes through here.

    Args:
        module: one of its submodules, such as ``capi.onnxruntime_pybind11_state``; default: the package itself.

    Raises:
        ImportError: it is not installed.
    """
    silence_telemetry()
    runtime = importlib.import_module("onnxruntime")
    # For a program that had imported it before us: what has not been sent by now stays here.
    runtime.disable_telemetry_events()
    return importlib.import_module(f"onnxruntime.{module}") if module else runtime
