"""A third party under attack: killed, flooded, asked nonsense. It must lose nothing, leak nothing, and stay alive."""

import contextlib
import json
import os
import random
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time
from urllib.parse import quote

import httpx
import pytest
import torch
from conftest import ROOT
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from thirdparty_client import newcomer

from mgm.basics import InputError, load_tensors
from mgm.data import swiss_roll_world
from mgm.gate import Limits, Tokens, new_token
from mgm.guards import read_checkpoint
from mgm.nets import mlp
from mgm.objectives import WGANGP
from mgm.roles import Mixer
from mgm.sessions import Terms, ThirdParty
from mgm.thirdparty import running, save_rows
from mgm.wire import REASONS, pack

CRITIC = {"make": "mgm.nets.mlp", "outputs": 1, "width": 16}
TERMS = {"critic": CRITIC, "sees": "y,peers", "learning_rate": 1e-3, "seeds": True}
OCTETS = {"Content-Type": "application/octet-stream"}


def parts():
    "A small world and a mixer for it."
    return swiss_roll_world(0.5, rows=2_000).train, Mixer(mlp(6, 2, width=16), mlp(6, 1, width=16), WGANGP())


class Server:
    "`python -m mgm.thirdparty serve` in a process of its own, on a port that stays the same."

    def __init__(self, folder, environment):
        world, mixer = parts()
        self.environment, self.log = environment, folder / "log"
        files = dict(mixer=mixer.save(folder / "mixer.safetensors"), world=save_rows(folder / "world.safetensors", world), terms=folder / "terms.json")
        files |= dict(tokens=folder / "tokens.json", state=folder / "state")
        files["terms"].write_text(json.dumps({"default": TERMS}))
        self.token = new_token(folder / "tokens.json", "yellow", (0,))
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        self.command = [sys.executable, "-m", "mgm.thirdparty", "serve", "--port", str(self.port), "--rate", "100000"]
        self.command += [part for name, path in files.items() for part in (f"--{name}", str(path))]
        self.url, self.process = f"http://127.0.0.1:{self.port}", None

    def start(self):
        "Start it, and wait until it listens."
        self.process = subprocess.Popen(self.command, env=self.environment, stdout=subprocess.PIPE, stderr=self.log.open("a"), text=True)
        assert self.process.stdout.readline().startswith("listening on"), self.log.read_text()

    def kill(self):
        "SIGKILL: no time for last words."
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(20)


@pytest.fixture
def server(tmp_path, environment):
    "A server that is running, and is not any more when the test is over."
    made = Server(tmp_path, environment)
    made.start()
    yield made
    made.kill()


