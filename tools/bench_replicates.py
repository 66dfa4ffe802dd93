"""Time of one iteration of one run, trained alone and together with others, over widths; turn by turn, medians and quartiles."""

import argparse
import json
import platform
from pathlib import Path
from statistics import quantiles
from time import perf_counter

import torch

from mgm.basics import write_atomically
from mgm.data import swiss_roll_world
from mgm.experiments import versions
from mgm.nets import mlp
from mgm.objectives import WGANGP
from mgm.replicates import Replicates
from mgm.roles import Agent, Feedback, Mixer
from mgm.rules import combined
from mgm.training import Run


def newcomer(world, width: int, seed: int, device: str) -> Run:
    "A newcomer with whitened conditional feedback, batch 32."
    mixer = Mixer(mlp(6, 2, width=width), mlp(6, 1, width=width), WGANGP(1.0))
    agent = Agent(mlp(2, 2, width=width), mlp(2, 1, width=width), WGANGP(0.1))
    back = Feedback(mixer, 0, world.train, mlp(4, 1, width=width), WGANGP(0.1), sees="y,peers", whiten=True)
    return Run(agent, world.low(0, 32, seed=0), feedback=back, rule=combined(own=0.1), seed=seed, batch=32, learning_rate=1e-3, average=0.99, device=device)


def timed(trainee, runs: int, seconds: float, device: str) -> float:
    "Milliseconds an iteration and run, over about so many seconds; whole rounds of five iterations, as the generator steps in every fifth."
    began, done = perf_counter(), 0
    while perf_counter() - began < seconds:
        for _ in trainee.steps(5):
            done += 1
        if device != "cpu":
            torch.cuda.synchronize()
    return (perf_counter() - began) / done / runs * 1e3


def main() -> None:
    "All widths and numbers of replicates, in turn."
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True, help="the JSON file")
    parser.add_argument("--widths", type=int, nargs="+", default=[32, 64, 128, 256, 512])
    parser.add_argument("--together", type=int, nargs="+", default=[4, 16])
    parser.add_argument("--turns", type=int, default=7)
    parser.add_argument("--seconds", type=float, default=1.0, help="a measurement")
    parser.add_argument("--device", default="cpu")
    options = parser.parse_args()
    torch.set_num_threads(1)
    world, lines = swiss_roll_world(0.5, rows=10_000), []
    for width in options.widths:
        trainees = {1: newcomer(world, width, 0, options.device)}
        trainees |= {n: Replicates([newcomer(world, width, seed, options.device) for seed in range(n)]) for n in options.together}
        times = {n: [] for n in trainees}
        for turn in range(options.turns + 1):  # the first warms up
            for n, trainee in trainees.items():
                times[n].append(timed(trainee, n, options.seconds, options.device))
        for n, values in times.items():
            low, middle, high = quantiles(values[1:], n=4)
            gain = quantiles([a / b for a, b in zip(times[1][1:], values[1:])], n=4)
            lines.append(dict(width=width, together=n, ms=middle, ms_quartiles=[low, high], faster=gain[1], faster_quartiles=[gain[0], gain[2]]))
            print(f"width {width}, {n} together: {middle:.2f} ms an iteration and run, {gain[1]:.2f} x as fast as alone", flush=True)
    machine = dict(device=options.device, processor=platform.processor() or platform.machine(), threads=1, turns=options.turns)
    write_atomically(options.out, json.dumps(dict(machine=machine, versions=versions(), lines=lines), indent=1) + "\n")


if __name__ == "__main__":
    main()
