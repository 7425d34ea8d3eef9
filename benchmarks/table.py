"""BENCHMARKS: what ``python -m benchmarks`` can measure. A benchmark is a module with SUMMARY, add_arguments and run."""

from types import ModuleType

from benchmarks import few_step, latency, teacher, training

BENCHMARKS: dict[str, ModuleType] = {
    "latency": latency,
    "training": training,
    "teacher": teacher,
    "few_step": few_step,
}
