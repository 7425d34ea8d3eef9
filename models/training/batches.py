"""Batches of training: functions of (photos, seed, step, index), whatever ran before and however many processes there are."""

from collections.abc import Callable, Iterator, Sequence

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset

from models.data.masks import large_box, sample_mask
from models.data.pairs import PairShards
from models.data.photo_source import Photos
from models.training.ahead import made_ahead
from models.training.config import TrainConfig
from models.training.step import Batch


def make_batch(
    photos: Photos, config: TrainConfig, step: int, indices: Sequence[int] | None = None, pairs: PairShards | None = None
) -> Batch:
    """The batch of a step, or some of its samples.

    Args:
        photos: where crops come from.
        config: seed and stages.
        step: of the optimiser.
        indices: which samples of the batch; default all. Every sample has a generator of its own, so that they can be made apart.
        pairs: completions by a teacher; ``config.pairs_share`` of the samples are drawn from them, hole and all, and what the
            teacher made up is what the student is to find.
    """
    size, count = config.stage(step)
    rngs = [np.random.default_rng((config.seed, step, index)) for index in (range(count) if indices is None else indices)]
    crops = photos.crops(size, rngs)
    holes = [sample_mask(size, rng)[1] for rng in rngs]
    if config.large_holes:
        holes = [
            large_box(size, rng) if rng.random() < config.large_holes else hole for hole, rng in zip(holes, rngs, strict=True)
        ]
    if pairs is not None:
        # After the photo and its hole are drawn, and from the same generators: the photos of a run with a share of 0 are those of
        # a run without pairs.
        for position, rng in enumerate(rngs):
            if rng.random() < config.pairs_share:
                pair = pairs.draw(size, rng)
                crops[position], holes[position] = pair.completion, pair.hole
    return Batch(torch.from_numpy(np.stack(crops)).permute(0, 3, 1, 2), torch.from_numpy(np.stack(holes)).unsqueeze(1))


def batches(
    photos: Photos,
    config: TrainConfig,
    first: int,
    share: Callable[[TrainConfig, int], Sequence[int]],
    pairs: PairShards | None = None,
    workers: int = 0,
) -> Iterator[Batch]:
    """One process's batches from step ``first`` to the end, the same ones however they are made.

    Args:
        photos: where crops come from.
        config: seed, stages, last step.
        first: step to begin with.
        share: (config, step) -> the samples that are this process's.
        pairs: as for :func:`make_batch`.
        workers: processes that make them, whole batches each, for a GPU that is faster than one thread draws masks; they share
            the decoded photos with this process. 0: one thread, one batch ahead, while the networks run.
    """

    def make(step: int) -> Batch:
        return make_batch(photos, config, step, share(config, step), pairs)

    if workers:
        # Forked, so that gigabytes of decoded photos are shared and not sent; nothing that a worker does touches a GPU.
        steps = _Steps(make, first, config.steps)
        yield from DataLoader(steps, batch_size=None, num_workers=workers, multiprocessing_context="fork")
        return
    yield from made_ahead(make, first, config.steps)


class _Steps(Dataset[Batch]):
    """The batches from one step to another, by their place."""

    def __init__(self, make: Callable[[int], Batch], first: int, end: int) -> None:
        self._make, self._first, self._end = make, first, end

    def __len__(self) -> int:
        return self._end - self._first

    def __getitem__(self, place: int) -> Batch:
        return self._make(self._first + place)
