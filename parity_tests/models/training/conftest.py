"""What tests of whole steps and runs share."""

import pytest

from parity_tests.support.train_tiny import one_thread, register


@pytest.fixture(scope="module")
def tiny_presets():
    """The tiny network and its presets are in the tables, and sums are taken on one thread, so that bits can be compared."""
    with pytest.MonkeyPatch.context() as patch, one_thread():
        register(patch.setitem)
        yield
