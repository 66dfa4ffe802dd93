"""How long one training iteration takes, beside the time of the arithmetic that no implementation can avoid.

    make bench                                              # writes nbs/results/speed.json; the page about speed shows it
    python tools/bench.py --width 128 --repeats 10          # a quick look at one setting

Four things take turns in one process, so that whatever else the machine does strikes all of them alike:

floor            every matrix product of five iterations, once, into memory that is there already; then the optimisers' traffic
mgm              five iterations of `mgm.training.Run`
straightforward  the same algorithm as one writes it first: automatic differentiation twice, a pass each for real, fake and
                 between, one default Adam a network
published form   the published program's form, as far as it is documented: each critic step draws its own noise and makes
                 its own fakes, agent and mixer share their noise, and the critics' losses reach back into the generator
                 (its gradients are cleared, never used)

The clock is the processor time of this process, on one thread. Nothing here is a test of speed: the only thing asserted
is that mgm and the straightforward form compute the same losses.
"""

import argparse
import json
import platform
import resource
import subprocess
import sys
from pathlib import Path
from statistics import quantiles
from time import process_time

import ot
import torch
from bench_floor import Floor
from bench_plain import Plain

from mgm.basics import stream
from mgm.data import swiss_roll_world
from mgm.metrics import w1
from mgm.nets import mlp
from mgm.objectives import WGANGP
from mgm.penalty import differentiate, wasserstein_critic_loss
from mgm.roles import Agent, Feedback, Mixer
from mgm.rules import combined
from mgm.training import Run

BLOCK = 5  # iterations between two steps of the generator; everything is measured in such blocks
SETTINGS = {512: "published", 128: "lite"}  # width of the layers -> name


def newcomer(width: int, batch: int, rows: int = 20_000) -> Run:
    "The synthetic experiment: Low-32, marginal feedback, WGAN-GP on both levels, all networks of three hidden layers."
    world = swiss_roll_world(0.5, rows=rows)
    mixer = Mixer(mlp(6, 2, width=width), mlp(6, 1, width=width), WGANGP(weight=1.0))
    back = Feedback(mixer, 0, world.train, mlp(2, 1, width=width), WGANGP(weight=1.0), sees="y")
    agent = Agent(mlp(2, 2, width=width), mlp(2, 1, width=width), WGANGP(weight=0.1, critic_steps=BLOCK))
    return Run(agent, world.low(0, 32, seed=0), feedback=back, rule=combined(own=0.5), batch=batch)


def check_same(width: int, batch: int, iterations: int = 2 * BLOCK):
    "mgm and the straightforward form must report the same losses, up to rounding."
    pairs = zip(newcomer(width, batch).steps(iterations), Plain(newcomer(width, batch), published=False).steps(iterations))
    for step, (ours, theirs) in enumerate(pairs, start=1):
        for a, b in zip(ours[1:], theirs):
            assert (a is None) == (b is None) and (a is None or abs(a - b) < 1e-4 + 1e-3 * abs(b)), f"width {width}, step {step}: {ours} and {theirs}"


def summary(values: list[float]) -> dict:
    "Median and quartiles."
    return dict(zip(("low", "median", "high"), (round(v, 5) for v in quantiles(values, n=4))))


def take_turns(contestants: dict, repeats: int) -> dict[str, list[float]]:
    "Processor seconds of each, `repeats` times over, in an order that rotates; each has a turn that does not count just before."
    seconds, names = {name: [] for name in contestants}, list(contestants)
    for turn in range(repeats):
        for name in names[turn % len(names):] + names[:turn % len(names)]:
            contestants[name]()
            began = process_time()
            contestants[name]()
            seconds[name].append(process_time() - began)
    return seconds


def compare_iterations(width: int, batch: int, repeats: int) -> dict:
    "Milliseconds an iteration, and ratios, each formed within a turn."
    check_same(width, batch)
    floor, ours = Floor(width, batch, BLOCK), newcomer(width, batch)
    plain = {name: Plain(newcomer(width, batch), name == "published form") for name in ("straightforward", "published form")}
    advance = lambda trained: lambda: [None for _ in trained.steps(BLOCK)]
    contestants = {"products": floor.multiply, "traffic": floor.stream, "mgm": advance(ours)} | {k: advance(v) for k, v in plain.items()}
    seconds = take_turns(contestants, repeats)
    seconds["floor"] = [a + b for a, b in zip(seconds["products"], seconds["traffic"])]
    compared = [(name, "floor") for name in ("mgm", *plain)] + [("straightforward", "mgm")]
    parameters = {"critics": floor.state[0][0].numel(), "generator": floor.state[1][0].numel()}
    return dict(
        width=width,
        milliseconds={name: summary([1e3 * s / BLOCK for s in values]) for name, values in seconds.items()},
        ratios={f"{a} / {b}": summary([x / y for x, y in zip(seconds[a], seconds[b])]) for a, b in compared},
        parts={": ".join(name): summary([1e3 * s for s in values]) for name, values in take_turns(parts(ours, floor), repeats).items()},
        products=floor.table(),
        parameters=parameters,
        traffic_megabytes=28e-6 * (BLOCK * parameters["critics"] + parameters["generator"]) / BLOCK,
    )


