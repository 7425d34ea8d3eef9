"""A process that holds one candidate: ``python -m benchmarks.latency.worker``.

Requests come on stdin, answers go to stdout, a JSON object in a line each. A process for each candidate, because the thread pools
of two runtimes in one process take each other's cores: idle threads go on spinning for some milliseconds.

| request | answer |
|---|---|
| ``{"do": "load", "spec": {...}}`` | ``load_ms``, ``first_ms``, ``memory_mb`` |
| ``{"do": "run", "warm": n}`` | ``ms`` and ``processor_ms`` of one inference after n that are not counted |
| ``{"do": "peak"}`` | ``peak_mb`` since the load, or since the last such request |
| ``{"do": "profile"}`` | ``costliest``, ``float_islands``, ``total``, ``delegated`` |
| ``{"do": "answers", "path": FILE}`` | results on the probes, written to the file |
| ``{"do": "fill", "source": FILE, "result": FILE}`` | the fill of the photo and the hole in an .npz file, written as .npy |

Anything that goes wrong is ``{"failed": reason}``.
"""

import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.latency.memory import peak_mb, start_peak
from benchmarks.latency.subjects import SUBJECTS, Subject

Answer = dict[str, Any]


class Holder:
    """One candidate and the requests about it."""

    def __init__(self) -> None:
        self._subject: Subject | None = None
        self.requests: dict[str, Callable[..., Answer]] = {
            "load": self._load,
            "run": self._run,
            "peak": self._peak,
            "profile": self._profile,
            "answers": self._answers,
            "fill": self._fill,
        }

    def _load(self, spec: dict[str, Any]) -> Answer:
        load = SUBJECTS[spec["kind"]](spec)
        start_peak()
        before = peak_mb()
        begun = time.perf_counter()
        self._subject = load()
        loaded = time.perf_counter()
        self._subject.run()
        first = time.perf_counter()
        peak = peak_mb()
        start_peak()
        return {
            "load_ms": 1e3 * (loaded - begun),
            "first_ms": 1e3 * (first - loaded),
            "memory_mb": {"before": before, "load_peak": peak},
        }

    def _run(self, warm: int) -> Answer:
        run = self._loaded().run
        for _ in range(warm):
            run()
        start, spent = time.perf_counter(), time.process_time()
        run()
        return {"ms": 1e3 * (time.perf_counter() - start), "processor_ms": 1e3 * (time.process_time() - spent)}

    def _peak(self) -> Answer:
        peak = peak_mb()
        start_peak()
        return {"peak_mb": peak}

    def _profile(self) -> Answer:
        from benchmarks.latency.operators import profile

        model = self._loaded().model
        return profile(model) if model else {}

    def _answers(self, path: str) -> Answer:
        answers = self._loaded().answers
        if answers is None:
            return {}
        np.save(Path(path), answers())
        return {"path": path}

    def _fill(self, source: str, result: str) -> Answer:
        fill = self._loaded().fill
        if fill is None:
            raise ValueError("it fills no photos of others")
        with np.load(source) as case:
            np.save(Path(result), fill(case["photo"], case["hole"]))
        return {"result": result}

    def _loaded(self) -> Subject:
        if self._subject is None:
            raise ValueError("nothing is loaded")
        return self._subject


def main() -> None:
    """Answer until stdin ends."""
    # What libraries print must not come between the answers.
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    holder = Holder()
    for line in sys.stdin:
        request = json.loads(line)
        do = request.pop("do")
        try:
            answer = holder.requests[do](**request)
        except Exception as error:
            text = str(error)
            answer = {
                "failed": text if isinstance(error, ValueError | RuntimeError) and text else f"{type(error).__name__}: {text}"
            }
        print(json.dumps(answer), file=answers, flush=True)


if __name__ == "__main__":
    main()
