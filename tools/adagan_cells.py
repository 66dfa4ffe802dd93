"""What the workers of a sweep over AdaGAN do: heaps, digits, and the bridge to the newcomer of the multiscale experiment."""

from dataclasses import replace
from pathlib import Path
from time import perf_counter

import torch
from tables import VERSION, digest
from torch import Tensor, nn

from mgm.adagan import Mixture, Request, boost, boosting, boost_together, drawn
from mgm.basics import stream, write_atomically
from mgm.boosting import Boosting, density_ratio, first, table_lines
from mgm.data import Rows
from mgm.divergences import FGAN
from mgm.image_data import mnist, small_digits
from mgm.image_features import DigitFeatures, shipped_classifier
from mgm.metrics import frechet_distance, w1
from mgm.mode_metrics import tvd
from mgm.nets import mlp
from mgm.objectives import WGANGP
from mgm.plots import image_grid, png
from mgm.replicates import Replicates
from mgm.roles import Agent, Mixer, Whitening, peers_of
from mgm.synthetic import POSITION, Synthetic, data_of, newcomer_run, trained_mixer, world_of
from mgm.training import Run


def stamped(rows: list[dict], settings: dict) -> list[dict]:
    "Rows with the settings they were made with, and the version of the program."
    return [row | dict(configuration=digest(settings), version=VERSION) for row in rows]


def heap_cell(label: dict, **settings) -> list[dict]:
    "A family of trainings on a slice of the runs of one number of modes."
    torch.set_num_threads(1)
    setup = Boosting(**settings)
    return stamped([label | dict(together=setup.runs) | line for line in table_lines(setup)], settings)


# Digits


