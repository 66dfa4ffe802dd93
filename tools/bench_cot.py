"""How long one training step with causal optimal transport takes, beside the straightforward form.

    python tools/bench_cot.py --out nbs/results/speed_cot.json      # the page nbs/03_sinkhorn.ipynb shows it
    python tools/bench_cot.py --repeats 5                           # a quick look

A step is an iteration of a newcomer with feedback through a frozen mixer: the newcomer's critics, the mixer-level critics,
the generator; mini-batches of 32 sequences (64 rows a batch), 24 hours, the networks of the published experiment. Three
forms take turns in one process, with the same networks and the same rows and noise:

mgm              `mgm.training.Run` with `COT`: all problems of a loss as one batch, solved to 1e-9, gradient in closed form
straightforward  one loop of Sinkhorn sweeps in the log domain for each of the four problems, single precision, 100 sweeps,
                 differentiated through; each network is called once for each mini-batch it is shown
with stopping    the same, but a loop ends when the potential moves by less than 1e-4 (as the published program does)

Samples for critics are made without a graph in all forms, and one call makes those of both mini-batches. The clock is the
processor time of this process, on one thread. Asserted is only that the forms compute the same losses: closely where 100
sweeps converge, roughly where they do not.
"""

import argparse
import json
import resource
import subprocess
import sys
from pathlib import Path

import torch
from bench import machine, summary, take_turns

from mgm.basics import stream
from mgm.data import Rows
from mgm.objectives import COT
from mgm.penalty import differentiate
from mgm.roles import Agent, Feedback, Mixer
from mgm.rules import combined
from mgm.sequences import causal_critic, recurrent_generator
from mgm.sinkhorn import causal_cost, transport_value
from mgm.training import Run

BATCH, STEPS, WARM = 32, 24, 100  # sequences in a mini-batch, hours, iterations of training before anything is timed
SETTINGS = {
    "5 % of the median": COT(epsilon=0.05),
    "10 % of the median": COT(epsilon=0.10),
    "ε = 100": COT(epsilon=100.0, relative=False),
}
FORMS = {"straightforward": 0.0, "with stopping": 1e-4}  # a loop ends below this change


def world(rows: int = 256) -> Rows:
    "Four coupled invented markets: bounded daily waves with a common level; the last is the mixer's."
    rng, hours = stream(0, "markets"), torch.arange(STEPS) / STEPS * 2 * torch.pi
    level = 0.3 * torch.randn(rows, 1, generator=rng)
    own = [level + 0.08 * torch.randn(rows, STEPS, generator=rng).cumsum(1) - 0.4 * torch.cos(hours + 0.2 * j) for j in range(3)]
    return Rows(tuple(torch.tanh(x)[..., None] for x in own), torch.tanh(sum(own) / 3)[..., None])


def newcomer(objective: COT) -> Run:
    "A newcomer with marginal feedback; the mixer's weights are as drawn."
    rows = world()
    mixer = Mixer(recurrent_generator(conditions=3), causal_critic(4), objective)
    back = Feedback(mixer, 0, rows, causal_critic(), objective, sees="y")
    return Run(Agent(recurrent_generator(), causal_critic(), objective), rows.x[0], feedback=back, rule=combined(own=0.5), batch=BATCH)


def loop(cost: torch.Tensor, epsilon: float, least: float, times: int = 100) -> torch.Tensor:
    "Sharp value after sweeps in the log domain from zero."
    n, m = cost.shape
    f, g, weight = cost.new_zeros(n), cost.new_zeros(m), torch.log(cost.new_tensor(1 / n))
    for _ in range(times):
        before = f
        f = epsilon * (weight - torch.logsumexp((g[None, :] - cost) / epsilon, dim=1))
        g = epsilon * (weight - torch.logsumexp((f[:, None] - cost) / epsilon, dim=0))
        if least and (f - before).abs().sum().item() < least:
            break
    return (torch.exp((f[:, None] + g[None, :] - cost) / epsilon) * cost).sum()


