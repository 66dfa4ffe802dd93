"""Train the digit classifier that comes with the library, and write down how it was made, how well it reads, and the floors of its features.

Needs MNIST (`make digits`). About ten minutes on one thread.
"""

import argparse
import json
import sys
import time
from pathlib import Path

import torch

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from mgm.basics import save_tensors, write_atomically  # noqa: E402
from mgm.image_data import ImageSet, mnist  # noqa: E402
from mgm.image_features import DigitFeatures, accuracy, train_digit_classifier  # noqa: E402
from mgm.metrics import frechet  # noqa: E402

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


def main() -> None:
    "Train, measure, write weights and their story."
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=ROOT / "mgm" / "weights")
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    digits = mnist()
    began = time.process_time()
    report = lambda epoch, loss: print(f"epoch {epoch + 1}: loss {loss:.4f}, {time.process_time() - began:.0f} s", flush=True)
    network = train_digit_classifier(digits.train, arguments.seed, arguments.epochs, report=report)
    seconds = time.process_time() - began
    made = {
        "trained on": f"{len(digits.train):,} training images of {digits.about['source']}, 32 x 32, from -1 to 1",
        "seed": arguments.seed, "epochs": arguments.epochs, "batch": 128, "largest learning rate": 4e-3, "shifts": "up to 2 pixels",
        "threads": 1, "torch": torch.__version__, "processor seconds": round(seconds),
        "validation images": len(digits.validation), "validation accuracy": round(accuracy(network, digits.validation), 5),
        "test images": len(digits.test), "test accuracy": round(accuracy(network, digits.test), 5),
    }
    features = DigitFeatures(network)
    made["floors"] = [row for digit in ("7", "4") for row in floors(digits, features, digit)]
    save_tensors(arguments.out / "digit_classifier.safetensors", network.state_dict(), {"kind": "digit classifier", "make": "mgm.image_features.DigitClassifier"})
    write_atomically(arguments.out / "digit_classifier.json", json.dumps(made, indent=1) + "\n")
    print(json.dumps(made, indent=1))


if __name__ == "__main__":
    main()
