"""The fixtures of the checkpoint library: the tools work on the same folders and stores."""

from tests.checkpoints.conftest import (  # noqa: F401
    _far_from_real_stores,
    _no_waiting_for_the_disk,
    call,
    dead,
    directory,
    four,
    manager,
    place,
    remote,
    two,
)
