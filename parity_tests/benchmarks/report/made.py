"""Records that are made up, for tests of what is done with records."""

import copy

from benchmarks.latency.statistics import describe
from benchmarks.records.schema import SCHEMA

HOST = {
    "cpu": "a processor",
    "cpu_flags": ["avx2"],
    "cores": 2,
    "load_1min": 0.1,
    "governor": None,
    "system": "Linux x86_64",
    "python": "3.11",
    "versions": {"onnxruntime": "1.31.1", "torch": "2.13.0"},
    "busy": False,
}
RUN = {"id": "2026-11-29T10:00:00+00:00", "started": "2026-11-29T10:00:00+00:00", "commit": "a" * 40, "changed": False}


def host_record(name, rounds, *, family="artefact", threads=1, sha256=None, run="a", share=None, macs=850_000_000):
    """One of ``latency``."""
    return {
        "schema": SCHEMA,
        "kind": "host",
        "candidate": {"family": family, "note": None},
        "artifact": {
            "name": name,
            "scheme": "fp32",
            "size": 256,
            "bytes": 1_760_000,
            "sha256": sha256,
            "checkpoint_sha256": None,
            "operators": {"total": 120, "delegated": 0},
        },
        "runtime": {"name": "onnxruntime", "version": "1.31.1", "provider": "CPUExecutionProvider", "threads": threads},
        "host": copy.deepcopy(HOST),
        "times_ms": {"load": 50.0, "first": 9.0, "warm_ups": 10, **describe(rounds)},
        "rounds_ms": list(rounds),
        "processor_ms": list(rounds),
        "memory_mb": {"before": 60.0, "load_peak": 90.0, "steady_peak": 80.0},
        "work": {"macs": macs, "gflops": 100.0, "best_convolution_gflops": 200.0, "share": share},
        "profile": {"costliest": [{"name": "stem <Conv>", "kind": "Conv", "share": 0.3}], "float_islands": None},
        "fidelity": {"hole_psnr_db": 91.0, "max_level_difference": 1, "kept_max_difference": 0},
        "run": RUN | {"id": run},
    }


def run_of(run="a", host=1.0, ours=1.0, rng=None, rounds=40):
    """A run's records on one thread: eager PyTorch, two artefacts, MI-GAN's shape, a convolution, each with noise of its own.

    Args:
        run: its id.
        host: how slow the host was, for all of them.
        ours: how slow the artefacts were besides.
        rng: numpy's, of the noise.
        rounds: how many.
    """

    def times(ms):
        return [float(value) for value in host * ms * (1 + 0.02 * rng.standard_normal(rounds))]

    return [
        host_record("eager PyTorch 256", times(28), family="reference", run=run),
        host_record("wavefill-s-256-onnx-fp32", times(10 * ours), run=run, share=0.8),
        host_record("wavefill-s-256-onnx-w8a8", times(5 * ours), run=run, share=0.6),
        host_record("migan (stand-in)", times(200), family="stand-in", run=run, macs=10_900_000_000),
        host_record("convolution fp32 64x64x64 3x3", times(3), family="convolution", run=run, sha256="c" * 64),
    ]
