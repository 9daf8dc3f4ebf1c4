import pytest
import requests

BROKEN = requests.exceptions.ConnectionError


def test_faults_hit_the_nth_call_of_a_api_version_and_method(api, control):
    control.fault("answer", status=500, method="GET", api_version="v1", nth=[2, 4])
    assert [api.sources().status_code for _ in range(5)] == [200, 500, 200, 500, 200]
    assert api.call("GET", "v2025/sources").status_code == 200


def test_faults_skip_requests_and_strike_a_limited_number_of_times(api, control):
    control.fault("answer", status=503, skip=1, times=2)
    assert [api.sources().status_code for _ in range(5)] == [200, 503, 503, 200, 200]
    assert control.faults()[0]["struck"] == 2
    control.clear_faults()
    assert control.faults() == []


def test_chance_is_seeded(api, control):
    control.rate_limit(1000)

    def played(seed):
        control.clear_faults()
        control.fault("answer", status=500, chance=0.5, seed=seed)
        return [api.sources(limit=0).status_code for _ in range(20)]

    assert played(7) == played(7)
    assert set(played(7)) == {200, 500}
    assert played(7) != played(8)


def test_a_received_request_records_its_fault(api, control):
    control.clear_requests()
    control.fault("reset", path="sources")
    with pytest.raises(BROKEN):
        api.sources()
    received = control.requests()[0]
    assert (received["fault"], received["status"]) == ("reset", None)


@pytest.mark.parametrize(
    "wrong",
    [
        {"kind": "flood"},
        {"kind": "reset", "when": "later"},
        {"kind": "stall", "when": "before"},
        {"kind": "reset", "start": "lost"},
        {"kind": "reset", "start": "refused", "when": "before"},
        {"kind": "delay", "delay_seconds": "long"},
        {"kind": "answer", "status": "bad"},
        {"kind": "answer", "headers": "none"},
        {"kind": "reset", "times": "often"},
        {"kind": "reset", "path": "("},
    ],
)
def test_an_unknown_fault_or_setting_is_refused(control, wrong):
    with pytest.raises(Exception, match="400"):
        control.fault(**wrong)
