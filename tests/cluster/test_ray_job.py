"""What a process knows of the Ray job that it is the driver of."""

import json

import pytest

from trainer.cluster.ray_job import in_ray_job, job_runtime_env

VARIABLE = "RAY_JOB_CONFIG_JSON_ENV_VAR"


def test_a_driver_knows_its_job(monkeypatch: pytest.MonkeyPatch) -> None:
    given = {"metadata": {"job_submission_id": "raysubmit_1"}, "runtime_env": {"pip": ["x"]}}
    monkeypatch.setenv(VARIABLE, json.dumps(given))
    assert in_ray_job() == "raysubmit_1"
    assert job_runtime_env() == {"pip": ["x"]}


@pytest.mark.parametrize("text", [None, "", "{", "[]", '{"metadata": null}', '{"metadata": {}}'])
def test_any_other_process_is_in_no_job(text: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    if text is None:
        monkeypatch.delenv(VARIABLE, raising=False)
    else:
        monkeypatch.setenv(VARIABLE, text)
    assert in_ray_job() is None
    assert job_runtime_env() == {}
