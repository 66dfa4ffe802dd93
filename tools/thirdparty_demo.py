"""A third party and two newcomers, each in a process of its own, on this machine; after about a minute, what the newcomers have gained.

The third party holds a world of two agents and a mixer that comes with the library. Each company is one of the agents, has 32 rows, and
trains twice: alone, and with feedback from afar.   usage: python tools/thirdparty_demo.py [--iterations 800]
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import torch

from mgm.basics import load_tensors, save_tensors
from mgm.data import swiss_roll_world
from mgm.gate import new_token
from mgm.metrics import w1
from mgm.nets import mlp
from mgm.objectives import WGANGP
from mgm.remote import RemoteFeedback
from mgm.roles import Agent
from mgm.rules import combined
from mgm.thirdparty import save_rows
from mgm.training import Run

ROOT = Path(__file__).resolve().parent.parent
MIXER = ROOT / "nbs" / "results" / "mixers" / "lite-beta0.5.safetensors"
COMPANIES = {"yellow": 0, "green": 1}
TERMS = {"default": {"critic": {"make": "mgm.nets.mlp", "outputs": 1, "width": 64}, "objective": {"make": "mgm.objectives.WGANGP", "weight": 0.1}, "sees": "y,peers", "whiten": True, "learning_rate": 1e-3}}


def company(url: str, position: int, rows: str, iterations: int) -> None:
    "One newcomer: it has a file with its own few rows, a token in its environment, and an address."
    torch.set_num_threads(1)
    own = load_tensors(rows)[0]["own"]
    results = {}
    for name in ("alone", "with feedback"):
        back = RemoteFeedback(url, os.environ["MGM_TOKEN"], position) if name == "with feedback" else None
        agent = Agent(mlp(2, 2, width=64), mlp(2, 1, width=64), WGANGP(weight=0.1))
        run = Run(agent, own, feedback=back, rule=combined(own=0.1 if back else 1.0), seed=position, batch=32, learning_rate=1e-3, average=0.98)
        began = time.perf_counter()
        run.fit(iterations)
        results[name] = [run.sample(2000, seed=1).tolist(), time.perf_counter() - began]
        if back is not None:
            back.close()
    print(json.dumps(results))


def main() -> None:
    "Start all three, wait, and compare what the newcomers generate with the truth, which only this program knows."
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--iterations", type=int, default=800)
    parser.add_argument("--company", nargs=3, help=argparse.SUPPRESS)  # URL, position, file of own rows: one of the two clients
    options = parser.parse_args()
    if options.company:
        return company(options.company[0], int(options.company[1]), options.company[2], options.iterations)
    world, began, processes = swiss_roll_world(0.5, rows=20_000), time.perf_counter(), []
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        (folder / "terms.json").write_text(json.dumps(TERMS))
        save_rows(folder / "world.safetensors", world.train)
        tokens = {name: new_token(folder / "tokens.json", name, (position,)) for name, position in COMPANIES.items()}
        command = [sys.executable, "-m", "mgm.thirdparty", "serve", "--mixer", str(MIXER), "--port", "0"]
        command += [part for name in ("world.safetensors", "tokens.json", "terms.json", "state") for part in (f"--{name.partition('.')[0]}", str(folder / name))]
        server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        try:
            url = server.stdout.readline().split()[-1]
            print(f"the third party listens on {url}; {' and '.join(COMPANIES)} have 32 rows each, and ask it", flush=True)
            for name, position in COMPANIES.items():
                file = save_tensors(folder / f"{name}.safetensors", {"own": world.low(position, 32, seed=0).own}, {"kind": "own"})
                client = [sys.executable, __file__, "--company", url, str(position), str(file), "--iterations", str(options.iterations)]
                processes.append(subprocess.Popen(client, stdout=subprocess.PIPE, text=True, env=os.environ | {"MGM_TOKEN": tokens[name]}))
            outputs = [process.communicate(timeout=600)[0] for process in processes]
        finally:
            for process in (*processes, server):
                process.terminate()
                process.wait(20)
    for (name, position), output in zip(COMPANIES.items(), outputs):
        scores = {way: w1(torch.tensor(sample), world.test.x[position][:2000], reference=world.train.x[position]) for way, (sample, _) in json.loads(output).items()}
        told = ", ".join(f"{way} {score.value:.3f}" for way, score in scores.items())
        print(f"{name:>7} (agent {position}): exact W1 to the truth {told}; two samples of the truth {scores['alone'].floor:.3f} apart")
    print(f"{time.perf_counter() - began:.0f} s in all")


if __name__ == "__main__":
    main()
