"""Much waits; the driver does the same with a million: ``python -m tests.faults --backlog 1000000``."""

import sys

import pytest

from .backlog import drain_backlog
from .world import World


@pytest.mark.long
@pytest.mark.skipif(sys.platform != "linux", reason="the memory of a process is read under /proc")
def test_a_backlog_is_drained_in_bounded_memory(world: World) -> None:
    drain_backlog(world, 100_000)
