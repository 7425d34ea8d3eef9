"""Fills of other people's inpainters, each in a process of its own with a time limit: what ``quality`` measures.

A peer fills every photo before anything is measured. One that refuses, crashes or hangs, at whichever photo, is left out with its
reason, and the others are measured on all photos.
"""

import hashlib
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
from tqdm import tqdm

from benchmarks.latency.candidates import STANDIN, Candidate, Field, add_classical, add_peers
from benchmarks.latency.process import Gone, Worker
from models.evaluation.protocol import Bools, Case, Fill
from models.photo.images import Pixels

PATCHMATCH = "patchmatch"
"""The classical method that is no baseline of every evaluation: key in ``METHODS``, and a peer without a file."""


def named_peers(given: Sequence[str], size: int) -> Field:
    """Networks that a user names as ``ADAPTER=FILE``, and PatchMatch where it is installed.

    Args:
        given: ``ADAPTER=FILE`` each, or ``patchmatch``.
        size: of the photos.

    Raises:
        ValueError: no such adapter, no such file, a peer named twice, or a stand-in, whose weights are random.
    """
    field = Field()
    add_peers(field, [one for one in given if one != PATCHMATCH], size)
    names = [one.name for one in field.candidates]
    for one in field.candidates:
        if names.count(one.name) > 1:
            raise ValueError(f"--peer: {one.name} is given twice")
        if one.family == STANDIN:
            raise ValueError(f"--peer: {one.name} is a compute stand-in with random weights; its fills say nothing of quality")
    add_classical(field, size, [PATCHMATCH])
    return field


def fill_all(peer: Candidate, cases: Iterable[Case], folder: Path, *, threads: int, limit_s: float, total: int) -> Fill:
    """Let a peer fill every hole.

    Args:
        peer: a network or a classical method.
        cases: photos and holes.
        folder: where fills go, by what was filled; made here.
        threads: of the peer.
        limit_s: seconds that loading, and one fill, may take.
        total: how many cases there are, for the progress bar.

    Returns:
        A function that gives back what the peer made of a case.

    Raises:
        Gone: it refused, crashed or hung; the text says which, and at which photo.
    """
    folder.mkdir()
    source = folder / "case.npz"
    worker = Worker(limit_s, threads)
    try:
        worker.ask("load", spec={**peer.spec, "threads": threads})
        for case in tqdm(cases, total=total, desc=peer.name, unit="photo", disable=None, file=sys.stderr):
            np.savez(source, photo=case.photo, hole=case.hole)
            try:
                worker.ask("fill", source=str(source), result=str(folder / _name(case.photo, case.hole)))
            except Gone as error:
                raise Gone(f"{error} ({case.name})") from error
    finally:
        worker.close()
    return lambda photo, hole: np.load(folder / _name(photo, hole))


def _name(photo: Pixels, hole: Bools) -> str:
    """A case's file: by its content, so that it cannot be taken for another's."""
    return f"{hashlib.sha256(photo.tobytes() + hole.tobytes()).hexdigest()}.npy"
