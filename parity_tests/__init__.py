"""What holds for every process of the tests; set before PyTorch and the runtimes are loaded, which read it then."""

import os

from models.system.privacy import go_offline

go_offline()

if "PYTEST_XDIST_WORKER" in os.environ:
    # Each of the parallel processes has a core to itself: with more threads they wait for each other's. A number that is set
    # already is somebody's wish.
    os.environ.setdefault("OMP_NUM_THREADS", "1")
