import hashlib

from rnnbench.data.seeding import derive


def test_value_is_frozen():
    # the first eight bytes of sha256('[0, "order"]'), halved: a run resumed by a later version needs this very number
    assert derive(0, "order") == int(hashlib.sha256(b'[0, "order"]').hexdigest()[:16], 16) // 2
    assert derive(0, "order") == 7990785514659823761


def test_all_different():
    uses = [(), ("data",), ("order",), ("order", 0), ("order", 1), (0,), ("0",), ("a", "b"), ("ab",)]
    seeds = [derive(s, *labels) for s in range(20) for labels in uses]
    assert len(set(seeds)) == len(seeds)
    assert all(0 <= s < 2**63 for s in seeds)
