import json
import os
import shlex
import shutil
from dataclasses import replace

import pytest

from rnnbench.errors import UserError
from rnnbench.records import sweep as S
from rnnbench.records.store import write_json


def test_the_manifest_holds_everything_needed(make, tmp_path):
    jobs = [make.job(seed=seed) for seed in (1, 0)]
    made = S.create_sweep(tmp_path, "my sweep", jobs, ["rnnbench", "train", "-m"])
    assert made.path.parent == tmp_path / "sweeps"
    assert made.path.name.startswith("my_sweep-")
    assert S.load_sweep(made.path) == made
    assert made.jobs == tuple(jobs)
    assert made.runs_dir == tmp_path


@pytest.mark.parametrize("named", [".", "../NAME", "../../sweeps/NAME"])
def test_a_sweep_named_from_inside_finds_its_runs(make, tmp_path, monkeypatch, named):
    made = S.create_sweep(tmp_path, "a", [make.job()], [])
    monkeypatch.chdir(made.path)
    sweep = S.load_sweep(named.replace("NAME", made.path.name))
    assert sweep.runs_dir.resolve() == tmp_path.resolve()
    monkeypatch.chdir(made.path.parent)
    assert S.load_sweep(made.path.name).runs_dir.resolve() == tmp_path.resolve()


def test_same_jobs_same_sweep_whatever_their_order(make, tmp_path):
    jobs = [make.job(seed=seed) for seed in range(3)]
    first = S.create_sweep(tmp_path, "a", jobs, ["x"])
    created = S.read_json(first.path / S.MANIFEST)["created"]
    write_json(first.path / S.MANIFEST, {**S.read_json(first.path / S.MANIFEST), "created": created + "!"})
    again = S.create_sweep(tmp_path, "a", [*jobs[::-1], jobs[0]], ["y"])
    assert again.path == first.path
    assert len(again.jobs) == 3
    assert S.read_json(again.path / S.MANIFEST)["created"] == created + "!"
    assert S.create_sweep(tmp_path, "a", jobs[:2], ["x"]).path != first.path
    other_words = replace(jobs[0], overrides=[])
    assert S.create_sweep(tmp_path, "a", [jobs[0], other_words], ["x"]).jobs == (jobs[0],)
    with pytest.raises(ValueError, match="at least one job"):
        S.create_sweep(tmp_path, "a", [], ["x"])


def test_the_latest_sweep_is_the_one_started_last(make, tmp_path):
    with pytest.raises(UserError, match="no sweep in"):
        S.latest_sweep(tmp_path)
    first = S.create_sweep(tmp_path, "z", [make.job(seed=0)], [])
    second = S.create_sweep(tmp_path, "a", [make.job(seed=1)], [])
    for at, sweep in enumerate((first, second)):
        os.utime(sweep.path / S.MANIFEST, (1000 + at, 1000 + at))
    assert S.latest_sweep(tmp_path) == second.path
    S.create_sweep(tmp_path, "z", [make.job(seed=0)], [])
    assert S.latest_sweep(tmp_path) == first.path


def test_the_command_for_tensorboard_can_be_pasted(tmp_path):
    *_, folder = shlex.split(S.tensorboard(tmp_path / "my runs"))
    assert folder == str(tmp_path / "my runs")


def test_bad_manifests_are_named(tmp_path):
    with pytest.raises(UserError, match="no readable manifest"):
        S.load_sweep(tmp_path)
    write_json(tmp_path / S.MANIFEST, {"schema": 2})
    with pytest.raises(UserError, match="install a newer"):
        S.load_sweep(tmp_path)


def test_a_damaged_manifest_is_one_line(make, tmp_path):
    path = S.create_sweep(tmp_path, "a", [make.job()], []).path
    manifest = json.loads((path / S.MANIFEST).read_text())
    job = manifest["jobs"][0]
    for damage in (
        {"jobs": None},
        {"jobs": []},
        {"jobs": ["a"]},
        {"jobs": [{**job, "seed": "0"}]},
        {"jobs": [{k: v for k, v in job.items() if k != "identity"}]},
        {"command": None},
        {"schema": "1", "jobs": {}},
    ):
        write_json(path / S.MANIFEST, manifest | damage)
        with pytest.raises(UserError, match=r"manifest.json is damaged .*: run the sweep again"):
            S.load_sweep(path)


