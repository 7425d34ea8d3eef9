"""Who gets an answer from the page's server and who does not, over real connections."""

import gzip
import http.client
import json
import os
import signal
import socket
import ssl
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from benchmarks.phone import assets, command
from benchmarks.phone.network import self_signed
from benchmarks.phone.server import HEADERS, LARGEST_BODY, PageServer

ROOT = Path(__file__).parents[3]
TEXT = b"text " * 100


class Table:
    """Two answers in place of the page's files."""

    def get(self, address):
        found = {"/": (TEXT, assets.HTML), "/a.js": (b"1", assets.JS)}.get(address)
        return found and assets.Asset(*found, gzip.compress(found[0]))


def receive(body):
    if body != b"{}":
        raise ValueError("schema: another one is expected")
    return "kept.json"


@pytest.fixture
def server():
    with PageServer("127.0.0.1", 0, Table(), receive, names=("127.0.0.1", "localhost")) as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        yield running
        running.shutdown()


def ask(server, path="/", method="GET", body=None, **headers):
    """Status, headers and text of one request; headers with ``_`` for ``-``."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
    connection.request(method, path, body, {name.replace("_", "-"): value for name, value in headers.items()})
    answer = connection.getresponse()
    content = answer.read()
    connection.close()
    return answer.status, answer.headers, content


@pytest.fixture
def cookie(server):
    """The cookie that the token gives."""
    status, headers, _ = ask(server, "/open/" + server.address.rpartition("/")[2])
    assert status == 200
    assert {"HttpOnly", "SameSite=Strict"} <= {part.strip() for part in headers["Set-Cookie"].split(";")}
    return headers["Set-Cookie"].split(";")[0]


def post(server, cookie, body=b"{}", path="/records", **headers):
    headers = {"Origin": f"http://127.0.0.1:{server.port}", "Content_Type": "application/json", "Cookie": cookie} | headers
    return ask(server, path, "POST", body, **headers)


def test_the_page_has_the_headers_that_threads_need(server, cookie):
    status, headers, content = ask(server, Cookie=cookie)
    assert (status, content) == (200, TEXT)
    assert {name: headers[name] for name in HEADERS} == HEADERS
    assert headers["Cross-Origin-Opener-Policy"] == "same-origin"
    assert headers["Cross-Origin-Embedder-Policy"] == "require-corp"


def test_who_takes_gzip_gets_it(server, cookie):
    _, headers, content = ask(server, Cookie=cookie, Accept_Encoding="br, gzip")
    assert headers["Content-Encoding"] == "gzip"
    assert len(content) < len(TEXT) // 5
    assert gzip.decompress(content) == TEXT


@pytest.mark.parametrize("given", [None, "", "wavefill=", "wavefill=wrong", "other=1", 'wavefill="', "\xff=\xff"])
def test_without_the_cookie_there_is_nothing(server, given):
    for path in ("/", "/a.js", "/nothing"):
        status, _, content = ask(server, path, **({} if given is None else {"Cookie": given}))
        assert status == 403
        assert b"open the address" in content


@pytest.mark.parametrize("token", ["", "wrong", "x" * 5000, "%00"])
def test_a_wrong_token_opens_nothing(server, token):
    status, headers, _ = ask(server, f"/open/{token}")
    assert status == 403
    assert "Set-Cookie" not in headers


def test_the_token_works_once(server, cookie):
    status, headers, content = ask(server, "/open/" + server.address.rpartition("/")[2])
    assert status == 403
    assert b"works once" in content
    assert "Set-Cookie" not in headers


@pytest.mark.parametrize(
    "path", ["/../pyproject.toml", "/..%2f..%2fpyproject.toml", "//etc/passwd", "/page.js/../../x", "/\\..", "/models"]
)
def test_no_path_leads_to_a_disk(server, cookie, path):
    assert ask(server, path, Cookie=cookie)[0] == 404


@pytest.mark.parametrize("host", ["evil.example", "evil.example:80", "127.0.0.1", ""])
def test_another_host_name_is_refused(server, cookie, host):
    """A name of somebody else's that resolves to this computer (DNS rebinding)."""
    assert ask(server, Cookie=cookie, Host=host)[0] == 403


