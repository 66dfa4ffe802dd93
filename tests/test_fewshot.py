"""The experiment with few images: what the command line refuses, and that its tool trains what the page shows."""

import sys

import pytest
from conftest import ROOT

sys.path.insert(0, str(ROOT / "tools"))
import fewshot_tables  # noqa: E402

SMALL = dict(notebook="exp_fewshot", data="small_digits", mixer_images=60)


@pytest.mark.parametrize(
    "bad, message",
    [
        (dict(shot=5), "did you mean 'shots'"),
        (dict(checkpoints="nowhere"), "checkpoints='nowhere' is no folder"),
    ],
)
def test_bad_parameters_are_named(bad, message, papermill):
    "One line that says which, and what to do."
    process = papermill(**(SMALL | bad))
    assert process.returncode != 0 and message in process.stderr, process.stderr[-2000:]


def rows(rate_scores: list, feedback_scores: list) -> list[dict]:
    "A finished comparison for fine-tuning, as a table has it."
    seeds, rates, candidates = fewshot_tables.CHOOSING_SEEDS, fewshot_tables.RATES["finetune"], fewshot_tables.FEEDBACK["combined"]
    alone = [dict(method="finetune", rule="none", learning_rate=str(rate), own="", feedback_learning_rate="", validation=str(score)) for rate, score in zip(rates, rate_scores) for _ in seeds]
    plain = dict(method="finetune", rule="combined", learning_rate=str(rates[1]))
    return alone + [plain | {name: str(value) for name, value in those.items()} | dict(validation=str(score)) for those, score in zip(candidates, feedback_scores) for _ in seeds]


def test_settings_are_chosen_on_validation_images_and_only_when_all_are_there():
    "The smallest mean; nothing while a seed is missing."
    whole = rows([30.0, 20.0, 25.0], [9.0, 12.0, 7.0, 15.0])
    rate = dict(learning_rate=fewshot_tables.RATES["finetune"][1])
    assert fewshot_tables.chosen(whole, "finetune", "none") == rate
    assert fewshot_tables.chosen(whole, "finetune", "combined") == rate | fewshot_tables.FEEDBACK["combined"][2]
    assert fewshot_tables.chosen(whole, "finetune", "interleaved") == rate
    assert fewshot_tables.chosen(whole, "finetune", "alternate") is None
    assert fewshot_tables.chosen(whole[1:], "finetune", "none") is None
    assert fewshot_tables.chosen(whole[:-1], "finetune", "combined") is None


def test_every_cell_is_wanted_once():
    "Three methods, three numbers of shots, three rules, two digits, five seeds; and the experiments beside them."
    everything = {}
    for method in fewshot_tables.METHODS:
        everything |= {(method, rule): dict(learning_rate=1e-3, own=0.2) for rule in ("none", "combined", "alternate", "interleaved")}
    original, fewshot_tables.chosen = fewshot_tables.chosen, lambda rows, method, rule: everything[method, rule]
    try:
        cells = fewshot_tables.table_cells([])
    finally:
        fewshot_tables.chosen = original
    main = [cell for cell in cells if cell["label"]["part"] == "table"]
    assert len(main) == 3 * 3 * 3 * 2 * 5 and len(cells) == len(main) + 5 * (3 + 3 + 2)
    assert len({str(sorted(cell.items(), key=str)) for cell in cells}) == len(cells)
