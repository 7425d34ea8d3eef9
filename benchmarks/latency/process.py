"""The parent's side of a worker: requests with a time limit, and one clear reason when it does not answer."""

import contextlib
import json
import os
import select
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from typing import Any

from models.system.errors import one_line

LAST_WORDS = 200


class Gone(Exception):
    """A worker refused, crashed or hung; the text says which, and the worker has ended."""


class Worker:
    """A process of its own for one candidate.

    Attributes:
        limit_s: seconds that one answer may take.
    """

    def __init__(self, limit_s: float, threads: int) -> None:
        self.limit_s = limit_s
        self._said = tempfile.TemporaryFile()  # noqa: SIM115 - lives as long as the process
        # Libraries size their pools from these when they are imported. A session of its own: Ctrl-C is the parent's.
        environment = os.environ | dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS"), str(threads))
        self._process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.latency.worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._said,
            env=environment,
            start_new_session=True,
        )
        self._half = b""

    def ask(self, do: str, **arguments: object) -> dict[str, Any]:
        """One request.

        Returns:
            The answer.

        Raises:
            Gone: no answer, or one that says why not.
        """
        try:
            line = self._line(json.dumps({"do": do, **arguments}).encode() + b"\n")
        except BrokenPipeError:
            line = None
        if line is None:
            raise Gone(self._why())
        answer: Mapping[str, Any] = json.loads(line)
        if "failed" in answer:
            self.close()
            raise Gone(one_line(answer["failed"]))
        return dict(answer)

    def close(self) -> None:
        """End the process, whatever it is doing."""
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait()
        for stream in (self._process.stdin, self._process.stdout, self._said):
            if stream is not None:
                with contextlib.suppress(BrokenPipeError):  # a request that it did not read any more
                    stream.close()

    def _line(self, request: bytes) -> bytes | None:
        stdin, stdout = self._process.stdin, self._process.stdout
        assert stdin is not None
        assert stdout is not None
        stdin.write(request)
        stdin.flush()
        end = time.monotonic() + self.limit_s
        while b"\n" not in self._half:
            ready, _, _ = select.select([stdout], [], [], max(0.0, end - time.monotonic()))
            if not ready:
                self.close()
                raise Gone(f"no answer in {self.limit_s:g} s")
            read = os.read(stdout.fileno(), 1 << 16)
            if not read:
                return None
            self._half += read
        line, _, self._half = self._half.partition(b"\n")
        return line

    def _why(self) -> str:
        """What a process that ended by itself left behind."""
        self._process.wait()
        code = self._process.returncode
        self._said.seek(0)
        lines = self._said.read().decode(errors="replace").strip().splitlines()
        self.close()
        how = f"crashed (signal {-code})" if code < 0 else f"ended with exit code {code}"
        return f"{how}{f': {one_line(lines[-1])[:LAST_WORDS]}' if lines else ''}"
