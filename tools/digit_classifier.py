"""Train the digit classifier that comes with the library, and write down how it was made, how well it reads, and the floors of its features.

Needs MNIST (`make digits`). About ten minutes on one thread.
"""

import argparse
import json
import sys
import time
from pathlib import Path

import numpy as np
import torch

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from mgm.basics import save_tensors, write_atomically  # noqa: E402
from mgm.image_data import ImageSet, mnist  # noqa: E402
from mgm.image_features import DigitClassifier, DigitFeatures, accuracy, shipped_classifier, train_digit_classifier  # noqa: E402
from mgm.metrics import frechet, frechet_distance  # noqa: E402

FLOOR_SIZES = (100, 300, 1000)  # generated images, beside as many as there are test images


def floors(digits: ImageSet, features: DigitFeatures, digit: str) -> list[dict]:
    "Fréchet distance of n training images of a digit to all of its test images: mean, smallest and largest over disjoint samples, up to ten."
    train, test = digits.train.of(digit).images, digits.test.of(digit).images
    rows = []
    for n in (*FLOOR_SIZES, len(test)):
        values = [frechet(part, test, features=features).value for part in train.split(n)[:10] if len(part) == n]
        rows.append({"digit": digit, "train images": n, "test images": len(test), "samples": len(values),
                     "mean": sum(values) / len(values), "smallest": min(values), "largest": max(values)})
    return rows


def hands(digits: ImageSet, features: DigitFeatures, digit: str, repetitions: int = 10) -> dict:
    "Distance of as many test, validation and training images of a digit to the other half of its test images: who wrote them matters. Means over random halves."
    parts = {"test": digits.test, "validation": digits.validation, "training": digits.train}
    points = {name: features(part.of(digit).images).double().numpy() for name, part in parts.items()}
    half = len(points["test"]) // 2
    draw, distances = np.random.default_rng(0), {name: [] for name in parts}
    for _ in range(repetitions):
        order = {name: draw.permutation(len(rows)) for name, rows in points.items()}
        judged = points["test"][order["test"][half : 2 * half]]
        for name, rows in points.items():
            distances[name].append(frechet_distance(rows[order[name][:half]], judged))
    return {"digit": digit, "images": half, **{name: float(np.mean(values)) for name, values in distances.items()}}


def measured(network: DigitClassifier, digits: ImageSet) -> dict:
    "Accuracies and floors."
    features = DigitFeatures(network)
    return {
        "validation images": len(digits.validation), "validation accuracy": round(accuracy(network, digits.validation), 5),
        "test images": len(digits.test), "test accuracy": round(accuracy(network, digits.test), 5),
        "floors": [row for digit in ("7", "4") for row in floors(digits, features, digit)],
        "hands": [hands(digits, features, digit) for digit in ("7", "4")],
    }


def trained(digits: ImageSet, seed: int, epochs: int) -> tuple[DigitClassifier, dict]:
    "A new classifier, and how it was made."
    began = time.process_time()
    report = lambda epoch, loss: print(f"epoch {epoch + 1}: loss {loss:.4f}, {time.process_time() - began:.0f} s", flush=True)
    network = train_digit_classifier(digits.train, seed, epochs, report=report)
    return network, {
        "trained on": f"{len(digits.train):,} training images of {digits.about['source']}, 32 x 32, from -1 to 1",
        "seed": seed, "epochs": epochs, "batch": 128, "largest learning rate": 4e-3, "shifts": "up to 2 pixels",
        "threads": 1, "torch": torch.__version__, "processor seconds": round(time.process_time() - began),
    }


def main() -> None:
    "Train (or take the classifier that is there), measure, write weights and their story."
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=ROOT / "mgm" / "weights")
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--measure", action="store_true", help="only measure the classifier that is there again")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    digits = mnist()
    network, made = shipped_classifier() if arguments.measure else trained(digits, arguments.seed, arguments.epochs)
    made |= measured(network, digits)
    save_tensors(arguments.out / "digit_classifier.safetensors", network.state_dict(), {"kind": "digit classifier", "make": "mgm.image_features.DigitClassifier"})
    write_atomically(arguments.out / "digit_classifier.json", json.dumps(made, indent=1) + "\n")
    print(json.dumps(made, indent=1))


if __name__ == "__main__":
    main()