def parts(run: Run, floor: Floor) -> dict:
    "Pieces of an iteration in several forms, (piece, form) -> what to time."
    role, back, critic = run.role, run.feedback, run.role.critic
    rows = [torch.randn(run.batch, 2), torch.randn(run.batch, 2), torch.rand(run.batch, 1)]
    draw = back.draw(torch.randint(len(back.y), (run.batch,), generator=stream(0, "peers")), stream(0, "mixer"), stream(0, "penalty"))
    parameters, weights = list(critic.parameters()), list(role.generator.parameters())
    loss = lambda closed: [wasserstein_critic_loss(critic, *rows, 0.1, None, closed)]

    @torch.no_grad()
    def fakes():
        back.fake(role.generate(rows[0]), draw)

    def generator():
        samples = role.generate(rows[0])
        torch.autograd.grad([role.objective.generator_loss(critic, samples), back.generator_loss(samples, draw)], weights)

    def adam(fused: bool):
        copies = [torch.nn.Parameter(p.detach().clone()) for p in parameters]
        for parameter in copies:
            parameter.grad = torch.randn_like(parameter)
        return torch.optim.Adam(copies, lr=1e-4, betas=(0.5, 0.9), fused=fused).step

    return {
        ("gradient of one critic", "products"): lambda: floor.multiply_some(0, "own critic"),
        ("gradient of one critic", "mgm"): lambda: differentiate(loss(None), parameters),
        ("gradient of one critic", "straightforward"): lambda: torch.autograd.grad(loss(False), parameters, allow_unused=True),
        ("samples, and what the mixer makes of them", "products"): lambda: floor.multiply_some(0, "generator", "mixer"),
        ("samples, and what the mixer makes of them", "mgm"): fakes,
        ("gradient of the generator", "products"): lambda: floor.multiply_some(1, "generator", "mixer", "own critic", "feedback critic"),
        ("gradient of the generator", "mgm"): generator,
        ("Adam on one critic", "fused"): adam(True),
        ("Adam on one critic", "default"): adam(False),
    }


def peak_memory(rows: int = 128_000, iterations: int = 200):
    "Print the peak memory of this process, in megabytes: after the imports, with a world of the published size, after training."
    peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024e-6
    peaks = {"imports": peak()}
    run = newcomer(512, 32, rows)
    peaks["world and networks"] = peak()
    run.fit(iterations)
    print(json.dumps({"rows": rows, "iterations": iterations, "megabytes": peaks | {"training": peak()}}))


def compare_w1(repeats: int, n: int = 2000) -> dict:
    "Processor seconds of `mgm.metrics.w1` and of POT alone, distances included, on two samples of the roll."
    world = swiss_roll_world(0.5, rows=n)
    a, b = world.train.x[0].double().numpy(), world.test.x[0].double().numpy()
    pot = lambda: ot.emd2([], [], ot.dist(a, b, metric="euclidean"), numItermax=10_000_000)
    assert abs(w1(a, b).value - pot()) < 1e-9
    seconds = take_turns({"mgm": lambda: w1(a, b), "POT": pot}, repeats)
    return dict(n=n, seconds={k: summary(v) for k, v in seconds.items()}, ratio=summary([x / y for x, y in zip(seconds["mgm"], seconds["POT"])]))


def machine() -> dict:
    "What the numbers were measured on."
    cpu = next((line.split(":")[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")), platform.processor())
    return dict(cpu=cpu, threads=torch.get_num_threads(), torch=torch.__version__, pot=ot.__version__, python=platform.python_version())


def show(result: dict):
    "Print what was measured."
    print(", ".join(f"{k} {v}" for k, v in (result["machine"] | result["configuration"]).items()))
    for name, setting in result["settings"].items():
        print(f"\n{name}, {setting['width']} wide: the products of {BLOCK} iterations (layers; rows, inner, columns; times)")
        for p in setting["products"]:
            print(f"  {p['what']:9} {str(p['layers']):7} {str(p['shape']):16} {p['times']:3} {p['megaflops']:8.1f} Mflop  {', '.join(p['networks'])}")
        for group, unit in (("milliseconds", "ms an iteration"), ("ratios", ""), ("parts", "ms")):
            for key, v in setting[group].items():
                print(f"  {key:58} {v['median']:7.2f} {unit} (quartiles {v['low']:.2f} to {v['high']:.2f})")
    print("\npeak memory, MB:", ", ".join(f"{k} {v:.0f}" for k, v in result["memory"]["megabytes"].items()))
    print(f"exact W1 / POT on {result['w1']['n']} points: {result['w1']['ratio']['median']:.3f}")


def main():
    "Measure and report."
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--width", type=int, nargs="+", default=list(SETTINGS), help="units of each hidden layer (default: 512 128)")
    parser.add_argument("--batch", type=int, default=32, help="rows a step (default: 32)")
    parser.add_argument("--repeats", type=int, default=40, help="turns of each contestant, at least 2 (default: 40)")
    parser.add_argument("--out", type=Path, help="also write the result to this JSON file")
    parser.add_argument("--memory", action="store_true", help="only train for 200 iterations and print the peak memory")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    if arguments.memory:
        return peak_memory()
    memory = subprocess.run([sys.executable, __file__, "--memory"], check=True, capture_output=True, text=True).stdout
    configuration = dict(batch=arguments.batch, repeats=arguments.repeats, block=BLOCK)
    settings = {SETTINGS.get(w, f"width {w}"): compare_iterations(w, arguments.batch, arguments.repeats) for w in arguments.width}
    result = dict(machine=machine(), configuration=configuration, settings=settings, memory=json.loads(memory), w1=compare_w1(arguments.repeats))
    show(result)
    if arguments.out:
        arguments.out.parent.mkdir(parents=True, exist_ok=True)
        arguments.out.write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
