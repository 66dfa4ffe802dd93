"""The house rules: arrows point to earlier rooms, functions stay short, everything public is documented."""

import ast
import json
import re
import subprocess
import sys

import pytest
from conftest import ROOT

MODULES = sorted(path for path in (ROOT / "mgm").glob("*.py") if not path.name.startswith("_"))
NOTEBOOKS = sorted((ROOT / "nbs").glob("*.ipynb"))
LONGEST_FUNCTION, LONGEST_MODULE = 45, 450


def rooms() -> list[str]:
    "Modules in the order of the design's table."
    text = (ROOT / "nbs" / "design.ipynb").read_text(encoding="utf-8")
    return re.findall(r"\| \[\w+\]\(\w+\.ipynb\) \| `mgm\.(\w+)`", text)


def test_every_module_is_in_the_design():
    "No room without a line in the table, no line without a room."
    assert sorted(rooms()) == [module.stem for module in MODULES]


@pytest.mark.parametrize("module", MODULES, ids=lambda module: module.stem)
def test_arrows_point_to_earlier_rooms(module):
    "A module imports only from rooms that stand before it."
    earlier = rooms()[: rooms().index(module.stem)]
    wrong = imports(module.read_text(encoding="utf-8")) - set(earlier)
    assert not wrong, f"{module.stem} imports {wrong}"


def imports(source: str) -> set[str]:
    "The rooms that a module imports, in either spelling."
    return set(re.findall(r"^\s*(?:from|import) (?:mgm)?\.(\w+)", source, flags=re.MULTILINE))


def test_imports_are_found_in_either_spelling():
    "Else the test above could not fail."
    assert imports("from .data import Rows\nimport mgm.nets\nfrom mgm.roles import Agent\nimport torch\n") == {"data", "nets", "roles"}
    assert all(imports(module.read_text(encoding="utf-8")) for module in MODULES if module.stem not in ("basics", "metrics", "plots", "scales", "workers"))


@pytest.mark.parametrize("module", MODULES, ids=lambda module: module.stem)
def test_short_and_documented(module):
    "Functions of a page at most; a docstring on each public class and function."
    source = module.read_text(encoding="utf-8")
    assert source.count("\n") < LONGEST_MODULE
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            if isinstance(node, ast.FunctionDef):
                assert node.end_lineno - node.lineno < LONGEST_FUNCTION, f"{node.name} has {node.end_lineno - node.lineno + 1} lines"
            if node.col_offset == 0 and not node.name.startswith("_"):
                assert ast.get_docstring(node), f"{node.name} has no docstring"


def test_every_name_is_defined_and_used():
    "What a notebook's tests use without exporting it is missing from the module; what is imported and not used confuses."
    files = [*MODULES, *(ROOT / "tools").glob("*.py"), *(ROOT / "tests").rglob("*.py")]
    found = subprocess.run([sys.executable, "-m", "pyflakes", *map(str, files)], capture_output=True, text=True)
    assert found.returncode == 0, found.stdout + found.stderr


def test_no_global_randomness():
    "No module draws from, or seeds, a global random state."
    for module in MODULES:
        source = module.read_text(encoding="utf-8")
        assert not re.search(r"torch\.manual_seed|np\.random\.(seed|rand|normal)|^import random", source, flags=re.MULTILINE), module
        for call in re.findall(r"torch\.(?:randn|rand|randint|randperm)\([^\n]*", source):
            assert "generator=" in call, f"{module.stem}: {call}"


def blemishes(notebook: dict) -> list[str]:
    "Warnings and machine paths in what a notebook has saved."
    outputs = [output for cell in notebook["cells"] for output in cell.get("outputs", [])]
    texts = ["".join(output.get("text", [])) + "".join(output.get("data", {}).get("text/plain", [])) for output in outputs]
    return [output["name"] for output in outputs if output.get("name") == "stderr"] + [place for text in texts for place in re.findall(r"(?<![\w.])/(?:tmp|home|root|work|Users)/\S*", text)]


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda notebook: notebook.stem)
def test_saved_outputs_are_for_readers(notebook):
    "No warning and no path of a machine on a page."
    assert not blemishes(json.loads(notebook.read_text(encoding="utf-8")))


def test_blemishes_are_found():
    "Else the test above could not fail."
    outputs = [{"name": "stderr", "text": ["/tmp/a/1.py:5: Warning: old"]}, {"data": {"text/plain": ["'/home/me/x'"]}}, {"text": ["runs/tmp/x"]}]
    assert blemishes({"cells": [{"outputs": outputs}, {}]}) == ["stderr", "/tmp/a/1.py:5:", "/home/me/x'"]
