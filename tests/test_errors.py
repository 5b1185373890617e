"""The hint that goes with a name that does not exist."""

from rnnbench.errors import nearest


def test_nearest_names():
    names = ["model", "model.hidden_size", "optimizer.lr", "dataset"]
    assert nearest("modle", names) == "did you mean model?"
    assert "model.hidden_size" in nearest("hidden_size", names)
    assert nearest("qqqq", ["b", "a"]) == "choose one of a, b"
    assert nearest("qqqq", []) == "there is none"
