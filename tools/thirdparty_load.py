"""Eight newcomers train at once with one third party; how long does each wait for an answer, and is any lost?

Writes what the page of the third party shows.  usage: python tools/thirdparty_load.py [--out nbs/results/thirdparty_load.json]
"""

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import torch

from mgm.basics import write_atomically
from mgm.data import swiss_roll_world
from mgm.gate import new_token
from mgm.nets import mlp
from mgm.objectives import WGANGP
from mgm.remote import RemoteFeedback
from mgm.roles import Agent, Mixer
from mgm.rules import combined
from mgm.thirdparty import save_rows
from mgm.training import Run

TERMS = {"default": {"critic": {"make": "mgm.nets.mlp", "outputs": 1, "width": 16}, "sees": "y,peers", "learning_rate": 1e-3}}


def started(folder: Path, companies: int) -> tuple[subprocess.Popen, str, list[str]]:
    "A server in a process of its own on a free port; its address, and a token for each company."
    world = swiss_roll_world(0.7, rows=2_000)
    files = dict(mixer=Mixer(mlp(6, 2, width=16), mlp(6, 1, width=16), WGANGP()).save(folder / "mixer.safetensors"), world=save_rows(folder / "world.safetensors", world.train))
    tokens = [new_token(folder / "tokens.json", f"company-{i}", (0,)) for i in range(companies)]
    (folder / "terms.json").write_text(json.dumps(TERMS))
    files |= dict(tokens=folder / "tokens.json", terms=folder / "terms.json", state=folder / "state")
    flags = [part for name, path in files.items() for part in (f"--{name}", str(path))]
    server = subprocess.Popen([sys.executable, "-m", "mgm.thirdparty", "serve", *flags, "--port", "0"], stdout=subprocess.PIPE, text=True)
    return server, server.stdout.readline().split()[-1], tokens


def newcomer(url: str, token: str, iterations: int, waits: dict, errors: list) -> None:
    "One training; every answer's time goes to `waits`."
    try:
        back = RemoteFeedback(url, token, 0)
        ask = back.line.ask

        def timed(method, path, **parts):
            began = time.perf_counter()
            answer = ask(method, path, **parts)
            waits.setdefault(path.rpartition("/")[2], []).append(1000 * (time.perf_counter() - began))
            return answer

        back.line.ask = timed
        agent = Agent(mlp(2, 2, width=16), mlp(2, 1, width=16), WGANGP(weight=0.1))
        Run(agent, torch.randn(64, 2, generator=torch.Generator().manual_seed(0)), feedback=back, rule=combined(own=0.5), batch=32).fit(iterations)
        waits["answered"] = ask("GET", "/v1/sessions/run").json()["answered"]
        waits["retried"] = back.line.retried
    except Exception as error:  # a lost newcomer is a result
        errors.append(repr(error))


def measured(newcomers: int, iterations: int) -> tuple[list[dict], list[str], float]:
    "Waits of each newcomer, errors, seconds."
    errors, waits = [], [{} for _ in range(newcomers)]
    with tempfile.TemporaryDirectory() as place:
        server, url, tokens = started(Path(place), newcomers)
        try:
            threads = [threading.Thread(target=newcomer, args=(url, token, iterations, mine, errors)) for token, mine in zip(tokens, waits)]
            began = time.perf_counter()
            [thread.start() for thread in threads]
            [thread.join(300) for thread in threads]
            return waits, errors, time.perf_counter() - began
        finally:
            server.terminate()
            server.wait(20)


def main() -> int:
    "Measure and write. Exit code 1 if anything was lost."
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--newcomers", type=int, default=8)
    parser.add_argument("--iterations", type=int, default=200)
    parser.add_argument("--out", default="nbs/results/thirdparty_load.json")
    options = parser.parse_args()
    torch.set_num_threads(1)
    load = os.getloadavg()[0]
    lone, more_errors, _ = measured(1, options.iterations)
    waits, errors, seconds = measured(options.newcomers, options.iterations)
    asked = options.iterations + options.iterations // WGANGP().critic_steps
    latency = {"one alone, critic": summary(lone[0]["critic"]), "one alone, generator": summary(lone[0]["generator"])}
    latency |= {f"{options.newcomers} at once, {kind}": summary([wait for mine in waits for wait in mine.get(kind, [])]) for kind in ("critic", "generator")}
    result = dict(newcomers=options.newcomers, iterations=options.iterations, requests=asked * options.newcomers, lost=sum(asked - mine.get("answered", 0) for mine in waits))
    result |= dict(retried=sum(mine.get("retried", 0) for mine in waits), seconds=round(seconds, 1), errors=errors + more_errors, latency_ms=latency)
    result["machine"] = f"{os.cpu_count()} cores ({platform.machine()}), newcomers and server on the same machine; load from other programs before the start: {load:.1f}"
    write_atomically(options.out, json.dumps(result, indent=1) + "\n")
    print(json.dumps(result, indent=1))
    return int(bool(result["errors"] or result["lost"]))


def summary(values: list[float]) -> dict:
    "Percentiles."
    cuts = statistics.quantiles(values, n=100, method="inclusive")
    return dict(requests=len(values)) | {name: round(value, 1) for name, value in (("median", cuts[49]), ("p90", cuts[89]), ("p99", cuts[98]), ("slowest", max(values)))}


if __name__ == "__main__":
    sys.exit(main())
