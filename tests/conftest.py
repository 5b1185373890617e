"""Tiny finished runs, trained once for all tests of a process."""

import pytest

from rnnbench.cli import main


@pytest.fixture(scope="session")
def finished(tmp_path_factory):
    """``finished("dataset=digits", ...)``: the directory of a run of two steps with these overrides."""
    folder, known = tmp_path_factory.mktemp("finished"), {}

    def train(*words):
        if words not in known:
            with pytest.MonkeyPatch.context() as patch:
                patch.setenv("RNNBENCH_RUNS", str(own := folder / str(len(known))))
                assert main(["train", "model.hidden_size=5", *words, "debug=two_steps"]) == 0
                (known[words],) = (own / "runs").glob("*/")
        return known[words]

    return train


@pytest.fixture(scope="session")
def tagged(finished, tmp_path_factory):
    """``tagged("task/composition=crf", ...)``: likewise, of a network that tags words."""
    path = tmp_path_factory.mktemp("tagged") / "tags.conll"
    path.write_text("Ada B-person\nwrote O\n\n" * 20)
    return lambda *words: finished("model=gru", "dataset=conll", "task=entities", f"dataset.path={path}", *words)
