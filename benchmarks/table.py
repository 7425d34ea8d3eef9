"""BENCHMARKS: what ``python -m benchmarks`` can measure. A row is a module with SUMMARY, EXAMPLES, add_arguments and run."""

from types import ModuleType

from benchmarks import few_step, fill, quality, startup, teacher, thin, training, upscale
from benchmarks.ablations import command as ablations
from benchmarks.adb import command as adb
from benchmarks.arm import command as arm
from benchmarks.latency import command as latency
from benchmarks.peers.standins import command as standins
from benchmarks.phone import command as phone
from benchmarks.report import command as report
from benchmarks.votes import command as votes

BENCHMARKS: dict[str, ModuleType] = {
    "latency": latency,
    "quality": quality,
    "fill": fill,
    "thin": thin,
    "phone": phone,
    "adb": adb,
    "report": report,
    "standins": standins,
    "arm": arm,
    "startup": startup,
    "training": training,
    "teacher": teacher,
    "upscale": upscale,
    "few_step": few_step,
    "ablations": ablations,
    "votes": votes,
}
