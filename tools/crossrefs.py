"""Numbers for equations, figures, tables and theorems, and links from the places that refer to them.

The syntax is Quarto's, which does all this by itself; here it is done on the processed notebooks,
so that a site built without Quarto shows the same. As in Quarto, a label is known on its own page
only; other pages use a plain link.
"""
import re
from collections import Counter
from difflib import get_close_matches

from notebooks import DocsError, cell_options, map_markdown, markdown_cell, outside_code, with_options

KINDS = {
    "eq": "Equation", "fig": "Figure", "tbl": "Table", "sec": "Section",
    "thm": "Theorem", "lem": "Lemma", "cor": "Corollary", "prp": "Proposition", "cnj": "Conjecture",
    "def": "Definition", "exm": "Example", "exr": "Exercise",
}
THEOREMS = "|".join(list(KINDS)[4:])
LABEL = rf"(?:{'|'.join(KINDS)})-[\w-]*\w"

EQUATION = re.compile(r"\$\$(?P<tex>(?:(?!\$\$).)+)\$\$(?:[ \t]*\{#(?P<label>eq-[\w-]+)\})?", re.DOTALL)
IMAGE = re.compile(r"!\[(?P<caption>(?:[^\[\]]|\[[^\]]*\])*)\]\((?P<source>[^)]+)\)"
                   r"\{#(?P<label>fig-[\w-]+)(?P<rest>[^}]*)\}")
TABLE = re.compile(r"^(?::|Table:)[ \t]+(?P<caption>.*?)[ \t]*"
                   r"\{#(?P<label>tbl-[\w-]+)(?P<rest>[^}]*)\}[ \t]*$", re.MULTILINE)
SECTION = re.compile(r"^#+[ \t]+(?P<title>.*?)[ \t]*\{#(?P<label>sec-[\w-]+)[^}]*\}[ \t]*$", re.MULTILINE)
THEOREM = re.compile(rf"^:::+[ \t]*\{{#(?P<label>(?:{THEOREMS})-[\w-]+)[^}}]*\}}[ \t]*\n"
                     r"\s*(?:#+[ \t]+(?P<title>[^\n]+)\n)?", re.MULTILINE)
PROOF = re.compile(r"^:::+[ \t]*\{\.proof\}[ \t]*\n", re.MULTILINE)
REFERENCE = re.compile(rf"(?<![\w/@.\\])(?P<open>\[?)(?P<bare>-?)@(?P<label>{LABEL})(?P<close>\]?)")


class Labels:
    """The labels of one page: what each one is called, such as 'Figure 2'."""

    def __init__(self, page, complain):
        self.page = page  # the notebook's file name
        self.complain = complain  # called with a line for each thing that is wrong
        self.titles = {}
        self.counts = Counter()

    def add(self, label, title=None):
        """Number `label` and return how it is called; sections go by their title instead."""
        if label in self.titles:
            self.complain(f"{self.page}: the label {label} is used twice; rename one of them")
        kind = label.split("-")[0]
        self.counts[kind] += 1
        self.titles[label] = f"{KINDS[kind]}\u00a0{self.counts[kind]}" if title is None else f"“{title}”"
        return self.titles[label]


def number(notebook, page, complain):
    """Give every labelled thing of `notebook` its number, in place, and return the page's `Labels`."""
    labels, cells = Labels(page, complain), []
    for cell in notebook["cells"]:
        if cell["cell_type"] == "markdown":
            cell["source"] = outside_code(cell["source"], lambda text: number_markdown(text, labels))
        cells += captioned(cell, labels) if cell["cell_type"] == "code" else [cell]
    notebook["cells"] = cells
    return labels


def number_markdown(text, labels):
    """`text` with its equations, images, tables and theorems numbered."""
    text = EQUATION.sub(lambda match: equation(match, labels), text)
    text = IMAGE.sub(lambda match: image(match, labels), text)
    text = TABLE.sub(lambda match: table_caption(match, labels), text)
    text = THEOREM.sub(lambda match: theorem(match, labels), text)
    for match in SECTION.finditer(text):
        labels.add(match["label"], match["title"])
    stray = re.search(r"\{#eq-[\w-]+\}", text)
    if stray:
        labels.complain(f"{labels.page}: {stray.group()} must follow the closing $$ of a formula, on the same line")
    return PROOF.sub("::: {.proof-block}\n[Proof.]{.proof-title}\n\n", text)


