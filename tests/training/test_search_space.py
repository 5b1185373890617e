import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

from rnnbench.errors import UserError
from rnnbench.training.compose import Composer
from rnnbench.training.search_space import Space, read_space, text


def test_hydras_grammar_is_read_as_a_space():
    words = ["seed=3", "model=gru,lstm", "optimizer.lr=tag(log,interval(1e-4,1e-1))", "model.hidden_size=range(4,17,4)"]
    space = read_space(Composer(), [*words, "trainer.clip_norm=choice(1.0,2.5)"])
    assert space.fixed == ("seed=3",)
    assert space.drawn == {
        "model": CategoricalDistribution(["gru", "lstm"]),
        "optimizer.lr": FloatDistribution(1e-4, 1e-1, log=True),
        "model.hidden_size": IntDistribution(4, 16, step=4),
        "trainer.clip_norm": CategoricalDistribution(["1.0", "2.5"]),
    }
    assert space.overrides(
        {"model": "gru", "optimizer.lr": 1 / 300, "model.hidden_size": 8, "trainer.clip_norm": "2.5"}
    ) == [
        "seed=3",
        "model=gru",
        "optimizer.lr=0.00333333",
        "model.hidden_size=8",
        "trainer.clip_norm=2.5",
    ]


def test_whole_numbers_on_a_log_scale():
    space = read_space(Composer(), ["model.hidden_size=tag(log,range(8,65))"])
    assert space.drawn == {"model.hidden_size": IntDistribution(8, 64, log=True)}


def test_corners_meet_every_choice_and_every_end():
    drawn = {"a": CategoricalDistribution(["x", "y", "z"]), "b": IntDistribution(1, 5)}
    assert Space((), drawn).corners() == [{"a": "x", "b": 1}, {"a": "y", "b": 5}, {"a": "z", "b": 1}]
    assert text(3) == "3"
    assert text(0.1) == "0.1"


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("seed=1", "nothing to draw"),
        ("optimizer.lr=interval(1,0)", "needs a lower and a higher end"),
        ("model.hidden_size=range(5,1)", "needs a lower and a higher end"),
        ("optimizer.lr=tag(log,interval(0,1))", "a log scale needs ends above 0"),
        ("model.hidden_size=tag(log,range(8,65,8))", "a log scale has no steps"),
        ("optimizer.lr=tag(log,range(0.1,1,0.1))", "a log scale has no steps"),
        ("optimizer.lr=range(0,1,0)", "range\\(0,1,0\\): .*must not be zero"),
        ("model=glob(zz*)", "there is nothing to choose from"),
        ("optimizer.lr=interval(0", "not in Hydra's grammar"),
    ],
)
def test_mistakes_are_one_line(override, message):
    with pytest.raises(UserError, match=message):
        read_space(Composer(), [override])
