"""What the figures were measured on: a latency without its processor, flags and versions says nothing."""

import os
import platform
import subprocess
from collections.abc import Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

CPU_FLAGS = ("avx2", "f16c", "avx512f", "avx512_vnni", "avx_vnni", "amx_int8", "asimddp", "i8mm", "fphp")
"""Instruction sets that decide how fast (and on some hosts how exactly) int8 and fp16 run."""

PACKAGES = ("torch", "onnxruntime", "ai-edge-litert", "coremltools", "numpy")


def describe_host(packages: Sequence[str] = PACKAGES) -> dict[str, Any]:
    """Processor, the flags among ``CPU_FLAGS`` that it has, usable cores, load, system and versions."""
    model, flags = _processor()
    return {
        "cpu": model,
        "cpu_flags": [flag for flag in CPU_FLAGS if flag in flags],
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "load_1min": round(os.getloadavg()[0], 2),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "versions": {name: found for name in packages if (found := installed_version(name))},
    }


def busy(host: Mapping[str, Any]) -> bool:
    """Whether so much else runs that threads wait for cores: eager PyTorch on two threads then takes 60 times as long."""
    return bool(host["load_1min"] > 0.5 * host["cores"])


def governor() -> str | None:
    """How the system chooses the processor's frequency (``performance``, ``powersave`` ...); None where it does not say."""
    path = Path("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor")
    return path.read_text(encoding="ascii").strip() if path.is_file() else None


def host_lines(host: Mapping[str, Any]) -> str:
    """The description as two lines of text."""
    flags, versions = host["cpu_flags"], host["versions"]
    assert isinstance(flags, list)
    assert isinstance(versions, dict)
    processor = (
        f"{host['cpu']}, {host['cores']} cores, {' '.join(flags) or 'no flags known'}, load {host['load_1min']}, {host['system']}"
    )
    return f"{processor}\npython {host['python']}, {', '.join(f'{name} {found}' for name, found in versions.items())}"


def _processor() -> tuple[str, frozenset[str]]:
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.is_file():
        fields = dict(_field(line) for line in cpuinfo.read_text(encoding="utf-8").splitlines() if ":" in line)
        name = fields.get("model name") or platform.processor() or platform.machine()
        return name, frozenset((fields.get("flags") or fields.get("Features") or "").split())
    if platform.system() == "Darwin":
        brand = subprocess.run(
            ["/usr/sbin/sysctl", "-n", "machdep.cpu.brand_string"], capture_output=True, text=True, check=False
        )
        return brand.stdout.strip() or platform.machine(), frozenset()
    return platform.processor() or platform.machine(), frozenset()


def _field(line: str) -> tuple[str, str]:
    key, _, value = line.partition(":")
    return key.strip(), value.strip()


def installed_version(package: str) -> str | None:
    """Of a distribution; None where it is not installed."""
    try:
        return version(package)
    except PackageNotFoundError:
        return None
