import time

from rnnbench.bench.timing import timed


def test_waiting_is_on_the_wall_only():
    result, seconds = timed(lambda: time.sleep(0.2) or "done")
    assert result == "done"
    assert seconds.wall >= 0.2
    assert seconds.cpu < seconds.wall
