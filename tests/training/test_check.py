"""Every mistake is one line that names the key and the nearest names, exit code 2, and nothing is written."""

import pytest

from rnnbench.training.check import fits, locate

# overrides -> what the line must say
MISTAKES = {
    "modle=gru": "modle: no such key; did you mean model?",
    "model=grru": "model=grru: no such option; did you mean gru",
    "model=": "model=: no such option",
    "model": "model",
    "seed=[1": "seed=[1: not in Hydra's grammar",
    "seed=1,2": "seed=1,2: several values; give one, or add -m",
    "seed=a": "seed: Value 'a'",
    "seed=-1": "seed=-1: must be at least 0",
    "seed=null": "seed: field 'seed' is not Optional",
    "~seed": "seed: missing",
    "~trainer.max_epochs": "trainer.max_epochs: Trainer (DictConfig) does not support deletion",
    "~model": "model: Missing mandatory value",
    "seed=${oc.env:RNNBENCH_NOT_SET}": "seed: KeyError",
    "+foo=1": "foo: no such key",
    "model.hiden_size=3": "model.hiden_size: no such key; did you mean hidden_size?",
    "model.hidden_size=abc": "model.hidden_size='abc': wrong type, wants int",
    "model.hidden_size=true": "model.hidden_size=True: wrong type, wants int",
    "model.hidden_size=null": "model.hidden_size=None: wrong type, wants int",
    "model.hidden_size=0": "hidden_size=0: must be an integer of at least 1",
    "model.hidden_size=???": "model.hidden_size: Missing mandatory value",
    "model.hidden_size=${foo}": "model.hidden_size: Interpolation key 'foo' not found",
    "model.num_layers=0": "num_layers=0: must be",
    "model.dropout=1.5": "dropout=1.5: must be in 0..1",
    "model.name=null": "model.name=None: must be a name",
    "model.cell=3": "model.cell=3: wrong type",
    "model.cell=null": "model.cell=None: wrong type",
    "model.cell._target_=nope.nope": "model.cell._target_=nope.nope: cannot be imported: No module named 'nope'",
    "model.cell.reset=nope": "model.cell.reset='nope': no such choice; ",
    "+model.cell.foo=1": "model.cell.foo: GRU has no such option",
    "model=gru_sum": "candidate='sum' adds input and state: input_size=2, hidden_size=64 must be equal",
    "model={a:1}": "model.a: no such key",
    "trainer=3": "trainer=3: the name of an option is wanted",
    "trainer.foo=1": "trainer.foo: no such key",
    "trainer.max_epochs=0": "trainer.max_epochs=0: must be at least 1",
    "trainer.max_epochs=1.5": "trainer.max_epochs: Value '1.5'",
    "trainer.min_delta=nan": "trainer.min_delta=nan: must be finite",
    "trainer.select=lst": "trainer.select=lst: no such choice; did you mean last?",
    "trainer.select_by=acuracy": "trainer.select_by=acuracy: regression has mse, mae",
    "dataset=parallel_text dataset.path=a.tsv trainer.select_by=bleu": "trainer.select_by=bleu: set task.valid_bleu",
    "trainer.precision=17": "trainer.precision=17: no such choice",
    "trainer.clip_norm=1 trainer.clip_value=1": "trainer.clip_norm and trainer.clip_value exclude each other",
    "trainer.accelerator=foo": "trainer.accelerator=foo",
    "trainer.strategy=foo": "trainer.strategy=foo",
    "trainer.strategy=ddp_spawn trainer.accelerator=cpu trainer.devices=2": "trainer.strategy=ddp_spawn: ",
    "trainer.devices=0 trainer.accelerator=cpu": "trainer.devices=0",
    "trainer.devices=-3 trainer.accelerator=cpu": "trainer.devices=-3",
    "trainer.devices=foo trainer.accelerator=cpu": "trainer.devices=foo",
    "trainer=ddp_cpu trainer.devices=7": "trainer.devices=7: 7 processes cannot share batches of 5",
    "dataset=nope": "dataset=nope: no such option",
    "dataset.batch_size=0": "batch_size=0: must be at least 1",
    "dataset.name=null": "dataset.name=None: wrong type, wants str",
    "dataset=digits dataset.order=foo": "dataset.order='foo': no such choice; choose one of pixels, rows",
    "dataset=csv": "path=null: name the CSV file",
    "dataset=csv dataset.path=not_there.csv": "not_there.csv: cannot be read",
    "task=classification": "task=classification: dataset toy poses regression; set task=regression",
    "task.pooling=first": "task.pooling='first': no such choice; choose one of attention, last, max, mean",
    "dataset=digits task.loss=mse": "task.loss='mse': no such choice; choose one of sigmoid, softmax",
    "dataset=digits task.loss=sigmoid": "loss=sigmoid is for two classes; this dataset has 10",
    "optimizer.lr=-1": "Invalid learning rate: -1",
    "optimizer.lr=foo": "optimizer.lr='foo': wrong type, wants float",
    "optimizer.momentum=0.5": "optimizer.momentum: no such key",
    "optimizer=sgd optimizer.nesterov=true": "Nesterov momentum requires a momentum",
    "optimizer._target_=null": "optimizer._target_: is null",
    "scheduler=step scheduler.step_size=0": "cannot take a step with these values",
    "scheduler=step scheduler.step_size=1 scheduler.gamma=-0.5 trainer.max_epochs=2": "a rate of -0.0005 in epoch 2",
    "optimizer.lr=inf": "optimizer.lr=inf: must be finite",
    "optimizer.betas=[0.9]": "optimizer (torch.optim.Adam): list index out of range",
    "optimizer.betas=[0.9,0.99,0.999]": "optimizer (torch.optim.Adam): cannot take a step with these values: ",
    "+optimizer.fused=true +optimizer.foreach=true": "`fused` and `foreach` cannot be `True` together",
    "scheduler._target_=torch.optim.lr_scheduler.OneCycleLR +scheduler.max_lr=0.1 +scheduler.total_steps=1": "Tried to",
    "trainer.validate_every=5 trainer.max_epochs=2": "trainer.validate_every=5: nothing to select by within",
    "success.error=1 success.window=2 success.wrong=2": "success.wrong=2: any success.window=2 sequences would do",
    "hydra.run.dir=x": "hydra.run.dir=x: has no effect here; runs go to paths.runs_dir",
    "hydra.mode=MULTIRUN": "hydra.mode=MULTIRUN: has no effect here; give -m for a sweep",
    "--config-path=/tmp": "--config-path: has no effect here; give --config-dir",
    "-m seed=range(3,0)": "seed=range(3,0): is a sweep of no job; a range or a glob in it is empty",
    "-m model=glob(zzz*)": "is a sweep of no job",
    "-m model=glob(*)": "model=_recurrent: is a base of others; leave it out, as 'model=glob(*,exclude=[_*])'",
    "threads=0": "threads=0: must be at least 1",
    "logger.progress=foo": "logger.progress=foo: no such choice",
    "debug.limit_batches=0": "debug.limit_batches=0: must be at least 1",
    "budget=params_foo": "budget=params_foo: no such option",
    "budget=params_3": "budget.params=3: no hidden size comes within 2%",
    "budget=params_1k model.hidden_size=3": "model.hidden_size and budget.params=1000 exclude each other",
    "budget=params_1k init_from=somewhere": "budget.params and init_from exclude each other",
    "init_from=nowhere": "init_from=nowhere: not the directory of a finished run",
    "experiment=nope": "experiment=nope: no such option",
    "-m hydra/launcher=nope": "hydra/launcher=nope: no such option; choose one of basic, joblib",
    "-m hydra.sweeper.params=3": "hydra.sweeper.params: ",
    "-m hydra.sweeper.params={a:1}": "hydra.sweeper.params: ",
    "-m optimizer.lr=interval(0,1)": "INTERVAL",
    "-m hydra/launcher=joblib hydra.launcher.n_jobs=foo": "hydra.launcher.n_jobs: Value 'foo'",
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_one_line_and_exit_code_2(mistake, command, runs, capsys):
    first = [] if mistake.startswith(("model=", "~model")) else ["model=gru"]
    first += ["model.hidden_size=3"] if first and not mistake.startswith("budget=") else []
    data = [] if "dataset=" in mistake else ["dataset=toy"]
    assert command(*first, *data, *mistake.split(" ")) == 2
    out, err = capsys.readouterr()
    lines = err.splitlines()
    assert len(lines) == 1, err
    assert lines[0].startswith("rnnbench: ")
    assert MISTAKES[mistake] in lines[0]
    assert "Traceback" not in out + err
    assert not (runs.folder / "runs").exists()


def test_accelerator_that_is_not_there(command, capsys, monkeypatch):
    from lightning.pytorch.accelerators import CUDAAccelerator, MPSAccelerator

    monkeypatch.setattr(CUDAAccelerator, "is_available", staticmethod(lambda: False))
    monkeypatch.setattr(MPSAccelerator, "is_available", staticmethod(lambda: False))
    for trainer in ("gpu", "ddp"):
        assert command("dataset=toy", f"trainer={trainer}") == 2
        assert "trainer.accelerator=gpu" in capsys.readouterr().err


@pytest.mark.parametrize("option", ["--config-dir=nowhere", "--config-name=nope"])
def test_configuration_that_is_not_there(option, command, capsys):
    assert command(option) == 2
    assert "no" in capsys.readouterr().err.splitlines()[-1]


def test_all_mistakes_of_all_jobs_before_the_first_starts(command, runs, capsys):
    assert command("-m", "dataset=toy", "model=gru,lsttm", "seed=0,-1", "trainer.select=best,lst") == 2
    lines = capsys.readouterr().err.splitlines()
    assert sorted(line.split(":")[1].strip() for line in lines) == ["model=lsttm", "seed=-1", "trainer.select=lst"]
    assert any("[4 of 8 jobs, first: dataset=toy model=lsttm" in line for line in lines)
    assert not (runs.folder / "runs").exists()


def test_a_mistake_in_the_data_leaves_nothing_behind(command, runs, tmp_path, capsys):
    (tmp_path / "a b.csv").write_text("time,price\n" + "".join(f"{i},{i % 24}\n" for i in range(200)))
    (tmp_path / "short.csv").write_text("time,price\n1,2\n")
    told = {
        "targets=[prise]": "no column 'prise'; did you mean price?",
        "time_column=tiem": "tiem",
        "window=900": "900",
    }
    for option, said in told.items():
        words = ("dataset=csv", f"dataset.path='{tmp_path}/a b.csv'", f"dataset.{option}")
        assert command(*words, "trainer.max_epochs=1") == 2
        assert said in capsys.readouterr().err
        assert command("-m", *words, "model=gru,lstm", "seed=0,1") == 2
        (line,) = capsys.readouterr().err.splitlines()
        assert said in line
    assert command("-m", "dataset=csv", f"dataset.path='{tmp_path}/a b.csv',{tmp_path}/short.csv") == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "short.csv" in line
    assert not (runs.folder / "runs").exists()


@pytest.mark.parametrize("words", ["seed=range(0,3)", "model=glob(gru_ch*)", "model=choice(gru,lstm,rnn)"])
def test_sweeps_in_hydras_grammar(words, command, runs, capsys):
    assert command("-m", "dataset=toy", words, "dry_run=true") == 0
    assert capsys.readouterr().out.count("[3/3]") == 1
    assert not (runs.folder / "runs").exists()


@pytest.mark.parametrize(
    ("value", "hint", "expected"),
    [
        (1, int, True),
        (True, int, False),
        (1, float, True),
        (True, float, False),
        ("1", float, False),
        (None, int | None, True),
        ([1, 2.0], tuple[float, float], True),
        ([1, "a"], list[float], False),
        ({"a": 1}, dict[str, int], True),
        (3, dict, False),
    ],
)
def test_fits(value, hint, expected):
    assert fits(value, hint) is expected


def test_locate():
    assert locate("pathlib.Path").__name__ == "Path"
    with pytest.raises(ValueError, match="cannot be imported"):
        locate("pathlib.Nope")
