"""Which of Ray's settings are in force, for this process and for actors."""

import subprocess
import sys

import pytest

from trainer.project import PROJECT_ROOT

TELL = "from trainer.cluster.environment import QUIET; print(QUIET['RAY_AUTH_MODE'])"


@pytest.mark.parametrize(
    ("given", "told"), [({}, "disabled"), ({"RAY_AUTH_MODE": "token"}, "token")]
)
def test_a_cluster_that_asks_for_a_token_asks_the_actors_too(
    given: dict[str, str], told: str
) -> None:
    done = subprocess.run(
        [sys.executable, "-c", TELL],
        env={"PATH": "/usr/bin:/bin", **given},
        cwd=PROJECT_ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.split() == [told]