def test_a_record_is_taken(server, cookie):
    status, _, content = post(server, cookie)
    assert status == 201
    assert json.loads(content) == {"saved": "kept.json"}


@pytest.mark.parametrize(
    ("headers", "body", "status"),
    [
        ({"Origin": "http://evil.example"}, b"{}", 403),
        ({"Origin": "null"}, b"{}", 403),
        ({"Cookie": "wavefill=wrong"}, b"{}", 403),
        ({"Content_Type": "text/plain"}, b"{}", 415),
        ({"Content_Length": "-1"}, b"{}", 411),
        ({"Content_Length": "1e3"}, b"{}", 411),
        ({"Content_Length": str(LARGEST_BODY + 1)}, b"{}", 413),
        ({"Content_Length": "9" * 50}, b"{}", 413),
        ({}, b"[]", 400),
        ({"path": "/models"}, b"{}", 404),
    ],
)
def test_other_posts_are_refused(server, cookie, headers, body, status):
    assert post(server, cookie, body, **headers)[0] == status


@pytest.mark.parametrize("method", ["PUT", "DELETE", "OPTIONS", "TRACE"])
def test_other_methods_are_refused(server, cookie, method):
    assert ask(server, "/", method, Cookie=cookie)[0] == 501


@pytest.mark.parametrize("sent", [b"", b"\x16\x03\x01\x02\x00", b"GET\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n", b"A" * 70_000])
def test_what_is_no_request_disturbs_nobody(server, cookie, sent, capfd):
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as connection:
        connection.sendall(sent)
    assert ask(server, Cookie=cookie)[0] == 200
    assert capfd.readouterr().err == ""


def test_a_busy_port_is_one_line(server, tmp_path, monkeypatch):
    class Arguments:
        port, lan, out = server.port, False, tmp_path

    with pytest.raises(ValueError, match=rf"--port {server.port}: .*choose another one"):
        command._server(Arguments(), [], Table(), tmp_path)


def test_a_phone_comes_by_https(tmp_path):
    certificate = self_signed("127.0.0.1", tmp_path)
    if certificate is None:
        pytest.skip("OpenSSL's command is not installed")
    assert certificate.stat().st_mode & 0o77 == 0
    with PageServer("127.0.0.1", 0, Table(), receive, certificate=certificate) as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        with socket.create_connection(("127.0.0.1", running.port), timeout=10):  # says nothing, and holds up nobody
            context = ssl.create_default_context(cafile=str(tmp_path / "certificate.pem"))
            connection = http.client.HTTPSConnection("127.0.0.1", running.port, timeout=10, context=context)
            connection.request("GET", "/open/" + running.address.rpartition("/")[2])
            answer = connection.getresponse()
            assert answer.status == 200
            assert "Secure" in answer.headers["Set-Cookie"]
            connection.close()
        running.shutdown()
    assert running.address.startswith("https://")


@pytest.mark.slow
@pytest.mark.skipif(not assets.RUNTIME.is_dir(), reason="`make phone` has not installed onnxruntime-web")
def test_the_command_serves_until_ctrl_c(shipped_artifacts, tmp_path):
    words = ["phone", "--artifacts", shipped_artifacts, "--port", "0", "--out", tmp_path / "records"]
    process = subprocess.Popen(
        [sys.executable, "-m", "benchmarks", *map(str, words)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    assert process.stdout is not None
    address = process.stdout.readline().strip()
    host = address.split("/")[2]
    connection = http.client.HTTPConnection(host, timeout=60)
    connection.request("GET", "/open/" + address.rpartition("/")[2])
    answer = connection.getresponse()
    answer.read()
    cookie = answer.headers["Set-Cookie"].split(";")[0]
    for path in assets.FILES:
        connection.request("GET", path, headers={"Cookie": cookie})
        answer = connection.getresponse()
        content = answer.read()
        assert (answer.status, content) == (200, assets.FILES[path][0].read_bytes()), path
    connection.request("GET", "/models.json", headers={"Cookie": cookie})
    models = json.loads(connection.getresponse().read())
    assert [model["scheme"] for model in models] == ["w8a8", "fp16", "fp32"]
    connection.close()
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=20)
    assert (process.returncode, out) == (0, "")
    assert err.splitlines()[-1].endswith(f"stopped; records are in {tmp_path / 'records'}")
