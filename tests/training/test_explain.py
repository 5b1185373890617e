import pytest

from rnnbench.errors import UserError
from rnnbench.training.explain import full_key


def test_full_key():
    assert (
        full_key("Value 'a' is wrong\n    full_key: trainer.max_epochs\n    object_type=Trainer")
        == "trainer.max_epochs"
    )
    assert full_key("nothing") is None


@pytest.mark.parametrize(
    ("override", "line"),
    [
        ("trainr.max_epochs=2", "trainr: no such key; did you mean trainer?"),
        ("optimiser=sgd", "optimiser: no such key; did you mean optimizer?"),
        ("optimiser.lr=1", "optimiser: no such key; did you mean optimizer?"),
        ("model=torch", "model=torch: no such option"),
    ],
)
def test_names_the_key_and_the_nearest(runs, override, line):
    with pytest.raises(UserError) as caught:
        runs.composer.one([override])
    assert str(caught.value).startswith(line)
    assert len(str(caught.value).splitlines()) == 1