def image_nets(width: int, rng: torch.Generator) -> tuple[nn.Module, nn.Module]:
    "A small convolutional generator of flat images of 32 x 32 from 64 numbers, and its critic; weights of He's variance."
    generator = nn.Sequential(
        nn.utils.skip_init(nn.Linear, 64, 64 * width), nn.LeakyReLU(0.2), nn.Unflatten(1, (width, 8, 8)),
        nn.Upsample(scale_factor=2), nn.utils.skip_init(nn.Conv2d, width, width // 2, 3, padding=1), nn.LeakyReLU(0.2),
        nn.Upsample(scale_factor=2), nn.utils.skip_init(nn.Conv2d, width // 2, 1, 5, padding=2), nn.Tanh(), nn.Flatten(),
    )
    critic = nn.Sequential(
        nn.Unflatten(1, (1, 32, 32)), nn.utils.skip_init(nn.Conv2d, 1, width // 2, 5, stride=2, padding=2), nn.LeakyReLU(0.2),
        nn.utils.skip_init(nn.Conv2d, width // 2, width, 5, stride=2, padding=2), nn.LeakyReLU(0.2), nn.Flatten(), nn.utils.skip_init(nn.Linear, 64 * width, 1),
    )
    with torch.no_grad():
        for parameter in [*generator.parameters(), *critic.parameters()]:
            bound = (6 / parameter[0].numel()) ** 0.5 if parameter.dim() > 1 else 0.0
            parameter.copy_(bound * (2 * torch.rand(parameter.shape, generator=rng) - 1))
    return generator, critic


class Pictures:
    "A trained generator of flat images, as a component."

    def __init__(self, run: Run):
        self.run = run

    def sample(self, n: int, seed: int) -> Tensor:
        "Flat images, (n, pixels), clipped to what a picture can show."
        return self.run.sample(n, seed).clamp(-1, 1)


def digit_cell(label: dict, pictures: str, source: str, seed: int, steps: int, points: int, iterations: int, width: int, learning_rate: float) -> list[dict]:
    "Boost a convolutional GAN on digits; write two pictures; one row a step."
    torch.set_num_threads(1)
    plain = dict(source=source, seed=seed, points=points, iterations=iterations, width=width, learning_rate=learning_rate)
    settings = plain | dict(steps=steps, pictures=pictures)
    digits = (mnist() if source == "mnist" else small_digits()).train
    data, labels = digits.images[:points].flatten(1), digits.labels[:points]
    look = DigitFeatures()
    features = lambda flat: look(flat.view(-1, 1, 32, 32)).double()
    seen, asked, lines, began = features(data), [], [], perf_counter()

    def fit(request: Request) -> Pictures:
        asked.append(request)
        nets = image_nets(width, stream(1000 * request.step + seed, "first weights"))
        run = Run(Agent(*nets, FGAN(), noise=64), drawn(request, len(data), seed), seed=1000 * request.step + seed, learning_rate=learning_rate, betas=(0.5, 0.9), average=0.99)
        return Pictures(run.fit(iterations))

    def ratio(mixture: Mixture, t: int) -> Tensor:
        return density_ratio(seen, features(mixture.sample(len(data), seed=t)), seed=t)

    mixture = boost(fit, data, steps, ratio)
    for step in range(1, steps + 1):
        samples = first(mixture, step).sample(min(5000, points), seed=seed)
        lines.append(dict(steps=step) | digit_scores(samples, labels, features(samples), seen))
    lines = [plain | label | line | dict(seconds=round(perf_counter() - began, 1)) | ink_by_weight(data, asked, line["steps"]) for line in lines]
    draw_digits(Path(pictures), mixture, data, asked, seed)
    return stamped(lines, settings)


def digit_scores(samples: Tensor, labels: Tensor, made: Tensor, real: Tensor, sure: float = 0.9) -> dict:
    "Which digits there are among samples that the shipped classifier is sure of, how evenly, and the Fréchet distance of its features, beside a floor."
    with torch.no_grad():
        certain, named = torch.cat([shipped_classifier()[0](part).softmax(1) for part in samples.view(-1, 1, 32, 32).split(500)]).max(1)
    counts = named[certain > sure].bincount(minlength=10)
    shares = counts / counts.sum().clamp_min(1)
    half = len(real) // 2
    distance = lambda a, b: frechet_distance(a.numpy(), b.numpy())
    found = dict(classes=int((shares >= 0.01).sum()), rarest=shares.min().item(), sure=(certain > sure).double().mean().item())
    even = tvd(counts + 1e-9, labels.bincount(minlength=10))
    return found | dict(tvd=even, frechet=distance(made, real), frechet_floor=distance(real[:half], real[half:]))


def ink_by_weight(data: Tensor, asked: list[Request], step: int, share: float = 0.1) -> dict:
    "Mean brightness (0 black, 1 white) of the tenth of the digits with the smallest and the largest weights for the component after this step."
    if step >= len(asked):
        return dict(ink_small="", ink_large="", without_weight="")
    order, n = asked[step].weights.argsort(stable=True), int(share * len(data))
    ink = (data.mean(1) + 1) / 2
    return dict(ink_small=ink[order[:n]].mean().item(), ink_large=ink[order[-n:]].mean().item(), without_weight=(asked[step].weights == 0).double().mean().item())


def draw_digits(folder: Path, mixture: Mixture, data: Tensor, asked: list[Request], seed: int) -> None:
    "Samples of every component, and real digits with the smallest and the largest weights after the first step. Where many have no weight, some of them by seed."
    show = lambda flat: flat.view(-1, 1, 32, 32)
    rows = {f"component {k}": show(part.sample(16, seed=seed)) for k, part in enumerate(mixture.components, start=1)}
    shuffle = torch.randperm(len(data), generator=stream(seed, "digits shown"))
    order = shuffle[asked[1].weights[shuffle].argsort(stable=True)]
    rows |= {"smallest weights": show(data[order[:32]]), "largest weights": show(data[order[-32:]])}
    write_atomically(folder / "adagan_digits.png", png(image_grid(rows, columns=16), dpi=80))


# The bridge: what can reweighting do for the newcomer?


def newcomers(setup: Synthetic, seeds: list[int], iterations: int):
    "A fit for `boost_together`: newcomers as in the synthetic experiment, on rows drawn by their weights, all seeds together."

    def fit(requests: list[Request]) -> list[Run]:
        runs = []
        for seed, request in zip(seeds, requests):
            nets = mlp(2, 2, width=setup.size.width), mlp(2, 1, width=setup.size.width)
            options = dict(batch=setup.size.batch, learning_rate=setup.configuration()["learning_rate"], average=setup.size.average)
            runs.append(Run(Agent(*nets, WGANGP(weight=0.1)), drawn(request, len(request.data), seed), seed=1000 * request.step + seed, **options))
        return Replicates(runs).fit(iterations).runs

    return fit


class ThroughMixer:
    "Density ratios at the newcomer's own rows, from what the mixer makes of rows: own ones, generated ones, and the world's real y, each beside real peers."

    def __init__(self, mixer: Mixer, world: Rows, own: Tensor, seed: int):
        self.mixer, self.world, self.seed = mixer, world, seed
        self.whitening = Whitening.fit(world.y, peers_of(world, POSITION))
        self.own = self.rest(own, 0)
        self.truth = density_ratio(self.own, self.real(len(own)), seed=seed)  # real over own

    def peers(self, n: int, call: int) -> Tensor:
        return torch.randint(len(self.world), (n,), generator=stream(self.seed, f"peers {call}"))

    def rest(self, x: Tensor, call: int) -> Tensor:
        "What the peers do not explain of the mixer's y; the newcomer sits in front."
        peers = peers_of(self.world, POSITION)[self.peers(len(x), call)]
        return self.whitening(self.mixer.sample([x, peers], seed=self.seed), peers)

    def real(self, n: int) -> Tensor:
        index = self.peers(n, -1)
        return self.whitening(self.world.y[index], peers_of(self.world, POSITION)[index])

    def prior(self) -> Tensor:
        "How often each own row should stand there."
        return self.truth / self.truth.sum()

    def ratio(self, mixture: Mixture, t: int) -> Tensor:
        "Generated over real, at own rows."
        return density_ratio(self.own, self.rest(mixture.sample(len(self.own), seed=t), t), seed=t) / self.truth


def bridge_cell(label: dict, way: str, scenario: str, seeds: list[int], beta: float, steps: int, iterations: int, points: int, mixer: str, own: float, learning_rate: float, profile: str = "lite") -> list[dict]:
    "One way of helping a newcomer with a biased table: nothing or AdaGAN on its own rows, AdaGAN with ratios through the mixer, or feedback."
    torch.set_num_threads(1)
    settings = dict(way=way, scenario=scenario, seeds=seeds, beta=beta, steps=steps, iterations=iterations, points=points, mixer=mixer, own=own, learning_rate=learning_rate) | (dict(profile=profile) if profile != "lite" else {})
    setup = Synthetic(profile=profile, scenario=scenario, beta=beta, own=own, learning_rate=learning_rate, device="cpu", mixer=mixer)
    world, began = world_of(setup), perf_counter()
    frozen = trained_mixer(setup, world, None)
    own_rows = data_of(setup, world).own
    if way == "feedback":
        runs = [newcomer_run(replace(setup, seed=seed), world, frozen) for seed in seeds]
        models = {1: Replicates(runs).fit(iterations).runs}
    else:
        models = reweighted(way, setup, world, frozen, own_rows[torch.randperm(len(own_rows), generator=stream(0, "bridge"))[:points]], seeds, steps, iterations)
    seconds = round((perf_counter() - began) / len(seeds), 2)
    lines = [corner_line(model, world, seed, setup.size.points) | dict(seed=seed, steps=step, seconds=seconds) for step, group in models.items() for seed, model in zip(seeds, group)]
    plain = {name: value for name, value in settings.items() if name not in ("seeds", "mixer", "steps")}
    return stamped([label | plain | line | dict(own_rows_in_corner=corner(own_rows)) for line in lines], settings)


def reweighted(way: str, setup: Synthetic, world, mixer: Mixer, own: Tensor, seeds: list[int], steps: int, iterations: int) -> dict:
    "Mixtures of 1 and of `steps` components for each seed."
    algorithms = []
    for seed in seeds:
        if way == "own rows":
            ratio, prior = (lambda mixture, t, seed=seed: density_ratio(own, mixture.sample(len(own), seed=100 * seed + t), seed=t)), None
        else:
            through = ThroughMixer(mixer, world.train, own, seed)
            ratio, prior = through.ratio, through.prior()
        algorithms.append(boosting(own, steps, ratio, prior=prior))
    mixtures = boost_together(algorithms, newcomers(setup, seeds, iterations))
    return {step: [first(mixture, step) for mixture in mixtures] for step in (1, steps)}


def corner(rows: Tensor) -> float:
    "Share of rows in the corner of which the newcomer has lost rows."
    return (rows > 0).all(1).double().mean().item()


def corner_line(model, world, seed: int, n: int) -> dict:
    "Exact W1 of n samples to as many test rows with its floor, and how much lies in the corner."
    real = world.test.x[POSITION][:n]
    samples = model.sample(n, seed=seed)
    score = w1(samples, real, world.validation.x[POSITION])
    return dict(w1=score.value, w1_floor=score.floor, in_corner=corner(samples), in_corner_true=corner(real))
