"""How long a training step of a small StyleGAN2 takes, beside the straightforward form.

    python tools/bench_stylegan.py --out nbs/results/speed_stylegan.json      # the page nbs/20_stylegan.ipynb shows it
    python tools/bench_stylegan.py --repeats 5                                # a quick look

The network is the small one of the digits experiment: 32 × 32 pixels, one colour, channels 64, 64, 32, 16. A step is a step
of the critic and one of the generator, with the penalties on the critic's gradient (R1) and on the path length. Three forms
take turns in one process, with the same weights, rows and noise:

mgm              `mgm.training.Run` with `NonSaturating`: its critic step, its generator step, and a 16th of the step on R1 and
                 a 4th of the step on the path length, which is what they cost on average
straightforward  every row of a batch has weights of its own (convolutions in groups), filters are multiplied into kernels of
                 6 × 6, R1 and path length are part of every step (R1 on the same pass of the real rows), one default Adam a network
its networks     the straightforward networks, with the penalties now and then as above: what the networks alone save

The clock is the processor time of this process, on one thread; what is summed up and divided was measured within one turn.
Asserted is that all forms compute the same losses and penalties. Memory for large networks is computed: networks of the
device "meta" run without numbers, and what they would keep for the gradient is added up.
"""

import argparse
import json
import math
import subprocess
import sys
from functools import lru_cache
from pathlib import Path
from time import process_time

import torch
from bench import machine, summary, take_turns
from torch import Tensor
from torch.nn.functional import conv2d, conv_transpose2d, leaky_relu, softplus

from mgm.basics import stream
from mgm.objectives import NonSaturating
from mgm.penalty import differentiate
from mgm.roles import Agent
from mgm.steps import critic_step, generator_step, lazy_critic_step, lazy_generator_step
from mgm.style_layers import Modulated
from mgm.stylegan import stylegan_critic, stylegan_generator
from mgm.training import Run

SMALL = dict(size=32, channels=[64, 64, 32, 16], colours=1)
MAPPING = dict(style=64, mapping=4)
LARGE = dict(size=256, batch=16)  # memory is computed for this
LAYERS = [(512, 4, 1), (512, 32, 1), (128, 64, 1), (64, 8, 1), (32, 16, 1), (16, 32, 1), (512, 4, 16), (512, 32, 2), (128, 64, 4), (64, 8, 16), (32, 16, 16), (16, 32, 16)]
ROOT2 = math.sqrt(2)


def small_run(batch: int) -> Run:
    "The small StyleGAN2 with rows of noise for data."
    agent = Agent(stylegan_generator(**SMALL, **MAPPING), stylegan_critic(**SMALL), NonSaturating())
    rows = torch.randn(256, SMALL["colours"], SMALL["size"], SMALL["size"], generator=stream(0, "rows"))
    return Run(agent, rows, batch=batch, learning_rate=2e-3, betas=(0.0, 0.99))


@lru_cache(maxsize=None)
def spread(side: int, gain: float, device: torch.device) -> Tensor:
    "(side², (side + 3)²): what each number of a kernel becomes when the kernel is multiplied with the filter."
    taps = torch.tensor([1.0, 3.0, 3.0, 1.0], device="cpu")
    ones = torch.eye(side**2, device="cpu").view(-1, 1, side, side)
    return conv2d(ones, torch.outer(taps, taps)[None, None] * (gain / 64), padding=3).flatten(1).to(device)


def with_filter(weight: Tensor, gain: float) -> Tensor:
    "Kernels of k × k, multiplied with the filter of sum `gain`: (k + 3) × (k + 3)."
    side = weight.shape[-1]
    return (weight.flatten(-2) @ spread(side, gain, weight.device)).unflatten(-1, (side + 3, side + 3))


