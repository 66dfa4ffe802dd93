"""What the workers of a sweep over the few-shot experiment do: one newcomer, or the numbers that need no training."""

import torch
from tables import RESULTS, VERSION, digest

from mgm.basics import stream
from mgm.experiments import RunFolder
from mgm.image_metrics import repeated_shots
from mgm.image_files import write_strip
from mgm.images import FewShot, FewShotWorld, features_of, few_shot_line, few_shot_world, measured_images, mixer_of, source_of, trained_few_shot
from mgm.metrics import w1
from mgm.roles import at_rest
from mgm.training import Run
from mgm.transport import wasserstein


def few_shot_cell(label: dict, folder: str, **settings) -> dict:
    "Adapt one newcomer and measure it."
    torch.set_num_threads(1)
    setup = FewShot(device="cpu", **settings)
    source, features = source_of(setup), features_of(setup)
    world = few_shot_world(setup, source[0].size, source[0].colours)
    mixer = None if setup.rule == "none" else mixer_of(setup, world, source[0])
    run = trained_few_shot(setup, world, source, mixer, RunFolder(folder, setup.configuration()), features)
    if label.get("part") == "table" and setup.seed == 0:
        write_samples(setup, run, world, features)
    return settings | label | few_shot_line(setup, run, world, features) | dict(configuration=digest(settings), version=VERSION)


def write_samples(setup: FewShot, run: Run, world: FewShotWorld, features) -> None:
    "Sixteen images and the shots that are nearest to them, for the page."
    painted = run.sample(16, seed=0)
    nearest = world.shots[torch.cdist(features(painted), features(world.shots)).argmin(1)]
    write_strip(RESULTS / "fewshot_samples" / f"{setup.target}-{setup.shots}-{setup.method}-{setup.rule}.png", painted, nearest)


def repeating_cell(label: dict, folder: str, **settings) -> dict:
    "Measure a generator that repeats its shots; `folder` stays empty."
    torch.set_num_threads(1)
    setup = FewShot(device="cpu", rule="none", **settings)
    world, features = few_shot_world(setup), features_of(setup)
    line = measured_images(setup, repeated_shots(world.shots, setup.size.samples), world, features)
    return settings | label | line | dict(iterations=0, seconds=0.0, configuration=digest(settings), version=VERSION)


def theory_cell(label: dict, folder: str, n: int, **settings) -> dict:
    "Exact distances between n images of the source and n real ones, before and after the mixer; `folder` stays empty."
    torch.set_num_threads(1)
    setup = FewShot(device="cpu", mixer_images=n, **settings)
    (generator, _), world = source_of(setup), few_shot_world(setup)
    mixer = mixer_of(setup, world, generator)
    made = at_rest(generator, generator.draw_noise(n, stream(setup.seed, "sample")))
    real = world.test[torch.randperm(len(world.test), generator=stream(setup.seed, "real"))[:n]]
    seen = {name: mixer.sample((images,), seed=0).flatten(1) for name, images in (("made", made), ("real", real))}
    both = torch.cat([seen["made"], seen["real"]]).double()
    induced = torch.cdist(both, both, compute_mode="donot_use_mm_for_euclid_dist").numpy()  # between all images, generated and real
    first = torch.arange(2 * n) < n
    line = dict(
        induced=wasserstein((first / n).double().numpy(), (~first / n).double().numpy(), induced).value,  # of what the newcomer makes, in the metric that the mixer induces
        outputs=w1(seen["made"], seen["real"]).value,  # of the mixer's outputs
        to_y=w1(seen["made"], world.y.flatten(1)).value,  # the same, to real y of other digits
        floor=w1(seen["real"], world.y.flatten(1)).value,  # what real images reach
        plain=w1(made.flatten(1), real.flatten(1)).value,  # of what the newcomer makes, pixel by pixel
    )
    return settings | label | dict(n=n) | line | dict(configuration=digest(settings | dict(n=n)), version=VERSION)
