"""Tables of trained cells: which are missing, and a CSV file that grows as they come."""

import argparse
import csv
import hashlib
import io
import json
from pathlib import Path

from mgm.basics import write_atomically
from mgm.experiments import code_version, sweep

RESULTS = Path("nbs/results")
VERSION = code_version()  # of the code that runs, whatever happens to the files meanwhile


def digest(settings: dict) -> str:
    "Twelve digits that stand for the settings of a cell."
    return hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()[:12]


def settings_of(cell: dict) -> dict:
    "What defines a cell: all but its label."
    return {name: value for name, value in cell.items() if name != "label"}


def write(rows: list[dict], path: Path) -> None:
    "Replace the table by these rows in one step; what a row does not have stays empty."
    text = io.StringIO()
    writer = csv.DictWriter(text, fieldnames=list(dict.fromkeys(name for row in rows for name in row)), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    write_atomically(path, text.getvalue())


def read(path: Path) -> list[dict]:
    "The rows of a table, as texts; none if there is no table yet."
    return list(csv.DictReader(path.open())) if path.exists() else []


def missing_cells(cells: list[dict], rows: list[dict]) -> list[dict]:
    "The cells of which the table has no row with the same settings."
    done = {row["configuration"] for row in rows}
    return [cell for cell in cells if digest(settings_of(cell)) not in done]


def fill(path: Path, target, cells: list[dict], books: Path, workers: int | None, say) -> None:
    "Train the cells whose rows are not in the table yet, and add their rows as they come; `say(parameters, rows)` makes a line for the log."

    def each(parameters: dict, result) -> None:
        new, rows = result if isinstance(result, list) else [result], read(path)
        if not {row["configuration"] for row in new} <= {row["configuration"] for row in rows}:  # another tool may be at work on the same table
            write(rows + new, path)
        print(say(parameters, new), flush=True)

    sweep(target, missing_cells(cells, read(path)), folder=books, workers=workers, version="1", each=each)


def parser_of(
    description: str,  # the tool's own documentation
    what: tuple[str, ...],  # that can be done
    books: str,  # where a sweep keeps its checkpoints
) -> argparse.ArgumentParser:
    "The command line that all tools for tables share."
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=what)
    parser.add_argument("--workers", type=int, default=None, help="processes; default: one a core")
    parser.add_argument("--books", type=Path, default=Path(books), help="folder of the sweep")
    return parser


def listing(cells: list[dict], path: Path) -> None:
    "Print every cell and whether the table has it."
    missing = missing_cells(cells, read(path))
    for cell in cells:
        plain = [f"{name}={value}" for name, value in settings_of(cell).items() if isinstance(value, (int, float)) or (isinstance(value, str) and "/" not in value)]
        print("missing" if cell in missing else "done   ", *cell["label"].values(), *plain, sep="  ")
    print(f"{len(cells) - len(missing)} of {len(cells)} cells")