class PlainGenerator:
    "The generator in the straightforward form, from the tensors of its state dict."

    def __init__(self, net):
        self.t, self.sides, self.layers = dict(net.named_parameters()) | dict(net.named_buffers()), net.sides, net.layers
        self.width, self.depth, self.rate = net.width, len(net.style) - 1, net.style[1].rate

    def linear(self, name: str, x: Tensor, rate: float = 1.0) -> Tensor:
        "A linear layer whose scale is outside."
        return x @ (self.t[f"{name}.weight"] * rate / math.sqrt(x.shape[1])).T + self.t[f"{name}.bias"] * rate

    def styled(self, name: str, x: Tensor, latent: Tensor, demodulate: bool = True) -> Tensor:
        "A convolution with weights for each row."
        n, c, h, _ = x.shape
        plain, style = self.t[f"{name}.weight"], self.linear(f"{name}.modulation", latent).view(n, 1, c, 1, 1)
        style = style / math.sqrt(plain[0, 0].numel())
        if demodulate:
            style = style / ((plain * style).square().sum((2, 3, 4), keepdim=True) + 1e-8).sqrt()
        if f"{name}.blur.kernel" in self.t:
            grouped = (with_filter(plain, 4.0) * style).transpose(1, 2).flatten(0, 1)
            return conv_transpose2d(x.reshape(1, n * c, h, h), grouped, stride=2, padding=2, groups=n).view(n, -1, 2 * h, 2 * h)
        return conv2d(x.reshape(1, n * c, h, h), (plain * style).flatten(0, 1), padding=plain.shape[-1] // 2, groups=n).view(n, -1, h, h)

    def layer(self, name: str, x: Tensor, latent: Tensor, noise: Tensor) -> Tensor:
        "Convolution, noise, bias, rectifier."
        x = self.styled(f"{name}.conv", x, latent) + self.t[f"{name}.noise.weight"] * noise
        return leaky_relu(x + self.t[f"{name}.activate.bias"][:, None, None], 0.2) * ROOT2

    def colours(self, name: str, x: Tensor, latent: Tensor) -> Tensor:
        "Channels to colours."
        return self.styled(f"{name}.conv", x, latent, demodulate=False) + self.t[f"{name}.bias"]

    def mapped(self, x: Tensor) -> Tensor:
        "z to w."
        x = x / (x.square().mean(1, keepdim=True) + 1e-8).sqrt()
        for i in range(1, self.depth + 1):
            x = leaky_relu(self.linear(f"style.{i}", x, self.rate), 0.2) * ROOT2
        return x

    def latents(self, inputs: Tensor) -> Tensor:
        "With the second style from its layer on."
        first, second, where, _ = inputs.split([self.width, self.width, 1, inputs.shape[1] - 2 * self.width - 1], dim=1)
        first, second = self.mapped(first)[:, None], self.mapped(second)[:, None]
        return torch.where(torch.arange(self.layers)[:, None] < where[..., None], first, second)

    def synthesise(self, latents: Tensor, inputs: Tensor) -> Tensor:
        "Images."
        areas = [side**2 for side in self.sides]
        maps = [m.view(-1, 1, side, side) for m, side in zip(inputs[:, 2 * self.width + 1 :].split(areas, 1), self.sides)]
        x = self.layer("conv1", self.t["input.input"].repeat(len(latents), 1, 1, 1), latents[:, 0], maps[0])
        image = self.colours("to_rgb1", x, latents[:, 1])
        for b in range(len(maps) // 2):
            x = self.layer(f"convs.{2 * b}", x, latents[:, 1 + 2 * b], maps[1 + 2 * b])
            x = self.layer(f"convs.{2 * b + 1}", x, latents[:, 2 + 2 * b], maps[2 + 2 * b])
            kernel = self.t[f"to_rgbs.{b}.upsample.kernel"].expand(image.shape[1], 1, 4, 4)
            doubled = conv_transpose2d(image, kernel, stride=2, padding=1, groups=image.shape[1])
            image = self.colours(f"to_rgbs.{b}", x, latents[:, 3 + 2 * b]) + doubled
        return image

    def __call__(self, inputs: Tensor) -> Tensor:
        return self.synthesise(self.latents(inputs), inputs)


class PlainCritic:
    "The critic in the straightforward form, from the tensors of its state dict."

    def __init__(self, net):
        self.t = dict(net.named_parameters()) | dict(net.named_buffers())

    def weight(self, name: str) -> Tensor:
        "Scaled for use."
        return self.t[f"{name}.weight"] / math.sqrt(self.t[f"{name}.weight"][0].numel())

    def rectified(self, x: Tensor, name: str) -> Tensor:
        "Bias and rectifier."
        return leaky_relu(x + self.t[f"{name}.bias"][:, None, None], 0.2) * ROOT2

    def block(self, x: Tensor, name: str) -> Tensor:
        "Two convolutions beside the direct path."
        main = self.rectified(conv2d(x, self.weight(f"{name}.conv1.0"), padding=1), f"{name}.conv1.1")
        kernel = with_filter(self.weight(f"{name}.conv2.1"), 1.0)
        main = self.rectified(conv2d(main, kernel, stride=2, padding=2), f"{name}.conv2.2")
        direct = conv2d(x, with_filter(self.weight(f"{name}.skip.1"), 1.0), stride=2, padding=1)
        return (main + direct) / ROOT2

    def __call__(self, x: Tensor) -> Tensor:
        x, j = self.rectified(conv2d(x, self.weight("convs.0.0")), "convs.0.1"), 1
        while f"convs.{j}.skip.1.weight" in self.t:
            x, j = self.block(x, f"convs.{j}"), j + 1
        n, c, h, _ = x.shape
        groups = x.view(min(n, 4), -1, c, h, h)
        variance = (groups - groups.mean(0)).square().mean(0)
        deviation = (variance + 1e-8).sqrt().mean((1, 2, 3)).view(-1, 1, 1, 1).repeat(min(n, 4), 1, h, h)
        x = self.rectified(conv2d(torch.cat([x, deviation], 1), self.weight("final_conv.0"), padding=1), "final_conv.1")
        for i in (0, 1):
            x = x.flatten(1) @ self.weight(f"final_linear.{i}").T + self.t[f"final_linear.{i}.bias"]
            x = x if i else leaky_relu(x, 0.2) * ROOT2
        return x


class Plain:
    "The training step in the straightforward form; it draws what its `Run` would draw, and moves the weights of the run's networks."

    def __init__(self, run: Run):
        self.run, self.objective, self.mean = run, run.role.objective, 0.0
        self.generator, self.critic = PlainGenerator(run.role.generator), PlainCritic(run.role.critic)
        self.weights = {"critic": list(run.role.critic.parameters()), "generator": list(run.role.generator.parameters())}
        self.optimisers = {name: torch.optim.Adam(weights, lr=run.learning_rate, betas=run.betas) for name, weights in self.weights.items()}

    def critic_loss(self, penalty: bool) -> Tensor:
        "With or without R1 of the same pass."
        drawn = self.run.draw(critics=True)
        with torch.no_grad():
            fake = self.generator(drawn["noise"])
        real = self.run.real[drawn["index"]].requires_grad_(penalty)
        judged = self.critic(real)
        loss = softplus(self.critic(fake)).mean() + softplus(-judged).mean()
        return loss + self.r1(real, judged) if penalty else loss

    def r1(self, real: Tensor, judged: Tensor) -> Tensor:
        "Not multiplied by an interval."
        (slope,) = torch.autograd.grad(judged.sum(), real, create_graph=True)
        return 0.5 * self.objective.r1 * slope.square().sum((1, 2, 3)).mean()

    def generator_loss(self, penalty: bool) -> Tensor:
        "With or without the path length of half a batch."
        loss = softplus(-self.critic(self.generator(self.run.draw(critics=False)["noise"]))).mean()
        return loss + self.path() if penalty else loss

    def path(self) -> Tensor:
        "Not multiplied by an interval."
        n = self.run.batch // self.objective.path_shrink
        noise = self.run.role.draw_noise(n, self.run.random["path"])
        draw = self.objective.draw_path(n, self.run.real.shape[1:], self.run.random["path"])
        latents = self.generator.latents(noise)
        images = self.generator.synthesise(latents, noise)
        (slope,) = torch.autograd.grad((images * draw).sum() / math.sqrt(draw[0, 0].numel()), latents, create_graph=True)
        lengths = slope.square().sum(2).mean(1).sqrt()
        self.mean += self.objective.path_decay * (lengths.mean().item() - self.mean)
        return self.objective.path * (lengths - self.mean).square().mean()

    def step(self, name: str, loss: Tensor) -> float:
        "Differentiate and move."
        for weight, gradient in zip(self.weights[name], torch.autograd.grad(loss, self.weights[name], allow_unused=True)):
            weight.grad = gradient
        self.optimisers[name].step()
        return loss.item()


def pieces(run: Run, plain: Plain) -> dict:
    "(form, piece) -> what to time."
    def at(step: int, action):
        def act():
            run.step = step
            return action()
        return act

    def r1():
        drawn = run.draw(critics=True)
        lazy_critic_step(run, run.real[drawn["index"]], drawn)

    def plain_r1():
        real = plain.run.real[plain.run.draw(critics=True)["index"]].requires_grad_()
        plain.step("critic", 16 * plain.r1(real, plain.critic(real)))

    return {  # in iteration 1 there is no penalty, in iteration 0 there are both
        ("mgm", "critic"): at(1, lambda: critic_step(run)),
        ("mgm", "generator"): at(1, lambda: generator_step(run)),
        ("mgm", "R1"): at(0, r1),
        ("mgm", "path length"): at(0, lambda: lazy_generator_step(run)),
        ("straightforward", "critic"): lambda: plain.step("critic", plain.critic_loss(penalty=True)),
        ("straightforward", "generator"): lambda: plain.step("generator", plain.generator_loss(penalty=True)),
        ("its networks", "critic"): lambda: plain.step("critic", plain.critic_loss(penalty=False)),
        ("its networks", "generator"): lambda: plain.step("generator", plain.generator_loss(penalty=False)),
        ("its networks", "R1"): plain_r1,
        ("its networks", "path length"): lambda: plain.step("generator", 4 * plain.path()),
    }


def check_same(batch: int):
    "All forms must compute the same losses, penalties and gradients."
    ours, theirs = small_run(batch), Plain(small_run(batch))
    role, objective = ours.role, ours.role.objective
    drawn = ours.draw(critics=True)
    with torch.no_grad():
        fake = role.generate(drawn["noise"])
    real = ours.real[drawn["index"]]
    mine = objective.critic_loss(role.critic, real, fake) + objective.critic_penalty(role.critic, real) / objective.r1_interval
    compare("critic", mine, theirs.critic_loss(penalty=True), list(role.critic.parameters()), theirs.weights["critic"])
    loss = objective.generator_loss(role.critic, role.generate(ours.draw(critics=False)["noise"]))
    n = batch // objective.path_shrink
    noise, draw = role.draw_noise(n, ours.random["path"]), objective.draw_path(n, ours.real.shape[1:], ours.random["path"])
    mine = loss + objective.generator_penalty(role.generator, noise, draw, 0.0)[0] / objective.path_interval
    compare("generator", mine, theirs.generator_loss(penalty=True), list(role.generator.parameters()), theirs.weights["generator"])


def compare(name: str, ours: Tensor, theirs: Tensor, parameters: list, others: list):
    "Two losses and their gradients."
    assert abs(ours.item() - theirs.item()) < 1e-4 * (1 + abs(theirs.item())), f"{name}: {ours.item()} and {theirs.item()}"
    gradients = zip(differentiate([ours], parameters), differentiate([theirs], others))
    worst = max(((a - b).norm() / (b.norm() + 1e-6)).item() for a, b in gradients if b is not None)
    assert worst < 1e-2, f"{name}: gradients differ by {worst:.1%}"


def compare_steps(batch: int, repeats: int) -> dict:
    "Milliseconds of the pieces and of an iteration, and ratios, each formed within a turn."
    check_same(batch)
    seconds = take_turns(pieces(small_run(batch), Plain(small_run(batch))), repeats)
    every = {"critic": 1, "generator": 1, "R1": 16, "path length": 4}
    forms = list(dict.fromkeys(form for form, _ in seconds))
    whole = {form: [sum(seconds[key][turn] / every[key[1]] for key in seconds if key[0] == form) for turn in range(repeats)] for form in forms}
    return dict(
        batch=batch,
        milliseconds={form: summary([1e3 * s for s in values]) for form, values in whole.items()},
        ratios={f"{form} / mgm": summary([a / b for a, b in zip(whole[form], whole["mgm"])]) for form in forms[1:]},
        parts={": ".join(key): summary([1e3 * s for s in values]) for key, values in seconds.items()},
    )


def compare_forms(repeats: int) -> list[dict]:
    "Milliseconds, forward and backward, of one convolution with a style: factors on the activations, on the weights, groups of rows."
    found = []
    for channels, side, rows in LAYERS:
        layer, rng = Modulated(channels, channels, 3, channels), stream(0, "layer")
        with torch.no_grad():
            layer.first_weights(rng), layer.modulation.first_weights(rng)
        features, latent = torch.randn(rows, channels, side, side, generator=rng), torch.randn(rows, channels, generator=rng)
        together = features.contiguous(memory_format=torch.channels_last).requires_grad_()
        apart, bias = features.requires_grad_(), torch.zeros(channels)
        plain = PlainGenerator.__new__(PlainGenerator)
        plain.t = {f"layer.{name}": tensor for name, tensor in layer.named_parameters()}
        forms = {"activations": lambda: layer(together, latent, bias, False), "groups": lambda: ROOT2 * plain.styled("layer", apart, latent)}
        if rows == 1:
            forms["weights"] = lambda: layer(together, latent, bias, True)
        assert all(torch.allclose(forms["groups"](), form(), atol=1e-4) for form in forms.values())
        grads = {name: (lambda form=form, x=apart if name == "groups" else together: torch.autograd.grad(form().sum(), [x, *layer.parameters()])) for name, form in forms.items()}
        times = take_turns(grads, max(2, min(repeats, int(6 / process_seconds(grads["groups"])))))
        found.append(dict(channels=channels, side=side, rows=rows, milliseconds={name: summary([1e3 * s for s in values]) for name, values in times.items()}))
    return found


def process_seconds(action) -> float:
    "Of one call, after one that does not count."
    action()
    began = process_time()
    action()
    return process_time() - began


def kept_for_backward(loss, parameters: list) -> int:
    "Bytes that a loss keeps for its gradient, parameters aside, each storage once."
    kept = {}
    with torch.autograd.graph.saved_tensors_hooks(lambda t: kept.__setitem__(t.untyped_storage()._cdata, t) or t, lambda t: t):
        value = loss()
    own = {p.untyped_storage()._cdata for p in parameters}
    del value
    return sum(t.untyped_storage().nbytes() for place, t in kept.items() if place not in own)


def memory_of(size: int, batch: int, device: str, **options) -> dict:
    "Megabytes that each loss keeps until it is differentiated, in both forms; and those of the weights with all that an optimiser keeps."
    with torch.device(device):
        generator, critic = stylegan_generator(size, **options), stylegan_critic(size, **{k: v for k, v in options.items() if k not in MAPPING})
        inputs, real = torch.zeros(batch, generator.inputs), torch.zeros(batch, critic.colours, size, size)
    for name, net in (("generator", generator), ("critic", critic)):
        net.to(device)
    parameters = [*generator.parameters(), *critic.parameters()]
    tensors = parameters + [*generator.buffers(), *critic.buffers()]
    forms = {"mgm": (generator, critic), "straightforward": (PlainGenerator(generator), PlainCritic(critic))}
    found = {}
    with torch.device(device):
        for form, (paint, judge) in forms.items():
            losses = {"critic": lambda: judge(real.clone()).sum() + judge(real).sum(), "generator": lambda: judge(paint(inputs)).sum()}
            found[form] = {name: 1e-6 * kept_for_backward(loss, tensors) for name, loss in losses.items()}
    number = {name: sum(p.numel() for p in net.parameters()) for name, net in (("generator", generator), ("critic", critic))}
    # weights, gradients and two moments; for the generator also its moving average
    return dict(size=size, batch=batch, kept_megabytes=found, weights_megabytes=4e-6 * (4 * (number["generator"] + number["critic"]) + number["generator"]))


def peak_memory(form: str, batch: int, iterations: int = 4):
    "Print by how many megabytes the peak of this process lies above what it holds before it trains the small network."
    run = small_run(batch)
    plain, before = Plain(run), resident("VmRSS")
    for _ in range(iterations):
        if form == "mgm":
            run.step = 1  # an iteration without penalties
            critic_step(run), generator_step(run)
        else:
            plain.step("critic", plain.critic_loss(penalty=False)), plain.step("generator", plain.generator_loss(penalty=False))
    print(resident("VmHWM") - before)


def resident(what: str) -> float:
    "Megabytes of this process in memory: now (VmRSS) or at their peak (VmHWM). (The peak that `resource` knows counts the parent's.)"
    return next(int(line.split()[1]) * 1024e-6 for line in open("/proc/self/status") if line.startswith(what))


def measured_memory(batch: int = 128) -> dict:
    "Growth of the peak, each form in a process of its own; beside what is computed for the same losses."
    call = lambda form: subprocess.run([sys.executable, __file__, "--memory", form, "--batch", str(batch)], check=True, capture_output=True, text=True).stdout
    return dict(memory_of(batch=batch, device="cpu", **SMALL, **MAPPING), growth_megabytes={form: float(call(form)) for form in ("mgm", "straightforward")})


def show(result: dict):
    "Print what was measured."
    print(", ".join(f"{k} {v}" for k, v in (result["machine"] | result["configuration"]).items()))
    for setting in result["steps"]:
        print(f"\nbatch {setting['batch']}")
        for group, unit in (("milliseconds", "ms an iteration"), ("ratios", ""), ("parts", "ms")):
            for key, v in setting[group].items():
                print(f"  {key:34} {v['median']:8.2f} {unit} (quartiles {v['low']:.2f} to {v['high']:.2f})")
    print("\none convolution with a style, forward and backward, ms")
    for layer in result["forms"]:
        print(f"  {layer['channels']:4} channels, side {layer['side']:3}, {layer['rows']:3} rows: ", ", ".join(f"{name} {v['median']:.2f}" for name, v in layer["milliseconds"].items()))
    for name in ("computed", "measured"):
        print(f"\nmemory, {name}:", json.dumps(result["memory"][name]))


def main():
    "Measure and report."
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=20, help="turns of each form, at least 2 (default: 20)")
    parser.add_argument("--batch", type=int, nargs="+", default=[16, 32], help="rows a step (default: 16 32)")
    parser.add_argument("--out", type=Path, help="also write the result to this JSON file")
    parser.add_argument("--memory", choices=["mgm", "straightforward"], help="only train for a few iterations and print by how much the peak memory grows")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    if arguments.memory:
        return peak_memory(arguments.memory, arguments.batch[0])
    configuration = dict(**SMALL, **MAPPING, repeats=arguments.repeats)
    memory = dict(computed=memory_of(**LARGE, device="meta"), measured=measured_memory())
    steps = [compare_steps(batch, arguments.repeats) for batch in arguments.batch]
    result = dict(machine=machine(), configuration=configuration, steps=steps, forms=compare_forms(arguments.repeats), memory=memory)
    show(result)
    if arguments.out:
        arguments.out.parent.mkdir(parents=True, exist_ok=True)
        arguments.out.write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
