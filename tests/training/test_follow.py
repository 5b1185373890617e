"""A follower ends with its leader (what it trains is tested with ``devices``)."""

import subprocess
import sys


def test_ends_when_the_leader_is_gone(runs, environment):
    code = "from rnnbench.training.follow import _end_with_leader as end; end()"
    process = subprocess.Popen([sys.executable, "-c", code], env=environment, stdin=subprocess.PIPE)
    assert process.poll() is None
    process.stdin.close()
    assert process.wait(60) == 1
