import pytest

from rnnbench.errors import UserError
from rnnbench.records.archive import read_archive, write_archive


def test_an_archive_gives_back_all_but_config_and_series(make, tmp_path):
    tricky = {
        "model.name": "lstm",
        "a": "0.1",
        "b": "null",
        "c": 'x,"y"\nz',
        "d": None,
        "e": True,
        "f": 0.1 + 0.2,
        "g": "",
    }
    runs = [
        make.run(1 / 3, seed=1, hparams=tricky),
        make.run(0.5, seed=0, baseline=None, budget={"params": 20000}, data_sha256={"a.b.csv": "12" * 32}),
        make.run(0.9, model="gru", seed=0, status="diverged"),
    ]
    write_archive(runs, tmp_path / "deep" / "records.csv")
    back = read_archive(tmp_path / "deep" / "records.csv")
    expected = sorted(runs, key=lambda run: (run.job.model, run.job.seed))
    assert [run.record for run in back] == [{**run.record, "config": {}, "series": {}} for run in expected]
    assert [(run.job.identity, run.job.hparams, run.job.directory) for run in back] == [
        (run.job.identity, run.job.hparams, run.job.directory) for run in expected
    ]
    assert [run.status for run in back] == ["diverged", "finished", "finished"]


def test_the_file_does_not_depend_on_the_order_of_runs(make, tmp_path):
    runs = [make.run(seed=seed) for seed in (2, 10, 1)]
    runs.append(make.run(seed=2, hparams={"optimizer.lr": 0.1}))
    write_archive(runs, tmp_path / "a.csv")
    write_archive([*runs[::-1], make.run(seed=5, status="pending")], tmp_path / "b.csv")
    assert (tmp_path / "a.csv").read_bytes() == (tmp_path / "b.csv").read_bytes()
    assert [run.job.seed for run in read_archive(tmp_path / "a.csv")] == [1, 2, 2, 10]


def test_an_identity_of_digits_stays_text(make, tmp_path):
    run = make.run()
    run.record["identity"] = "12e4567890123456"  # as JSON: infinity
    write_archive([run], tmp_path / "a.csv")
    assert read_archive(tmp_path / "a.csv")[0].job.identity == "12e4567890123456"


def test_texts_with_odd_ends_of_lines_come_back(make, tmp_path):
    path = tmp_path / "records.csv"
    runs = [make.run(seed=i, hparams={"dataset.sep": text}) for i, text in enumerate(("a\rb", "\r", "\r\n", "\n", "a"))]
    write_archive(runs, path)
    found = {run.job.seed: run.job.hparams["dataset.sep"] for run in read_archive(path)}
    assert [found[i] for i in range(5)] == ["a\rb", "\r", "\r\n", "\n", "a"]


def test_bad_archives_are_named(make, tmp_path):
    with pytest.raises(UserError, match="does not exist"):
        read_archive(tmp_path / "none.csv")
    with pytest.raises(ValueError, match="none of them has a record"):
        write_archive([make.run(status="pending")], tmp_path / "a.csv")
    write_archive([make.run(), make.run(seed=1)], tmp_path / "a.csv")
    text = (tmp_path / "a.csv").read_text().replace("finished", "fin", 1)
    (tmp_path / "a.csv").write_text(text)
    with pytest.raises(UserError, match=r"line 2: .*status='fin'"):
        read_archive(tmp_path / "a.csv")


def test_references_come_back_from_an_archive(make, tmp_path):
    references = {"naive": {"mse": 0.5, "corr": None}, "seasonal naive": {"mse": 1 / 3}}
    write_archive([make.run(0.1, references=references), make.run(0.2, seed=1)], tmp_path / "records.csv")
    first, second = read_archive(tmp_path / "records.csv")
    assert first.record["references"] == references
    assert "references" not in second.record


def test_a_line_that_stands_twice_is_refused(make, tmp_path):
    path = tmp_path / "records.csv"
    run = make.run(seed=0)
    write_archive([run, make.run(seed=1)], path)
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join([*lines, lines[1]]))
    with pytest.raises(UserError, match=rf"records\.csv, line 4: identity {run.job.identity} stands twice"):
        read_archive(path)


@pytest.mark.parametrize("value", ['"low"', "true", "[1]", "NaN", "1e999"])
def test_a_metric_that_is_no_number_is_named(make, tmp_path, value):
    path = tmp_path / "records.csv"
    write_archive([make.run(0.125)], path)
    path.write_text(path.read_text().replace("0.125", value.replace('"', "") if value == '"low"' else value))
    with pytest.raises(UserError, match=r"line 2: record: metrics\.\w+\.\w+=.* must be a number or null"):
        read_archive(path)


def test_columns_stand_as_the_keys_of_a_record_do(make, tmp_path):
    path = tmp_path / "records.csv"
    write_archive([make.run(data_sha256={"folder/a.txt": "0123"}, status="finished")], path)
    columns = path.read_text().splitlines()[0].split(",")
    assert columns.index("versions.cell") < columns.index("data_sha256.folder/a.txt") < columns.index("engine")
    assert columns.index("selection.step") < columns.index("test/loss") < columns.index("metric_modes.mse")
    again = tmp_path / "again.csv"
    write_archive(read_archive(path), again)
    assert again.read_text() == path.read_text()
