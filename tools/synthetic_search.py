"""Choose own weight and learning rate for each scenario and kind of feedback, on validation rows, by Optuna.

One search a (scenario, kind), at coupling 0.5, with a training seed that no table uses. The journal of all trials is
nbs/results/synthetic_search.journal; what was chosen is nbs/results/synthetic_choices.csv. Interrupted, it goes on.
"""

import argparse
import csv
import io
from pathlib import Path

import optuna
import torch
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend
from synthetic_tables import KINDS, SEEDS, mixer_file
from tables import RESULTS

from mgm.basics import write_atomically
from mgm.metrics import w1
from mgm.roles import Mixer
from mgm.synthetic import POSITION, Synthetic, newcomer_run, world_of

BETA, SEED, LOOKS = 0.5, 1000, (2_000, 3_500, 5_000)
RATES, OWN = (3e-4, 3e-3), (0.02, 0.5)


def distance_on_validation(trial: optuna.Trial, scenario: str, kind: str, world, mixer) -> float:
    "Train for the last of `LOOKS` iterations; exact W1 to the validation rows."
    alone = kind == "own data alone"
    chosen = dict(learning_rate=trial.suggest_float("learning_rate", *RATES, log=True))
    chosen["own"] = 1.0 if alone else trial.suggest_float("own", *OWN, log=True)
    setup = Synthetic(scenario=scenario, beta=BETA, seed=SEED, device="cpu", **(KINDS[kind] | chosen))
    run, real = newcomer_run(setup, world, None if alone else mixer), world.validation.x[POSITION][:2_000]
    for look in LOOKS:
        run.fit(look - run.step)
        distance = w1(run.sample(2_000, seed=0), real).value
        trial.report(distance, look)
        if trial.should_prune():
            raise optuna.TrialPruned()
    return distance


def search(storage: JournalStorage, scenario: str, kind: str, trials: int) -> None:
    "Bring one search up to so many trials. The first is the settings that the profile has anyway."
    pruner = optuna.pruners.MedianPruner(n_startup_trials=4)
    study = optuna.create_study(study_name=f"{scenario}, {kind}", storage=storage, pruner=pruner, load_if_exists=True)
    study.sampler = optuna.samplers.TPESampler(seed=len(study.trials), n_startup_trials=4)  # a search that goes on draws anew
    if not study.trials:
        study.enqueue_trial(dict(learning_rate=1e-3) | ({} if kind == "own data alone" else dict(own=0.1)))
    world, mixer = world_of(Synthetic(beta=BETA)), Mixer.load(mixer_file(BETA, "lite"))
    done = len(compared(study.trials))
    study.optimize(lambda trial: distance_on_validation(trial, scenario, kind, world, mixer), n_trials=max(0, trials - done))
    print(f"{scenario}, {kind}: {study.best_params} {study.best_value:.3f}", flush=True)


def compared(trials: list) -> list:
    "The trials that count: those that came to their end, and those that were stopped because they were behind."
    return [trial for trial in trials if trial.state.name in ("COMPLETE", "PRUNED")]


def write_choices(storage: JournalStorage, path: Path, least: int) -> None:
    "One line for each search that has come to `least` trials."
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(("scenario", "kind", "own", "learning_rate", "validation_w1", "first_w1", "trials", "pruned"))
    for study in sorted(optuna.get_all_study_names(storage)):
        trials = optuna.load_study(study_name=study, storage=storage).get_trials()
        full = [t for t in trials if t.state.name == "COMPLETE"]
        if sum(t.state.is_finished() for t in trials) < least or not full:
            continue
        best = min(full, key=lambda t: t.value)
        own, first = best.params.get("own", 1.0), trials[0].value
        line = (f"{own:.3g}", f"{best.params['learning_rate']:.3g}", f"{best.value:.4f}", "" if first is None else f"{first:.4f}")
        writer.writerow((*study.split(", ", 1), *line, len(compared(trials)), len(compared(trials)) - len(full)))
    write_atomically(path, text.getvalue())


def main() -> None:
    "Search what is asked for, then write down what was found."
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scenarios", nargs="+", default=list(SEEDS))
    parser.add_argument("--kinds", nargs="+", default=list(KINDS))
    parser.add_argument("--trials", type=int, default=10)
    options = parser.parse_args()
    torch.set_num_threads(1)
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    storage = JournalStorage(JournalFileBackend(str(RESULTS / "synthetic_search.journal")))
    for scenario in options.scenarios:
        for kind in options.kinds:
            search(storage, scenario, kind, options.trials)
    write_choices(storage, RESULTS / "synthetic_choices.csv", options.trials)


if __name__ == "__main__":
    main()
