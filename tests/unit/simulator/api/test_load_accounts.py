import hashlib
import socket
import time

import pytest

from tests.unit.simulator.simulator_cases import API_VERSIONS, CONTRACTORS, DIRECTORY, HR, rows


def test_a_wrong_header_is_a_400_with_iscs_text(api, people):
    answer = api.start(people, "id,nickname\n1,a\n")
    assert answer.status_code == 400
    assert answer.json()["detailCode"] == "400.1.3 Illegal value"
    assert len(answer.json()["trackingId"]) == 32
    assert answer.json()["messages"] == [
        {
            "locale": "en-US",
            "localeOrigin": "DEFAULT",
            "text": 'Column: "[nickname]" is unknown and/or column: "[name]" is missing',
        }
    ]


def test_a_wrong_header_is_a_400_even_while_the_source_is_busy(api, control, people):
    api.started(people, rows((1, "a")))
    assert api.start(people, "id\n1\n").status_code == 400
    assert len(control.runs()) == 1


@pytest.mark.parametrize("csv", ["", "\ufeffid,name\n1,a\n", "id,name,name\n1,a,b\n"])
def test_an_empty_file_a_byte_order_mark_and_a_duplicate_column_are_wrong_headers(api, people, csv):
    assert api.start(people, csv).status_code == 400


def test_a_file_with_only_a_header_deletes_every_account(api, control):
    source = control.create_source("Emptied", header=["id", "name"], accounts=3)["id"]
    control.finish(api.started(source, rows()))
    assert control.accounts(source)["total"] == 0


@pytest.mark.parametrize(
    ("source", "csv", "status"), [(HR, None, 400), (DIRECTORY, rows(), 400), ("0" * 32, rows(), 404)]
)
def test_only_delimited_sources_take_a_file(api, control, source, csv, status):
    assert api.start(source, csv).status_code == status
    assert control.runs() == []


EMPTY = {
    "no length": "",
    "length 0": "Content-Length: 0\r\n",
    "chunked": "Transfer-Encoding: chunked\r\n",
    "multipart": "Content-Type: multipart/form-data; boundary=edge\r\nContent-Length: 0\r\n",
    "json": "Content-Type: application/json\r\nContent-Length: 0\r\n",
}


def _empty_start(api, path, headers):
    """Send the head as it is, because clients add headers of their own."""
    host, port = api.server.url.removeprefix("http://").split(":")
    head = f"POST /{path}/load-accounts HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
    head += f"Authorization: {api.session.headers['Authorization']}\r\n{headers}\r\n"
    with socket.create_connection((host, int(port)), timeout=10) as wire:
        wire.sendall(head.encode() + (b"0\r\n\r\n" if "chunked" in headers else b""))
        answer = b""
        while block := wire.recv(65536):
            answer += block
    return int(answer.split()[1])


@pytest.mark.parametrize("headers", EMPTY.values(), ids=EMPTY)
@pytest.mark.parametrize("api_version", API_VERSIONS)
def test_a_direct_source_starts_without_any_body(api, control, api_version, headers):
    path = "sources/v1" if api_version == "v1" else f"{api_version}/sources"
    assert _empty_start(api, f"{path}/{DIRECTORY}", headers) == 202
    assert [run["source_id"] for run in control.runs()] == [DIRECTORY]


@pytest.mark.parametrize("headers", EMPTY.values(), ids=EMPTY)
def test_a_delimited_source_does_not_start_without_any_body(api, control, headers):
    assert _empty_start(api, f"sources/v1/{HR}", headers) == 400
    assert control.runs() == []


def test_the_media_type_of_a_start_is_compared_without_case(api, people):
    disposition = 'Content-Disposition: form-data; name="file"; filename="a.csv"'
    body = f"--Edge\r\n{disposition}\r\n\r\nid,name\r\n--Edge--\r\n"
    answer = api.call(
        "POST",
        f"sources/v1/{people}/load-accounts",
        data=body,
        headers={"Content-Type": "Multipart/Form-Data; Boundary=Edge"},
    )
    assert answer.status_code == 202


@pytest.mark.parametrize("body", [b"no parts at all", b"--edge\r\nContent-Disposition: form-data\r\n\r\nx"])
def test_a_malformed_multipart_start_is_a_400(api, control, body):
    answer = api.call(
        "POST",
        f"sources/v1/{DIRECTORY}/load-accounts",
        data=body,
        headers={"Content-Type": "multipart/form-data; boundary=edge"},
    )
    assert (answer.status_code, answer.json()["detailCode"]) == (400, "400.1.3 Illegal value")
    assert control.runs() == []


@pytest.mark.parametrize(("switched", "status"), [(False, 202), (True, 500)])
def test_a_multipart_body_without_parts_starts_unless_a_shape_makes_it_fail(api, control, switched, status):
    control.shapes(empty_form_fails=switched)
    answer = api.call(
        "POST",
        f"sources/v1/{DIRECTORY}/load-accounts",
        data=b"--edge--\r\n",
        headers={"Content-Type": "multipart/form-data; boundary=edge"},
    )
    assert answer.status_code == status
    assert len(control.runs()) == (status == 202)


def test_only_beta_accepts_a_url_encoded_start(api):
    form = {"disableOptimization": "true"}
    assert api.call("POST", f"sources/v1/{DIRECTORY}/load-accounts", data=form).status_code == 415
    assert api.call("POST", f"beta/sources/{DIRECTORY}/load-accounts", data=form).status_code == 202


def test_disable_optimization_is_true_or_false(api, people):
    assert api.start(people, rows(), disableOptimization="perhaps").status_code == 400


def test_the_record_of_an_upload_is_exact(api, control, people):
    csv = rows(*((n, f"Account {n:06d}") for n in range(200_000)))
    task = api.started(people, csv, disableOptimization="false")

    received = control.requests()[-1]
    truth = {"name": "accounts.csv", "size": len(csv), "sha256": hashlib.sha256(csv.encode()).hexdigest()}
    assert (received["file"], received["task_id"]) == (truth, task)
    assert sorted(received["parts"]) == ["disableOptimization", "file"]
    assert control.finish(task)["counts"]["created"] == 200_000


def test_an_interrupted_upload_starts_nothing(api, control, people, sailpoint_simulator):
    host, port = sailpoint_simulator.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port))) as wire:
        wire.sendall(
            f"POST /sources/v1/{people}/load-accounts HTTP/1.1\r\nHost: x\r\n"
            f"Authorization: {api.session.headers['Authorization']}\r\n"
            "Content-Type: multipart/form-data; boundary=edge\r\nContent-Length: 100000\r\n\r\n"
            '--edge\r\nContent-Disposition: form-data; name="file"; filename="a.csv"\r\n\r\n'
            "id,name\r\n1,a\r\n"
            "--edge--\r\n".encode()
        )
        time.sleep(0.2)
    time.sleep(0.2)
    assert control.runs() == []
    assert control.requests()[-1]["status"] is None


def test_a_short_row_is_padded_and_a_row_without_identity_is_ignored(api, control):
    csv = "id,name,e-mail,company,endDate\n1,a\n,b,c,d,e\n\n2,a,b,c,d\n"
    task = api.started(CONTRACTORS, csv)
    counts = control.finish(task)["counts"]
    assert (counts["total"], counts["created"], counts["ignored"]) == (3, 2, 1)
