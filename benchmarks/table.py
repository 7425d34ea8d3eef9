"""BENCHMARKS: what ``python -m benchmarks`` can measure. A row is a module with SUMMARY, EXAMPLES, add_arguments and run."""

from types import ModuleType

<<<<<<< HEAD
from benchmarks import few_step, fill, quality, teacher, thin, training
=======
from benchmarks import few_step, fill, quality, startup, teacher, training
>>>>>>> 957ba98 (python -m benchmarks startup: seconds of whole commands against their bars; PNG levels by size, so that encoding does not take longer than the fill; teacher writes its ratio as a record)
from benchmarks.latency import command as latency
from benchmarks.peers.standins import command as standins
from benchmarks.phone import command as phone

BENCHMARKS: dict[str, ModuleType] = {
    "latency": latency,
    "quality": quality,
    "fill": fill,
    "thin": thin,
    "phone": phone,
    "standins": standins,
    "startup": startup,
    "training": training,
    "teacher": teacher,
    "few_step": few_step,
}
