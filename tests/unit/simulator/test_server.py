import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time

import pytest
import requests

from sailpoint_provider.simulator.control import SimulatorControl
from sailpoint_provider.simulator.server import SimulatorServer

COMMAND = [sys.executable, "-m", "sailpoint_provider.simulator"]


def test_it_starts_and_stops_quickly_and_leaves_no_thread():
    before = threading.active_count()
    begun = time.monotonic()
    with SimulatorServer(speed=5) as server:
        assert time.monotonic() - begun < 2
        assert server.control.health() == {"status": "up", "speed": 5.0, "sources": 4}
    assert threading.active_count() == before
    with pytest.raises(requests.exceptions.ConnectionError):
        requests.get(f"{server.url}/_simulator/health", timeout=1)


def test_open_connections_do_not_delay_the_stop(capfd):
    with SimulatorServer() as server:
        port = int(server.url.rpartition(":")[2])
        idle = socket.create_connection(("127.0.0.1", port))
        half = socket.create_connection(("127.0.0.1", port))
        half.sendall(b"POST /oauth/token HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n")
        half.sendall(b"Content-Type: application/x-www-form-urlencoded\r\n\r\nabc")
        server.control.fault("timeout", path="task-status", when="before")
        held = socket.create_connection(("127.0.0.1", port))
        held.sendall(b"GET /task-status/v1 HTTP/1.1\r\nHost: x\r\n\r\n")
        time.sleep(0.1)
        begun = time.monotonic()
    assert time.monotonic() - begun < 1.5
    assert "Traceback" not in capfd.readouterr().err
    for connection in (idle, half, held):
        connection.close()


@pytest.mark.parametrize("host", ["0.0.0.0", "192.0.2.1", "example.com"])
def test_it_serves_on_loopback_only(host):
    with pytest.raises(ValueError, match="loopback"):
        SimulatorServer(host=host).start()


def test_a_speed_of_zero_is_refused():
    with pytest.raises(ValueError, match="speed"):
        SimulatorServer(speed=0)


@pytest.mark.skipif(shutil.which("openssl") is None, reason="needs openssl to make a certificate")
def test_it_serves_with_tls_and_can_reset_there_too(tmp_path):
    certificate, key = str(tmp_path / "cert.pem"), str(tmp_path / "key.pem")
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1"),
            *("-keyout", key, "-out", certificate),
            *("-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1"),
        ],
        check=True,
        capture_output=True,
    )
    with SimulatorServer(tls=(certificate, key)) as server:
        assert server.url.startswith("https://")
        assert server.control.health()["status"] == "up"
        server.control.fault("reset", path="/oauth/token")
        with pytest.raises(requests.exceptions.ConnectionError):
            requests.post(f"{server.url}/oauth/token", verify=certificate, timeout=5)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_command_prints_the_connection_and_stops_on_a_signal(number):
    with subprocess.Popen(
        [*COMMAND, "--port", "0", "--speed", "100"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        greeting = process.stdout.readline()
        url = re.search(r"http://127\.0\.0\.1:\d+", greeting)[0]
        connection = json.loads(re.search(r"AIRFLOW_CONN_SAILPOINT_DEFAULT='(.*)'", greeting)[1])
        assert connection["conn_type"] == "sailpoint"
        assert SimulatorControl(url).health()["speed"] == 100
        os.kill(process.pid, number)
        assert process.wait(10) == 0
        assert process.stderr.read() == ""


def test_the_command_refuses_a_taken_port_and_a_public_host():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        ended = subprocess.run([*COMMAND, "--port", str(port)], capture_output=True, text=True, timeout=20)
    assert ended.returncode == 1
    assert f"cannot listen on 127.0.0.1:{port}" in ended.stderr
    ended = subprocess.run([*COMMAND, "--host", "0.0.0.0"], capture_output=True, text=True, timeout=20)
    assert (ended.returncode, "loopback only" in ended.stderr) == (1, True)


def test_small_answers_do_not_wait_for_acknowledgements(api, control):
    def seconds():
        begun = time.monotonic()
        for _ in range(20):
            api.sources(limit=0)
        return time.monotonic() - begun

    # Acknowledgements would take 0.8 s each time; a busy machine takes that long now and then.
    assert any(seconds() < 0.6 for _ in range(5))