class Plain:
    "The same training step in the straightforward form; it draws what its `Run` would draw."

    def __init__(self, run: Run, least: float):
        self.run, self.back, self.objective, self.least = run, run.feedback, run.role.objective, least
        self.optimisers = {name: torch.optim.Adam(net.parameters(), lr=run.learning_rate, betas=run.betas) for name, net in run.networks.items()}

    def divergence(self, critic, real: torch.Tensor, fake: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        "W^mix and M of the first real mini-batch."
        (x, other_x), (y, other_y) = real.chunk(2), fake.chunk(2)
        distance = lambda a, b: ((a[:, None] - b[None]) ** 2).sum((2, 3))
        epsilon = self.objective.epsilon * (distance(x, other_x).median().item() if self.objective.relative else 1.0)
        hear, bet = critic["h"], critic["M"]
        h_y, h_other_y, h_other_x, m_x, m_other_x, m_y = hear(y), hear(other_y), hear(other_x), bet(x), bet(other_x), bet(y)

        def term(a, b, h, m):
            causal = torch.einsum("ktj,itj->ik", h[:, :-1], m[:, 1:] - m[:, :-1]) / (STEPS - 1)
            return loop(distance(a, b) + causal, epsilon, self.least)

        mixed = term(x, y, h_y, m_x) + term(other_x, other_y, h_other_y, m_other_x)
        return mixed - term(x, other_x, h_other_x, m_x) - term(y, other_y, h_other_y, m_y), m_x

    def critic_loss(self, critic, real: torch.Tensor, fake: torch.Tensor) -> torch.Tensor:
        "-W^mix + λ p_M."
        mixed, m = self.divergence(critic, real, fake)
        change = (m[:, 1:] - m[:, :-1]) / (m.std((0, 1)) + 1e-6)
        return self.objective.weight * change.sum(0).abs().sum() / (BATCH * STEPS) - mixed

    def critic_step(self, name: str, real: torch.Tensor, fake: torch.Tensor) -> float:
        "One step of one pair of critics."
        self.optimisers[name].zero_grad()
        loss = self.critic_loss(self.run.networks[name], real, fake)
        loss.backward()
        self.optimisers[name].step()
        return loss.item()

    def judged(self, drawn: dict) -> list[tuple[torch.Tensor, torch.Tensor]]:
        "Real and generated sequences of both levels."
        samples = self.run.role.generator(drawn["noise"])
        draw = drawn["feedback"]
        real = self.back.y[draw.index if draw.real is None else draw.real]
        mixed = self.back.mixer.generator(torch.cat([samples, self.back.peers[draw.index], draw.noise], dim=-1))
        return [(self.run.real[drawn["index"]], samples), (real, mixed)]

    def step(self) -> tuple[float, float, float, float]:
        "One iteration; its losses in the order of a `Record`."
        with torch.no_grad():
            own, back = self.judged(self.run.draw(critics=True))
        critics = self.critic_step("own critic", *own), self.critic_step("feedback critic", *back)
        self.optimisers["generator"].zero_grad()
        own, back = self.judged(self.run.draw(critics=False))
        own, back = self.divergence(self.run.role.critic, *own)[0], self.divergence(self.back.critic, *back)[0]
        (self.run.rule.own * own + (1 - self.run.rule.own) * back).backward()
        self.optimisers["generator"].step()
        return critics[0], own.item(), critics[1], back.item()


def trained(objective: COT, weights: dict) -> Run:
    "A fresh run with given weights."
    run = newcomer(objective)
    for name, net in run.networks.items():
        net.load_state_dict(weights[name])
    return run


def check_same(objective: COT, weights: dict):
    "The critics' losses of the first step must be the same, as far as 100 sweeps go."
    ours = next(trained(objective, weights).steps(1))
    for least in FORMS.values():
        theirs = Plain(trained(objective, weights), least).step()
        near = 1e-3 if objective.epsilon == 100 else 5e-2
        for a, b in ((ours.own_critic, theirs[0]), (ours.feedback_critic, theirs[2])):
            assert abs(a - b) < near * (1 + abs(b)), f"{objective}: {ours} and {theirs}"


def parts(run: Run, plains: dict) -> dict:
    "Pieces of a step in each form, (piece, form) -> what to time. Nothing is updated."
    first = next(iter(plains.values()))
    with torch.no_grad():
        own, back = first.judged(run.draw(critics=True))
    drawn, rule, chosen = run.draw(critics=False), run.rule.own, {}
    weights, loss = list(run.role.generator.parameters()), run.role.objective
    cost, epsilon = causal_costs(run, *own)

    def ours(critic, real, fake):
        return lambda: differentiate([loss.critic_loss(critic, real, fake)], list(critic.parameters()))

    def generator():
        samples = run.role.generate(drawn["noise"])
        own = loss.generator_loss(run.role.critic, samples, run.real[drawn["index"]])
        differentiate([rule * own, (1 - rule) * run.feedback.generator_loss(samples, drawn["feedback"])], weights)

    def plain_generator(plain):
        own, back = plain.judged(drawn)
        (rule * plain.divergence(run.role.critic, *own)[0] + (1 - rule) * plain.divergence(run.feedback.critic, *back)[0]).backward()

    chosen["agent critics", "mgm"], chosen["mixer critics", "mgm"] = ours(run.role.critic, *own), ours(run.feedback.critic, *back)
    chosen["generator", "mgm"] = generator
    chosen["four problems alone", "mgm"] = lambda: transport_value(cost.requires_grad_(), epsilon).sum().backward()
    for form, plain in plains.items():
        chosen["agent critics", form] = lambda p=plain: p.critic_loss(run.role.critic, *own).backward()
        chosen["mixer critics", form] = lambda p=plain: p.critic_loss(run.feedback.critic, *back).backward()
        chosen["generator", form] = lambda p=plain: plain_generator(p)
        chosen["four problems alone", form] = lambda p=plain: sum(loop(c, epsilon, p.least) for c in cost.float().requires_grad_()).backward()
    return chosen


def causal_costs(run: Run, real: torch.Tensor, fake: torch.Tensor) -> tuple[torch.Tensor, float]:
    "The four costs of a critic step, without a graph, and ε in their unit."
    (x, other_x), (y, other_y) = real.chunk(2), fake.chunk(2)
    pairs = [torch.stack(sequences) for sequences in ((x, other_x, x, y), (y, other_y, other_x, other_y))]
    with torch.no_grad():
        h, m = (run.role.critic[name](side.flatten(0, 1)).unflatten(0, (4, BATCH)) for name, side in (("h", pairs[1]), ("M", pairs[0])))
        cost, objective = causal_cost(*pairs, h, m), run.role.objective
    return cost, objective.epsilon * (torch.cdist(x.flatten(1), other_x.flatten(1)).median().item() ** 2 if objective.relative else 1.0)


def kept_for_backward(loss) -> int:
    "Bytes that a loss keeps for its gradient, parameters aside, each storage once."
    kept = {}
    with torch.autograd.graph.saved_tensors_hooks(lambda t: kept.__setitem__(t.untyped_storage().data_ptr(), t) or t, lambda t: t):
        value = loss()
    parameters = {p.untyped_storage().data_ptr() for p in value[1]}
    return sum(t.untyped_storage().nbytes() for place, t in kept.items() if place not in parameters)


def memory_of(run: Run, plains: dict) -> dict:
    "Megabytes that the newcomer's critic loss keeps until it is differentiated."
    with torch.no_grad():
        real, fake = next(iter(plains.values())).judged(run.draw(critics=True))[0]
    critic = run.role.critic
    forms = {"mgm": run.role.objective.critic_loss} | {form: plain.critic_loss for form, plain in plains.items()}
    return {form: 1e-6 * kept_for_backward(lambda f=f: (f(critic, real, fake), list(critic.parameters()))) for form, f in forms.items()}


def compare(objective: COT, repeats: int) -> dict:
    "Milliseconds a step and ratios, each formed within a turn; pieces; memory."
    run = newcomer(objective)
    run.fit(WARM)
    weights = {name: {key: value.clone() for key, value in net.state_dict().items()} for name, net in run.networks.items()}
    check_same(objective, weights)
    plains = {form: Plain(trained(objective, weights), least) for form, least in FORMS.items()}
    steps = run.steps(10**9)
    seconds = take_turns({"mgm": lambda: next(steps)} | {form: plain.step for form, plain in plains.items()}, repeats)
    fixed = trained(objective, weights)
    pieces = take_turns(parts(fixed, plains), repeats)
    return dict(
        objective=dict(epsilon=objective.epsilon, relative=objective.relative),
        milliseconds={name: summary([1e3 * s for s in values]) for name, values in seconds.items()},
        ratios={form: summary([a / b for a, b in zip(seconds[form], seconds["mgm"])]) for form in FORMS},
        parts={": ".join(name): summary([1e3 * s for s in values]) for name, values in pieces.items()},
        kept_megabytes=memory_of(fixed, plains),
    )


def peak_memory(form: str, iterations: int = 20):
    "Print how many megabytes the peak of this process grew by while it trained, at 5 % of the median."
    peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024e-6
    objective = SETTINGS["5 % of the median"]
    run = newcomer(objective)
    steps = run.steps(iterations) if form == "mgm" else (plain.step() for plain in [Plain(run, FORMS[form])] for _ in range(iterations))
    before = peak()
    for _ in steps:
        pass
    print(peak() - before)


def show(result: dict):
    "Print what was measured."
    print(", ".join(f"{k} {v}" for k, v in (result["machine"] | result["configuration"]).items()))
    for name, setting in result["settings"].items():
        print(f"\n{name}")
        for key, v in (setting["milliseconds"] | setting["parts"]).items():
            print(f"  {key:44} {v['median']:8.2f} ms (quartiles {v['low']:.2f} to {v['high']:.2f})")
        for form, v in setting["ratios"].items():
            print(f"  {form + ' / mgm':44} {v['median']:8.2f} (quartiles {v['low']:.2f} to {v['high']:.2f})")
        print("  kept for the gradient, MB:", ", ".join(f"{form} {size:.1f}" for form, size in setting["kept_megabytes"].items()))
    print("\npeak memory grows by, MB:", ", ".join(f"{form} {size:.0f}" for form, size in result["growth_megabytes"].items()))


def main():
    "Measure and report."
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=20, help="turns of each form, at least 2 (default: 20)")
    parser.add_argument("--out", type=Path, help="also write the result to this JSON file")
    parser.add_argument("--memory", choices=["mgm", *FORMS], help="only train for 20 iterations and print by how much the peak memory grows")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    if arguments.memory:
        return peak_memory(arguments.memory)
    growth = {form: float(subprocess.run([sys.executable, __file__, "--memory", form], check=True, capture_output=True, text=True).stdout) for form in ("mgm", *FORMS)}
    configuration = dict(batch=BATCH, steps=STEPS, repeats=arguments.repeats, trained=WARM)
    settings = {name: compare(objective, arguments.repeats) for name, objective in SETTINGS.items()}
    result = dict(machine=machine(), configuration=configuration, settings=settings, growth_megabytes=growth)
    show(result)
    if arguments.out:
        arguments.out.parent.mkdir(parents=True, exist_ok=True)
        arguments.out.write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
