"""Citations in the author-year style, and the list of references at the end of a page.

The syntax is Pandoc's: `[@key]`, `[@key, sec. 3; @other]`, `@key says`, `[-@key]` for the year alone.
"""
import logging
import re
from collections import defaultdict
from dataclasses import dataclass
from difflib import get_close_matches

import bibtexparser
from bibtexparser import middlewares

from notebooks import DocsError, map_markdown, markdown_cell, outside_code

KEY = r"[A-Za-z][\w:-]*\w"
GROUP = re.compile(rf"\[(?P<items>[^\[\]]*?(?<![\w/.\\])@{KEY}[^\[\]]*)\](?![(\[{{])")
ITEM = re.compile(rf"\s*(?P<before>[^@]*?)(?P<bare>-?)@(?P<key>{KEY})(?P<after>[^@]*)")
PLAIN = re.compile(rf"(?<![\w/@.\\-])@(?P<key>{KEY})")
LIST = re.compile(r"^::: *\{#refs\}\s*:::[ \t]*$", re.MULTILINE)


@dataclass
class Reference:
    """One work of the bibliography, ready to be cited."""

    key: str
    authors: str  # as in the sentence: 'Arjovsky et al.'
    year: str  # with a letter where the same authors have two works in one year
    entry: str  # its Markdown in the list of references


def bibliography(path):
    """The works of a BibTeX file by key."""
    logging.getLogger("bibtexparser").setLevel(logging.CRITICAL)  # what is wrong is said below
    library = bibtexparser.parse_file(str(path), append_middleware=[
        middlewares.LatexDecodingMiddleware(), middlewares.SeparateCoAuthors(), middlewares.SplitNameParts()])
    if library.failed_blocks:
        block = library.failed_blocks[0]
        fault = f"the key {block.key} is used twice" if hasattr(block, "key") else "is a brace or a comma missing?"
        raise DocsError(f"{path.name}, entry at line {block.start_line + 1}: {fault}")
    entries = [{"key": entry.key, **{field.key: field.value for field in entry.fields}} for entry in library.entries]
    for entry in entries:
        missing = [name for name in ("author", "year", "title") if not entry.get(name)]
        if missing:
            raise DocsError(f"{path.name}: the entry {entry['key']} has no {' and no '.join(missing)}")
    letters = year_letters(entries)
    return {entry["key"]: Reference(entry["key"], short_names(entry["author"]), year, describe(entry, year))
            for entry, year in zip(entries, letters)}


def year_letters(entries):
    """The year of each entry, with a, b, … where authors and year would not tell two works apart."""
    groups = defaultdict(list)
    for entry in entries:
        groups[short_names(entry["author"]), entry["year"]].append(entry["key"])
    years = []
    for entry in entries:
        alike = sorted(groups[short_names(entry["author"]), entry["year"]])
        years.append(entry["year"] + ("abcdefghij"[alike.index(entry["key"])] if len(alike) > 1 else ""))
    return years


def surname(name):
    """A person's family name with its particle, as in 'von Neumann'."""
    return " ".join(name.von + name.last)


def short_names(names):
    """The authors as a sentence names them: one, 'A and B', 'A, B, and C', or 'A et al.'."""
    surnames = [surname(name) for name in names]
    if len(surnames) > 3 or surnames[-1] == "others":
        return f"{surnames[0]} et al."
    if len(surnames) == 3:
        return f"{surnames[0]}, {surnames[1]}, and {surnames[2]}"
    return " and ".join(surnames)


def full_names(names):
    """The authors as the list names them: 'Arjovsky, Martin, Soumith Chintala, and Léon Bottou'."""
    first = ", ".join([surname(names[0]), *([" ".join(names[0].first)] if names[0].first else [])])
    rest = [" ".join(name.first + name.von + name.last + name.jr) for name in names[1:]]
    if rest and rest[-1] == "others":
        return ", ".join([first, *rest[:-1]]) + ", et al"
    people = [first, *rest]
    return people[0] if len(people) == 1 else ", ".join(people[:-1]) + ", and " + people[-1]


def describe(entry, year):
    """The Markdown of one entry of the list of references."""
    authors = full_names(entry["author"]).rstrip(".")
    title = re.sub(r"[{}]", "", entry["title"])
    where = entry.get("journal") or entry.get("booktitle") or entry.get("publisher") or entry.get("howpublished") or ""
    if not where and entry.get("eprint"):
        where = f"arXiv:{entry['eprint']}"
    volume = f" {entry['volume']}" if entry.get("volume") else ""
    number = f" ({entry['number']})" if entry.get("number") and volume else ""
    pages = f": {re.sub('-+', '–', entry['pages'])}" if entry.get("pages") else ""
    place = f" *{where}*{volume}{number}{pages}." if where else ""
    address = f"https://doi.org/{entry['doi']}" if entry.get("doi") else entry.get("url", "")
    return f"{authors}. {year}. “{title}.”{place}" + (f" <{address}>." if address else "")


def cite(notebook, page, works, complain):
    """Turn the citations of `notebook` into links, in place, and end it with the works that it cites."""
    used = {}

    def work(key):
        if key in works:
            return used.setdefault(key, works[key])
        near = get_close_matches(key, works, 1)
        hint = f"did you mean @{near[0]}?" if near else "add it there, or put what is no citation in backticks"
        complain(f"{page}: @{key} is not in the bibliography; {hint}")
        return Reference(key, key, "?", "")

    def cite_text(text):
        text = GROUP.sub(lambda match: group(match, work), text)
        return PLAIN.sub(lambda match: in_sentence(work(match["key"])), text)

    map_markdown(notebook, lambda text: outside_code(text, cite_text))
    if used:
        add_list(notebook, sorted(used.values(), key=lambda item: (item.authors.casefold(), item.year)))


def link(work, text):
    """A link from the text to the entry in the list."""
    return f"[{text}](#ref-{work.key}){{.citation}}"


def in_sentence(work):
    """The citation as a part of the sentence: 'Arjovsky et al. (2017)'."""
    return link(work, f"{work.authors} ({work.year})")


def group(match, work):
    """The citations of one pair of brackets, in parentheses."""
    shown = []
    for item in match["items"].split(";"):
        parts = ITEM.fullmatch(item)
        if not parts:
            return match.group()
        cited = work(parts["key"])
        text = cited.year if parts["bare"] else f"{cited.authors} {cited.year}"
        before = f"{parts['before'].strip()} " if parts["before"].strip() else ""
        shown.append(before + link(cited, text) + parts["after"].rstrip())
    return f"({'; '.join(shown)})"


def add_list(notebook, cited):
    """Write the list of references where the page has `::: {#refs}`, or at its end."""
    entries = "\n\n".join(f"::: {{#ref-{work.key} .reference}}\n{work.entry}\n:::" for work in cited)
    box = f":::: {{#refs .references}}\n{entries}\n::::"
    for cell in notebook["cells"]:
        if cell["cell_type"] == "markdown" and LIST.search(cell["source"]):
            cell["source"] = LIST.sub(lambda match: box, cell["source"])
            return
    notebook["cells"].append(markdown_cell(f"## References {{#references}}\n\n{box}"))