def test_links_are_relative_and_survive_moving_the_folder(make, tmp_path):
    job = make.job()
    runs = tmp_path / "before"
    made = S.create_sweep(runs, "a", [job], [])
    make.directory(runs, job)
    assert (made.path / "adding/lstm/s0/result.json").exists()
    shutil.move(runs, tmp_path / "after")
    moved = tmp_path / "after" / made.path.relative_to(runs)
    assert (moved / "adding/lstm/s0/result.json").exists()
    assert S.create_sweep(tmp_path / "after", "a", [job], []).unlinked is None


def test_link_names_tell_hyperparameters_apart(make):
    jobs = [make.job(seed=s, **{"optimizer.lr": lr}) for lr in (0.1, 0.01) for s in (0, 1)]
    assert S.link_names(jobs) == [
        "adding/lstm/s0-lr=0.1",
        "adding/lstm/s1-lr=0.1",
        "adding/lstm/s0-lr=0.01",
        "adding/lstm/s1-lr=0.01",
    ]
    # What differs between models is no reason to lengthen the names of either.
    other = make.job("gru", **{"optimizer.lr": 0.5})
    assert S.link_names([jobs[0], other]) == ["adding/lstm/s0", "adding/gru/s0"]


def test_link_names_are_unique_and_short(make):
    long = [make.job(**{f"model.option_{i}": "x" * 30 + str(v) for i in range(5)}) for v in range(3)]
    twins = [make.job(overrides_only=v) for v in range(2)]
    twins = [type(t)(**{**t.as_dict(), "hparams": {}}) for t in twins]
    for jobs in (long, twins):
        names = S.link_names(jobs)
        assert len(set(names)) == len(jobs)
        assert all(len(name.split("/")[-1]) < 100 for name in names)


def test_a_link_is_renewed_when_it_points_elsewhere(make, tmp_path):
    job = make.job()
    made = S.create_sweep(tmp_path, "a", [job], [])
    link = made.path / "adding/lstm/s0"
    link.unlink()
    link.symlink_to("nowhere")
    S.create_sweep(tmp_path, "a", [job], [])
    assert link.resolve() == (tmp_path / job.directory).resolve()


def test_a_system_without_links_is_told_where_to_look(make, tmp_path, monkeypatch):
    def refuse(*_, **__):
        raise OSError("a required privilege is not held")

    monkeypatch.setattr(S.Path, "symlink_to", refuse)
    made = S.create_sweep(tmp_path, "a", [make.job()], [])
    assert str(tmp_path / "runs") in made.unlinked
    assert S.load_sweep(made.path).unlinked == made.unlinked


def test_distinguishing_takes_the_fewest_keys():
    group = [
        {"_target_": "A", "lr": 1, "size": 8, "same": 0},
        {"_target_": "B", "lr": 2, "size": 8, "same": 0},
        {"_target_": "B", "lr": 2, "size": 9, "same": 0.0},
    ]
    assert S.distinguishing([group]) == ["lr", "size"]
    assert S.distinguishing([group[:1], group[1:2]]) == []
    assert S.distinguishing([[{"a": 1}, {"a": 1.0}]]) == []
    assert S.distinguishing([[{"a": 1}, {"a": True}]]) == ["a"]
    sized = [{"model.hidden_size": 55, "task.encoder": "Embedding"}, {"model.hidden_size": 63, "task.encoder": "none"}]
    assert S.distinguishing([sized]) == ["task.encoder"]
    # A key that older records lack does not set them apart.
    assert S.distinguishing([[{"a": 1}, {"a": 1, "new": 0}]]) == []


def test_short_label():
    settings = {"optimizer.lr": 0.1, "model.size": 8, "head.size": 9}
    assert S.short_label(settings, ["optimizer.lr"]) == "lr=0.1"
    assert S.short_label(settings, ["model.size", "head.size", "x"]) == "model.size=8, head.size=9, x=-"
    assert S.short_label(settings, []) == ""
