"""The program of child processes in the tests of training.

python -m parity_tests.support.train_driver train ...      what `python -m models train ...` does, with the tiny presets
python -m parity_tests.support.train_driver sgd FILE FILE      writes what `train_tiny.sgd_steps` finds, and what it finds
                                                           with an error planted: gradients stay each process's own
"""

import os
import subprocess
import sys
from pathlib import Path

import psutil

ROOT = Path(__file__).parents[2]
LAUNCH = ["--multi_gpu", "--num_processes=2", "--num_machines=1", "--mixed_precision=no", "--dynamo_backend=no"]
"""Two processes; what has no GPU joins them with gloo. (``--cpu`` would start one process.)"""


def command(*words, launch=False):
    """The command line of a child process, or of two under ``accelerate launch``."""
    # Port 0: any that is free.
    launcher = ["-m", "accelerate.commands.launch", *LAUNCH, "--main_process_port=0"] if launch else []
    return [sys.executable, *launcher, "-m", "parity_tests.support.train_driver", *map(str, words)]


def environment():
    """One thread in each process: the tests compare bits."""
    return {**os.environ, "OMP_NUM_THREADS": "1"}


def call(*words, launch=False):
    """Run to the end; the finished process with its output as text."""
    words = command(*words, launch=launch)
    return subprocess.run(words, cwd=ROOT, env=environment(), capture_output=True, text=True, timeout=300, check=False)


def start(*words, launch=False, log):
    """Start and do not wait; output goes into a file."""
    with log.open("ab") as file:
        return subprocess.Popen(command(*words, launch=launch), cwd=ROOT, env=environment(), stdout=file, stderr=file)


def kill(process):
    """SIGKILL for the process and all its children: a launcher's have groups of their own, and would go on without it."""
    family = [psutil.Process(process.pid), *psutil.Process(process.pid).children(recursive=True)]
    for member in family:
        member.kill()
    process.wait()
    psutil.wait_procs(family, timeout=60)


def main(arguments):
    from parity_tests.support.train_tiny import register, sgd_steps

    register(dict.__setitem__)
    if arguments[0] == "train":
        from models.__main__ import main as models_main
        from models.training import log as train_log

        train_log.LOG_STEPS = 1  # so that the figures of every step can be compared
        return models_main(arguments)
    from safetensors.torch import save_file

    from models.training.engine import Engine

    engine = Engine("cpu", "fp32")
    found = sgd_steps(engine)
    Engine.average_gradients = lambda self, parameters: None
    for path, tensors in zip(arguments[1:], (found, sgd_steps(engine)), strict=True):
        if engine.is_main:
            save_file(tensors, path, metadata={"processes": str(engine.processes)})
    engine.close()
    return 0


if __name__ == "__main__":
    from models.system.errors import run_main

    sys.exit(run_main(main))
