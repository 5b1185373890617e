from typing import NotRequired, get_origin, get_type_hints

import pytest

from rnnbench.records import record as R


def test_the_documented_record_is_the_validated_one(make):
    hints = get_type_hints(R.Record, include_extras=True)
    required = {key for key, hint in hints.items() if get_origin(hint) is not NotRequired}
    assert required <= set(make.record(make.job())) <= set(hints)
    R.validate(make.record(make.job()) | {"replicas": 3, "success": {"reached": True, "sequences": 5}})
    R.validate(make.record(make.job()))


def test_records_of_earlier_versions_lack_what_came_later(make):
    record = make.record(make.job())
    R.validate({key: value for key, value in record.items() if key != "hardware"})
    with pytest.raises(ValueError, match="hardware=3 must be str"):
        R.validate({**record, "hardware": 3})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"identity": 5}, "identity=5 must be str"),
        ({"seed": True}, "seed=True must be int"),
        ({"seconds": "1"}, "seconds='1' must be int or float"),
        ({"peak_memory_bytes": 1.5}, "peak_memory_bytes=1.5 must be int or null"),
        ({"status": "failed"}, "status='failed'"),
        ({"schema": 2}, "schema=2 must be 1"),
        ({"metrics": {"exam": {}}}, r"metrics\.exam"),
        ({"baseline": {"mse": "low"}}, r"baseline\.mse='low' must be a number or null"),
        ({"references": {"naive": {"mse": [1]}}}, r"references\.naive\.mse=\[1\] must be a number or null"),
        ({"references": {"naive": 1}}, r"references\.naive must be a dict"),
        ({"selection": {**dict.fromkeys(R.Selection.__annotations__), "rule": 1}}, r"selection\.rule=1 must be str"),
        ({"metric_modes": {"mse": "less"}}, r"metric_modes\.mse='less'"),
        ({"series": {"epoch": [1, 2], "step": [1]}}, "series must be of one length"),
        ({"colour": "red"}, "unknown key 'colour'"),
    ],
)
def test_validate_names_the_key(make, change, message):
    with pytest.raises(ValueError, match=message):
        R.validate({**make.record(make.job()), **change})


def test_validate_names_a_missing_key(make):
    record = make.record(make.job())
    del record["science"]
    with pytest.raises(ValueError, match="'science' is missing"):
        R.validate(record)


def test_optional_values_may_be_null(make):
    nothing = dict.fromkeys(
        ("hidden_size", "state_size", "peak_memory_bytes", "baseline", "budget", "steps_per_second")
    )
    R.validate({**make.record(make.job()), **nothing})


def test_job_goes_through_json_and_ignores_later_keys(make):
    job = make.job(model="gru", seed=4)
    assert R.Job.from_dict({**job.as_dict(), "added_later": 1}) == job


def test_run_gives_metrics_and_fields(make):
    run = make.run(0.25, model="gru", seed=0)
    assert run.metric("test", "mse") == 0.25
    assert run.metric("test", "f1") is None
    fields = run.fields()
    assert fields["model"] == "gru"
    assert fields["seed"] == 0
    assert fields["optimizer.lr"] == 0.01
    assert fields["trainer.max_epochs"] == 3
    assert fields["selection.rule"] == "best_valid"
    assert fields["parameters.backbone"] == 1234


def test_a_run_without_a_record_has_its_job_only(make):
    run = make.run(status="pending")
    assert run.metric("test", "mse") is None
    assert run.fields()["status"] == "pending"
    assert "engine" not in run.fields()