def test_kills_in_the_middle_change_nothing(server, tmp_path, environment):
    "SIGKILL twice while a newcomer trains; it goes on by itself and ends with the bits of an undisturbed one."
    command = [sys.executable, str(ROOT / "tests" / "thirdparty_client.py"), server.url, server.token]
    client = subprocess.Popen([*command, "killed", "80", str(tmp_path / "killed")], env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        for wanted in ("10", "50"):
            for line in client.stdout:
                if line.strip() == wanted:
                    break
            time.sleep(random.uniform(0.0, 0.2))
            assert client.poll() is None, "the training was over too soon"
            server.kill()
            server.start()
        output, errors = client.communicate(timeout=120)
    finally:
        client.kill()
    assert client.returncode == 0 and output.endswith("done\n"), errors
    calm = newcomer(server.url, server.token, "calm")
    calm.fit(80)
    killed = read_checkpoint(tmp_path / "killed")
    assert killed["step"] == 80
    for name, net in calm.networks.items():
        for key, value in net.state_dict().items():
            assert torch.equal(value, killed["networks"][name][key]), f"{name}: {key}"
    states = [load_tensors(tmp_path / "state" / "yellow" / f"{name}.safetensors") for name in ("killed", "calm")]
    assert states[0][1]["number"] == states[1][1]["number"] == 96  # 80 critic steps, 16 of the generator
    assert all(torch.equal(value, states[1][0][key]) for key, value in states[0][0].items() if key.startswith(("critic.", "adam.", "random.peers", "random.mixer")))


@pytest.mark.skipif(shutil.which("openssl") is None, reason="no openssl to make a certificate with")
def test_the_same_over_tls(tmp_path, environment):
    "With a certificate of its own: who trusts it trains as in the clear, who does not is told why, and a host other than this machine needs one."
    pair = [tmp_path / "certificate.pem", tmp_path / "key.pem"]
    request = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1"]
    subprocess.run([*request, "-out", str(pair[0]), "-keyout", str(pair[1])], check=True, capture_output=True)
    server = Server(tmp_path, environment)
    clear = [*server.command, "--host", "0.0.0.0"]
    server.command += ["--tls-certificate", str(pair[0]), "--tls-key", str(pair[1])]
    server.start()
    try:
        secure = server.url.replace("http:", "https:")
        ours = newcomer(secure, server.token, "ours", verify=ssl.create_default_context(cafile=str(pair[0]))).fit(5)
        with pytest.raises(InputError, match="certificate"):
            newcomer(secure, server.token, "strange")
    finally:
        server.kill()
    server.command = server.command[:-4]
    server.start()
    try:
        plain = newcomer(server.url, server.token, "plain").fit(5)
        assert torch.equal(plain.sample(10, 0), ours.sample(10, 0))
    finally:
        server.kill()
    refused = subprocess.run(clear, env=environment, capture_output=True, text=True, timeout=120)
    assert refused.returncode != 0 and "without TLS would send tokens in the clear" in refused.stderr


@contextlib.contextmanager
def house_at_work(folder, limits=Limits(rate=1e6, burst=10**6), terms=TERMS, **options):
    "A third party in this process; its address, a token, and itself."
    world, mixer = parts()
    token = new_token(folder / "tokens.json", "yellow", (0,))
    house = ThirdParty(mixer, world, folder / "state", Terms(**terms), **options)
    with running(house, Tokens(folder / "tokens.json"), limits) as url:
        for _ in range(100):
            with contextlib.suppress(httpx.TransportError):
                httpx.get(f"{url}/v1/health", timeout=30)
                break
            time.sleep(0.05)
        yield url, token, house
    house.close()


@pytest.fixture(scope="module")
def at_work(tmp_path_factory):
    "One third party for all the nonsense below."
    with house_at_work(tmp_path_factory.mktemp("house"), Limits(body=20_000, rate=1e6, burst=10**6, seconds=2.0), most_sessions=50) as (url, token, house):
        with httpx.Client(base_url=url, headers={"Authorization": f"Bearer {token}"}, timeout=60) as client:
            assert client.put("/v1/sessions/watched", json={"position": 0}).status_code == 200
            answer = client.post("/v1/sessions/watched/critic", params={"number": 1, "draws": "16"}, content=pack(samples=torch.zeros(16, 2)), headers=OCTETS)
            assert answer.status_code == 200
            yield client, house


def operations(description: dict) -> list:
    "Method, path and operation of everything that the server describes."
    return [(method, path, operation) for path, item in description["paths"].items() for method, operation in item.items()]


def near(schema: dict):
    "Values that fit a schema, values that nearly do, and nonsense."
    nonsense = st.one_of(st.text(max_size=8), st.integers(-3, 10**12).map(str), st.sampled_from(["", "NaN", "1e400", "null", "../x", "%00", "1,2", "64i,", "0x10", "١"]))
    if "pattern" in schema:
        return st.one_of(st.from_regex(schema["pattern"], fullmatch=True).map(lambda text: text[:100]), nonsense)
    return st.one_of(st.integers(schema.get("minimum", 0), 50).map(str), nonsense)


@given(data=st.data())
@settings(max_examples=150, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
def test_every_request_is_answered_as_described(at_work, data):
    "Requests made from the server's own description, right and wrong: a described status, a reason, and the watched session stays where it is."
    client, house = at_work
    description = client.get("/openapi.json").json() if not hasattr(house, "description") else house.description
    house.description = description
    method, path, operation = data.draw(st.sampled_from(operations(description)))
    parameters = {p["name"]: data.draw(near(p["schema"]), label=p["name"]) for p in operation.get("parameters", [])}
    name = parameters.pop("name", "x")
    if name == "watched" or not name.strip("./"):
        name = "other"
    query = {key: value for key, value in parameters.items() if data.draw(st.integers(0, 9))}
    body = data.draw(st.one_of(st.binary(max_size=300), st.just(pack(samples=torch.zeros(16, 2))), st.builds(json_like, st.integers(-1, 3), st.sampled_from(["position", "offer", "seed", "betas"]))))
    headers = data.draw(st.sampled_from([OCTETS, {"Content-Type": "application/json"}, {"Content-Type": "text/plain"}, {}]))
    before = house._path("yellow", "watched").read_bytes()
    response = client.request(method.upper(), path.replace("{name}", quote(name, safe="")), params=query, content=body, headers=headers)
    described = operation["responses"]
    if response.status_code >= 400:
        plain = response.json()
        assert str(response.status_code) in described or response.status_code in (404, 405)
        assert REASONS[plain["reason"]] == response.status_code and plain["message"], plain
    else:
        assert str(response.status_code) in described
        assert len(response.content) < 2_000  # nothing as long as rows or weights
    assert house._path("yellow", "watched").read_bytes() == before
    assert client.get("/v1/health").json() == {"status": "alive"}


def json_like(position: int, key: str) -> bytes:
    "A body for opening a session, right or wrong."
    return json.dumps({"position": position} | ({} if key == "position" else {key: position})).encode()


def test_no_path_returns_rows_or_weights(at_work):
    "All that the description promises are states, terms, losses and gradients."
    client, house = at_work
    paths = {(method, path) for method, path, _ in operations(client.get("/openapi.json").json())}
    session = "/v1/sessions/{name}"
    assert paths == {("get", "/v1/health"), ("get", "/v1/terms"), ("put", session), ("get", session), ("delete", session)} | {("post", f"{session}/{kind}") for kind in ("critic", "generator", "penalty")}
    told = json.dumps(client.get("/v1/terms").json()) + json.dumps(client.get("/v1/sessions/watched").json())
    numbers = {f"{value:.4f}" for x in (*house.world.x, house.world.y) for value in x[:200].flatten().tolist()}
    assert not any(number in told for number in numbers)


def test_other_methods_and_paths_are_refused(at_work):
    "With a reason, whatever they are."
    client, _ = at_work
    for method, path, reason in (("PATCH", "/v1/terms", "wrong_method"), ("DELETE", "/v1/health", "wrong_method"), ("GET", "/", "no_such_place"), ("GET", "/docs", "no_such_place"), ("GET", "/v1/sessions/a/b/c", "no_such_place")):
        response = client.request(method, path)
        assert (response.status_code, response.json()["reason"]) == (REASONS[reason], reason), path


def test_truncated_slow_and_broken_clients(at_work):
    "A body that ends too soon, one that comes too slowly, heads that never end, and no HTTP at all: alive, and nothing has changed."
    client, house = at_work
    token = client.headers["Authorization"]
    port, state = client.base_url.port, house._path("yellow", "watched").read_bytes()
    head = f"POST /v1/sessions/watched/critic?number=2&draws=16 HTTP/1.1\r\nHost: x\r\nAuthorization: {token}\r\nContent-Type: application/octet-stream\r\nContent-Length: %d\r\n\r\n"
    with socket.create_connection(("127.0.0.1", port)) as gone:
        gone.sendall((head % 200).encode() + b"x" * 100)
    with socket.create_connection(("127.0.0.1", port)) as slow, socket.create_connection(("127.0.0.1", port)) as silent, socket.create_connection(("127.0.0.1", port)) as strange:
        slow.sendall((head % 200).encode() + b"x" * 100)
        strange.sendall(b"\x16\x03\x01 is this the mixer?\r\n\r\n")
        for visitor in (slow, silent, strange):
            visitor.settimeout(10)
        assert "too_slow" in read_all(slow) and "too_slow" in read_all(silent)
        assert " 400 " in read_all(strange)
    large = httpx.post(f"{client.base_url}/v1/sessions/watched/critic?number=2&draws=16", content=b"x" * 20_001, headers=OCTETS | {"Authorization": token}, timeout=60)
    assert (large.status_code, large.json()["reason"]) == (413, "too_large")
    chunks = httpx.post(f"{client.base_url}/v1/sessions/watched/critic?number=2&draws=16", content=(b"x" * 5_000 for _ in range(5)), headers=OCTETS | {"Authorization": token}, timeout=60)
    assert (chunks.status_code, chunks.json()["reason"]) == (413, "too_large")
    assert house._path("yellow", "watched").read_bytes() == state
    assert client.get("/v1/health").status_code == 200


def read_all(visitor: socket.socket) -> str:
    "Everything until the server hangs up."
    parts = []
    with contextlib.suppress(ConnectionResetError):
        while part := visitor.recv(4096):
            parts.append(part)
            if b"}" in part or b"Invalid" in part:
                break
    return b"".join(parts).decode(errors="replace")


def test_too_fast_and_too_many(tmp_path):
    "Rate and sessions have a limit, and the refusal says how long to wait; a training below the limit just takes longer."
    with house_at_work(tmp_path, Limits(rate=8, burst=8), most_sessions=1) as (url, token, _):
        with httpx.Client(base_url=url, headers={"Authorization": f"Bearer {token}"}, timeout=60) as client:
            answers = [client.get("/v1/terms") for _ in range(30)]
            refused = [answer for answer in answers if answer.status_code == 429]
            assert refused and all(answer.json()["reason"] == "too_fast" and 0 < answer.json()["wait"] <= 1 and int(answer.headers["Retry-After"]) >= 1 for answer in refused)
            time.sleep(0.6)
            run = newcomer(url, token, "only")
            run.fit(20)
            assert run.feedback.line.retried > 0 and run.feedback.ledger.answered == 24
            time.sleep(0.5)
            second = client.put("/v1/sessions/second", json={"position": 0, "seed": 1})
            assert (second.status_code, second.json()["reason"]) == (429, "too_many_sessions")


def test_an_expired_session_says_so(tmp_path):
    "410 with a reason, not a new critic under the old name."
    with house_at_work(tmp_path, idle=1.0) as (url, token, house):
        run = newcomer(url, token, "slow")
        run.fit(5)
        os.utime(house._path("yellow", "slow"), (0, time.time() - 5))
        with pytest.raises(ValueError, match="was closed"):
            run.fit(1)


def test_sessions_side_by_side_do_not_touch_each_other(tmp_path):
    "Four newcomers at once; each ends as it would have alone."
    with house_at_work(tmp_path, most_sessions=8) as (url, token, _):
        runs = [newcomer(url, token, f"together-{i}") for i in range(4)]
        threads = [threading.Thread(target=run.fit, args=(20,)) for run in runs]
        [thread.start() for thread in threads]
        [thread.join(60) for thread in threads]
        alone = newcomer(url, token, "alone")
        alone.fit(20)
        for run in runs:
            assert torch.equal(run.sample(20, seed=0), alone.sample(20, seed=0))


def test_the_program_refuses_what_is_unsafe(tmp_path, environment):
    "Tokens that others may read, and other machines without TLS: one line, before anything is listened to."
    server = Server(tmp_path, environment)
    (tmp_path / "tokens.json").chmod(0o644)
    for extra, contains in (((), "chmod 600"), (("--host", "0.0.0.0"), "tokens in the clear")):
        process = subprocess.run([*server.command, *extra], env=environment, capture_output=True, text=True, timeout=60)
        assert process.returncode == 2 and contains in process.stderr and process.stderr.count("\n") == 1, process.stderr
