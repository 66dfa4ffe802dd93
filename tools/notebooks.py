"""Notebooks as plain dictionaries, and the text in them that a reader sees as Markdown."""
import json
import re
from pathlib import Path

import yaml

CODE = re.compile(
    r"^(?P<fence>`{3,}|~{3,})[^\n]*\n.*?^(?P=fence)[ \t]*$"  # a fenced block
    r"|(?P<ticks>`+)(?!`).+?(?<!`)(?P=ticks)(?!`)"  # code in a sentence
    r"|<!--.*?-->",
    re.MULTILINE | re.DOTALL,
)


class DocsError(Exception):
    """Something in the sources that keeps the site from being built; the message says what to change."""


def read(path):
    """The notebook at `path`."""
    return joined(json.loads(Path(path).read_text(encoding="utf-8")))


def joined(notebook):
    """`notebook` with every source and every Markdown output joined to one string, in place."""
    for cell in notebook["cells"]:
        cell["source"] = "".join(cell["source"])
        for data in markdown_outputs(cell):
            data["text/markdown"] = "".join(data["text/markdown"])
    return notebook


def write(notebook, path):
    """Save `notebook` at `path`."""
    Path(path).write_text(json.dumps(notebook), encoding="utf-8")


def markdown_cell(text):
    """A new Markdown cell."""
    return {"cell_type": "markdown", "metadata": {}, "source": text}


def markdown_outputs(cell):
    """The data of those outputs of `cell` that are shown as Markdown (an HTML form would win)."""
    bundles = [output.get("data", {}) for output in cell.get("outputs", [])]
    return [data for data in bundles if "text/markdown" in data and "text/html" not in data]


def map_markdown(notebook, change):
    """Replace each Markdown text of `notebook`, cells and outputs, by `change(text)`, in place."""
    for cell in notebook["cells"]:
        if cell["cell_type"] == "markdown":
            cell["source"] = change(cell["source"])
        for data in markdown_outputs(cell):
            data["text/markdown"] = change(data["text/markdown"])


def outside_code(text, change):
    """`text` with `change` applied to what is neither code nor a comment."""
    parts, end = [], 0
    for code in CODE.finditer(text):
        parts += [change(text[end:code.start()]), code.group()]
        end = code.end()
    return "".join(parts + [change(text[end:])])


def cell_options(source):
    """The `#| key: value` options at the top of a code cell, as a dictionary, and the code below them."""
    lines = source.split("\n")
    count = next((i for i, line in enumerate(lines) if not line.startswith("#|")), len(lines))
    try:
        options = yaml.safe_load("\n".join(line[2:] for line in lines[:count])) if count else {}
    except yaml.YAMLError as error:
        raise DocsError(f"these cell options are no YAML (quote a value that holds a colon):\n{source[:300]}\n{error}")
    return (options if isinstance(options, dict) else {}), "\n".join(lines[count:])


def with_options(options, code):
    """The source of a code cell with these options and this code."""
    text = yaml.safe_dump(options, sort_keys=False, allow_unicode=True, width=10_000) if options else ""
    return "".join(f"#| {line}\n" for line in text.splitlines()) + code
