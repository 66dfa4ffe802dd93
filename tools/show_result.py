"""Say where the result of an experiment lies, and show its table."""

import argparse
from pathlib import Path

from mgm.experiments import read_json
from mgm.synthetic import Synthetic


def main() -> None:
    "Print the table of the experiment and the paths of its files."
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--notebook", required=True, help="the executed notebook")
    parser.add_argument("--beta", type=float, required=True, help="coupling of the experiment; everything else as in its defaults")
    options = parser.parse_args()
    folder = Path(Synthetic(beta=options.beta).folder)
    for line in read_json(folder / "result.json")["rows"]:
        print(
            f"{line['method']:>16}: exact W1 {line['w1']:.3f} (floor {line['w1_floor']:.3f}), "
            f"paper's metric {line['paper_metric']:.3f} (floor {line['paper_metric_floor']:.3f}, printed {line['printed']}), {line['seconds']:.0f} s"
        )
    for what, path in (("notebook", options.notebook), ("table", folder / "result.csv"), ("details", folder / "result.json"), ("picture", folder / "samples.png")):
        print(f"{what:>16}: {path}")


if __name__ == "__main__":
    main()
