import pytest
import torch
import torch.nn.functional as F

from rnnbench.bench.bare import train_bare
from rnnbench.data.seeding import derive
from rnnbench.errors import UserError
from rnnbench.training.compose import Composer
from rnnbench.training.plan import make_plan

TINY = ("dataset=adding", "dataset.train_size=128", "dataset.valid_size=10", "dataset.test_size=10", "dataset.length=5")


def plan_of(tmp_path, *overrides):
    overrides = [*overrides, f"paths.runs_dir={tmp_path}"]
    return make_plan(Composer().one(overrides), overrides)


def test_one_step_is_the_step_written_out(tmp_path):
    """SGD without clipping from the same start: weights - lr * gradient, on the batch that holds the whole split."""
    settings = ("dataset.batch_size=128", "trainer.max_epochs=1", "optimizer=sgd", "optimizer.lr=0.5")
    plan = plan_of(tmp_path, *TINY, "model=torch_lstm", "model.hidden_size=3", *settings)
    lstm, head = torch.nn.LSTM(2, 3, batch_first=True), torch.nn.Linear(3, 1)
    torch.manual_seed(derive(0, "init", "backbone"))
    lstm.reset_parameters()
    torch.manual_seed(derive(0, "init", "head"))
    head.reset_parameters()
    splits = plan.dataset.load(derive(0, "data"))

    def loss(split):
        return F.mse_loss(head(lstm(split.inputs)[0][:, -1]), split.targets)

    loss(splits.train).backward()
    with torch.no_grad():
        for weight in (*lstm.parameters(), *head.parameters()):
            weight -= 0.5 * weight.grad
    bare = train_bare(plan)
    lstm.requires_grad_(False), head.requires_grad_(False)
    for name, weight in (*lstm.named_parameters(prefix="backbone"), *head.named_parameters(prefix="head")):
        torch.testing.assert_close(bare.weights[name], weight)
    assert bare.valid == [pytest.approx(float(loss(splits.valid)))]
    assert bare.test == pytest.approx(float(loss(splits.test)))


def test_best_epoch_is_tested(tmp_path):
    """A rate that only makes things worse: the first epoch is best, so the test loss is that of one epoch."""
    settings = ("model=torch_rnn", "model.hidden_size=3", "optimizer=sgd", "optimizer.lr=3", "dataset.batch_size=128")
    one = train_bare(plan_of(tmp_path, *TINY, *settings, "trainer.max_epochs=1"))
    three = train_bare(plan_of(tmp_path, *TINY, *settings, "trainer.max_epochs=3"))
    assert min(three.valid) == three.valid[0] == one.valid[0]
    assert three.test == one.test
    assert not torch.equal(three.weights["head.weight"], one.weights["head.weight"])


@pytest.mark.parametrize(
    "override",
    ["scheduler=step", "trainer.patience=3", "trainer.weight_noise=0.1", "trainer.precision=64", "model.dropout=0.5"],
)
def test_work_it_cannot_do_is_refused(tmp_path, override):
    plan = plan_of(tmp_path, *TINY, "model=torch_lstm", "model.num_layers=2", override)
    with pytest.raises(UserError, match=override.split("=")[0]):
        train_bare(plan)