def equation(match, labels):
    """A display formula in a box of its own; a labelled one with its number beside it."""
    if match["label"] is None:
        return match.group()
    title = labels.add(match["label"]).split("\u00a0")[1]
    return (f"\n\n::: {{#{match['label']} .equation}}\n$$\n{match['tex'].strip()}\n$$\n\n"
            f"[({title})]{{.equation-number}}\n:::\n\n")


def image(match, labels):
    """An image with a numbered caption."""
    title = labels.add(match["label"])
    return f"![[{title}:]{{.caption-label}} {match['caption']}]({match['source']}){{#{match['label']}{match['rest']}}}"


def table_caption(match, labels):
    """The numbered caption of a Markdown table."""
    title = labels.add(match["label"])
    return f": [{title}:]{{.caption-label}} {match['caption']} {{#{match['label']}{match['rest']}}}"


def theorem(match, labels):
    """The opening of a theorem's box, with its number and its name."""
    name = f" [({match['title'].strip()})]{{.theorem-name}}" if match["title"] else ""
    title = f"[[{labels.add(match['label'])}]{{.theorem-label}}{name}]{{.theorem-title}}"
    return f"::: {{#{match['label']} .theorem}}\n{title}\n\n"


def captioned(cell, labels):
    """The cells that show a code cell: alone, or within a figure or table that has its caption."""
    try:
        options, code = cell_options(cell["source"])
    except DocsError as error:
        labels.complain(f"{labels.page}: {error}")
        return [cell]
    caption = options.pop("fig-cap", None) or options.pop("tbl-cap", None)
    label = str(options.get("label", ""))
    if not caption or not code.strip():
        return [cell]
    if not cell.get("outputs"):
        labels.complain(f"{labels.page}: the cell {label or repr(str(caption)[:30])} has a caption but no output; "
                        "run the notebook and save it")
    table = label.startswith("tbl-")
    title = ""
    if re.fullmatch(LABEL, label):
        title = f"[{labels.add(options.pop('label'))}:]{{.caption-label}} "
    if not table:
        options.setdefault("fig-alt", re.sub(r"[$`*\\]|@[\w-]+", "", str(caption)))
    cell = {**cell, "source": with_options(options, code)}
    result = {**cell, "source": with_options({**options, "echo": False}, code)}
    shown = markdown_cell(f"::: {{.caption}}\n{title}{str(caption).strip()}\n:::")
    role = "table" if table else "figure"
    opening = markdown_cell(f":::: {{{f'#{label} ' if title else ''}.captioned .captioned-{role}}}")
    parts = [{**cell, "outputs": []}, shown, result] if table else [cell, shown]
    return [opening, *parts, markdown_cell("::::")]


def refer(notebook, labels, everywhere, complain):
    """Turn each `@label` of `notebook` into a link, in place; `everywhere` holds the labels of all pages."""
    def link(match):
        label = match["label"]
        if label not in labels.titles:
            complain(unknown(label, labels, everywhere))
            return f"?{label}"
        title = labels.titles[label]
        text = title.split("\u00a0")[-1] if match["bare"] else title
        whole = bool(match["open"]) and bool(match["close"])
        return ("" if whole else match["open"]) + f"[{text}](#{label}){{.crossref}}" + ("" if whole else match["close"])

    map_markdown(notebook, lambda text: outside_code(text, lambda part: REFERENCE.sub(link, part)))


def unknown(label, labels, everywhere):
    """What to say about a reference to a label that this page does not have."""
    for other in everywhere:
        if label in other.titles:
            return (f"{labels.page}: @{label} is a label of {other.page}, and labels are known on their own page only; "
                    f"write a link: [words]({other.page}#{label})")
    near = get_close_matches(label, labels.titles, 1)
    return f"{labels.page}: nothing on the page has the label {label}" + (f"; did you mean @{near[0]}?" if near else "")
