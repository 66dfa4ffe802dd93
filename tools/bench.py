"""How long one training iteration takes, beside the time of the arithmetic that no implementation can avoid.

    make bench                                              # writes nbs/results/speed.json; the page about speed shows it
    python tools/bench.py --width 128 --repeats 10          # a quick look at one setting

Four things take turns in one process, so that whatever else the machine does strikes all of them alike:

floor            every matrix product of five iterations, once, into memory that is there already; then the optimisers' traffic
mgm              five iterations of `mgm.training.Run`
straightforward  the same algorithm as one writes it first: automatic differentiation twice, a pass each for real, fake and
                 between, one default Adam a network
published        the published program's form, as far as it is documented: each critic step draws its own noise and makes
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
from collections import Counter
from pathlib import Path
from statistics import quantiles
from time import process_time
from typing import NamedTuple

import ot
import torch

from mgm.data import swiss_roll_world
from mgm.metrics import w1
from mgm.nets import mlp
from mgm.objectives import WGANGP
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


class Plain:
    "The same algorithm in plain PyTorch, in the straightforward or in the published form; it draws what the `Run` would draw."

    def __init__(self, run: Run, published: bool):
        self.run, self.agent, self.back, self.published, self.iteration = run, run.role, run.feedback, published, 0
        self.optimisers = {name: torch.optim.Adam(net.parameters(), lr=run.learning_rate, betas=run.betas) for name, net in run.networks.items()}

    def draw(self) -> dict:
        "Rows and noise of one step."
        batch, random = self.run.batch, self.run.random
        own = torch.randint(len(self.run.real), (batch,), generator=random["data"])
        noise = torch.randn(batch, 2, generator=random["noise"])
        world = torch.randint(len(self.back.y), (batch,), generator=random["peers"])
        mixer_noise = noise if self.published else torch.randn(batch, 2, generator=random["mixer"])
        return dict(own=own, noise=noise, world=world, mixer_noise=mixer_noise)

    def mixed(self, samples: torch.Tensor, drawn: dict) -> torch.Tensor:
        "What the frozen mixer makes of the newcomer's samples."
        return self.back.mixer.generator(torch.cat([samples, self.back.peers[drawn["world"]], drawn["mixer_noise"]], 1))

    def critic_step(self, name: str, weight: float, real: torch.Tensor, fake: torch.Tensor, penalty: str) -> float:
        "One step of one critic."
        critic, epsilon = self.run.networks[name], torch.rand(len(real), 1, generator=self.run.random[penalty])
        if self.published:
            self.optimisers["generator"].zero_grad()
        self.optimisers[name].zero_grad()
        between = (epsilon * real + (1 - epsilon) * fake.detach()).requires_grad_()
        (slope,) = torch.autograd.grad(critic(between).sum(), between, create_graph=True)
        loss = critic(fake).mean() - critic(real).mean() + weight * ((slope.norm(dim=1) - 1) ** 2).mean()
        loss.backward()
        self.optimisers[name].step()
        return loss.item()

    def critic_steps(self) -> tuple[float, float]:
        "A step of both critics; their losses."
        drawn = self.draw()
        fake = self.agent.generator(drawn["noise"])
        fake = fake if self.published else fake.detach()
        own = self.critic_step("own critic", self.agent.objective.weight, self.run.real[drawn["own"]], fake, "penalty")
        if self.published:
            drawn = self.draw()
            fake = self.agent.generator(drawn["noise"])
        mixed, real = self.mixed(fake, drawn), self.back.y[drawn["world"]]
        return own, self.critic_step("feedback critic", self.back.objective.weight, real, mixed, "feedback penalty")

    def generator_step(self) -> tuple[float, float]:
        "A step of the generator; its two losses."
        drawn = self.draw()
        if not self.published:  # a `Run` draws for the penalty here, too, and does not use it
            torch.rand(self.run.batch, 1, generator=self.run.random["feedback penalty"])
        samples = self.agent.generator(drawn["noise"])
        own = -self.agent.critic(samples).mean()
        feedback = -self.back.critic(self.mixed(samples, drawn)).mean()
        self.optimisers["generator"].zero_grad()
        (self.run.rule.own * own + (1 - self.run.rule.own) * feedback).backward()
        self.optimisers["generator"].step()
        return own.item(), feedback.item()

    def steps(self, n: int):
        "An iterator over the losses of `n` iterations, in the order of a `Record`."
        for _ in range(n):
            own, feedback = self.critic_steps()
            self.iteration += 1
            generator = self.generator_step() if self.iteration % BLOCK == 0 else (None, None)
            yield own, generator[0], feedback, generator[1]


class Product(NamedTuple):
    "One matrix product of an iteration, (rows, inner) times (inner, columns)."

    network: str
    layer: int
    what: str
    rows: int
    inner: int
    columns: int


def critic_products(network: str, width: int, batch: int) -> list[Product]:
    "Closed form of loss and gradient: real, fake and between share their products; the loss needs no output between, the penalty no slope elsewhere."
    sizes, every = [2, width, width, width, 1], 3 * batch
    found = []
    for layer, (into, out) in enumerate(zip(sizes, sizes[1:]), start=1):
        first, last = layer == 1, layer == len(sizes) - 1
        found.append(Product(network, layer, "forward", 2 * batch if last else every, into, out))
        found.append(Product(network, layer, "backward", batch if first else every, out, into))
        found.append(Product(network, layer, "gradient", out, every, into))
        if not last:
            found.append(Product(network, layer, "penalty", batch, into, out))
    return found


def passes(network: str, sizes: list[int], batch: int, whats: str, wanted: int | None = None) -> list[Product]:
    "Forward, backward (to `wanted` of the inputs, if to any) and gradient products of one batch through one network."
    found = []
    for layer, (into, out) in enumerate(zip(sizes, sizes[1:]), start=1):
        if "forward" in whats:
            found.append(Product(network, layer, "forward", batch, into, out))
        if "backward" in whats and (layer > 1 or wanted):
            found.append(Product(network, layer, "backward", batch, out, wanted if layer == 1 else into))
        if "gradient" in whats:
            found.append(Product(network, layer, "gradient", out, batch, into))
    return found


def unavoidable(width: int, batch: int) -> tuple[list[Product], list[Product]]:
    "Products of one step of both critics, and of one step of the generator."
    hidden = [width] * 3
    agent, mixer, critic = [2, *hidden, 2], [6, *hidden, 2], [2, *hidden, 1]
    critics = passes("generator", agent, batch, "forward") + passes("mixer", mixer, batch, "forward")
    generator = passes("generator", agent, batch, "forward backward gradient") + passes("mixer", mixer, batch, "forward backward", 2)
    for name in ("own critic", "feedback critic"):
        critics += critic_products(name, width, batch)
        generator += passes(name, critic, batch, "forward backward", 2)
    return critics, generator


class Floor:
    "The unavoidable work, and nothing else."

    def __init__(self, width: int, batch: int):
        self.products, weights = unavoidable(width, batch), {}
        random = lambda *shape: torch.randn(*shape) * 0.1
        self.operands = [[], []]
        for operands, products in zip(self.operands, self.products):
            for p in products:
                right = random(p.inner, p.columns)
                if p.what != "gradient":  # the same weights in every pass, as far as the shape allows
                    right = weights.setdefault((p.network, p.layer, right.shape), right)
                operands.append((random(p.rows, p.inner), right, torch.empty(p.rows, p.columns)))
        count = lambda outputs: 2 * width + width + 2 * (width * width + width) + outputs * (width + 1)
        self.state = [torch.rand(4, 2 * count(1)), torch.rand(4, count(2))]  # parameter, gradient and two moments: critics, generator

    def multiply(self):
        "All products of a block."
        for operands in [self.operands[0]] * BLOCK + [self.operands[1]]:
            for left, right, out in operands:
                torch.mm(left, right, out=out)

    def stream(self):
        "What the optimisers of a block must move: parameter, gradient and both moments are read, all but the gradient written."
        for parameter, gradient, first, second in [self.state[0]] * BLOCK + [self.state[1]]:
            parameter.mul_(1.0)
            first.add_(gradient, alpha=1e-6)
            second.mul_(1.0)

    def table(self) -> list[dict]:
        "How often a block needs which product."
        times = Counter(self.products[0] * BLOCK + self.products[1])
        return [dict(p._asdict(), times=n, megaflops=2e-6 * n * p.rows * p.inner * p.columns) for p, n in times.items()]


def check_same(width: int, batch: int, iterations: int = 2 * BLOCK):
    "mgm and the straightforward form must report the same losses, up to rounding."
    pairs = zip(newcomer(width, batch).steps(iterations), Plain(newcomer(width, batch), published=False).steps(iterations))
    for step, (ours, theirs) in enumerate(pairs, start=1):
        for a, b in zip(ours[1:], theirs):
            assert (a is None) == (b is None) and (a is None or abs(a - b) < 1e-4 + 1e-3 * abs(b)), f"width {width}, step {step}: {ours} and {theirs}"


def summary(values: list[float]) -> dict:
    "Median and quartiles."
    low, median, high = quantiles(values, n=4)
    return dict(median=median, low=low, high=high)


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
    floor, ours = Floor(width, batch), newcomer(width, batch)
    plain = {name: Plain(newcomer(width, batch), name == "published") for name in ("straightforward", "published")}
    advance = lambda trained: lambda: [None for _ in trained.steps(BLOCK)]
    contestants = {"products": floor.multiply, "traffic": floor.stream, "mgm": advance(ours)} | {k: advance(v) for k, v in plain.items()}
    seconds = take_turns(contestants, repeats)
    seconds["floor"] = [a + b for a, b in zip(seconds["products"], seconds["traffic"])]
    compared = [(name, "floor") for name in ("mgm", *plain)] + [("straightforward", "mgm")]
    return dict(
        width=width,
        milliseconds={name: summary([1e3 * s / BLOCK for s in values]) for name, values in seconds.items()},
        ratios={f"{a} / {b}": summary([x / y for x, y in zip(seconds[a], seconds[b])]) for a, b in compared},
        products=floor.table(),
        parameters={"critics": floor.state[0][0].numel(), "generator": floor.state[1][0].numel()},
    )


def peak_memory(iterations: int = 200):
    "Print the peak memory of this process, in megabytes: after the imports, with the world of 128,000 rows, after training."
    peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024 * 1.048576
    peaks = {"imports": peak()}
    run = newcomer(512, 32, rows=128_000)
    peaks["world and networks"] = peak()
    run.fit(iterations)
    print(json.dumps(peaks | {"training": peak()}))


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
        print(f"\n{name}, {setting['width']} wide: the products of {BLOCK} iterations")
        for p in setting["products"]:
            print(f"  {p['network']:16} layer {p['layer']} {p['what']:9} ({p['rows']:3}, {p['inner']:3}) x ({p['inner']:3}, {p['columns']:3})  {p['times']:2} times {p['megaflops']:8.1f} Mflop")
        for unit, values in (("ms an iteration", setting["milliseconds"]), ("ratio", setting["ratios"])):
            for key, v in values.items():
                print(f"  {key:24} {v['median']:7.2f} {unit} (quartiles {v['low']:.2f} to {v['high']:.2f})")
    print("\npeak memory, MB:", ", ".join(f"{k} {v:.0f}" for k, v in result["memory"].items()))
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
    configuration = dict(batch=arguments.batch, repeats=arguments.repeats, block=BLOCK)
    settings = {SETTINGS.get(w, f"width {w}"): compare_iterations(w, arguments.batch, arguments.repeats) for w in arguments.width}
    memory = subprocess.run([sys.executable, __file__, "--memory"], check=True, capture_output=True, text=True).stdout
    result = dict(machine=machine(), configuration=configuration, settings=settings, memory=json.loads(memory), w1=compare_w1(max(arguments.repeats // 4, 2)))
    show(result)
    if arguments.out:
        arguments.out.parent.mkdir(parents=True, exist_ok=True)
        arguments.out.write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
