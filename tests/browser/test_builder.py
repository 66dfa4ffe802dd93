"""The builder of the site, on small pieces of text: numbers, references, citations, API entries, links."""
import sys
from pathlib import Path

import pytest

TOOLS = Path(__file__).resolve().parents[2] / "tools"
sys.path.insert(0, str(TOOLS))

yaml = pytest.importorskip("yaml", reason="PyYAML is not installed: pip install -r requirements-dev.txt")
pytest.importorskip("bibtexparser", reason="bibtexparser is not installed: pip install -r requirements-dev.txt")

import api_entries  # noqa: E402
import check_links  # noqa: E402
import citations  # noqa: E402
import crossrefs  # noqa: E402
from notebooks import cell_options, markdown_cell, outside_code  # noqa: E402

BIB = """
@article{one, author = {von Ber{\\"u}hmt, Ada and Roe, Richard}, title = {A {GAN}}, journal = {J. Test},
  year = {2020}, volume = {3}, pages = {1--9}}
@misc{many, author = {A, B. and C, D. and E, F. and G, H.}, title = {Many}, year = {2021}, eprint = {2101.00001}}
@misc{twin, author = {Solo, Han}, title = {First}, year = {1977}}
@misc{twin2, author = {Solo, Han}, title = {Second}, year = {1977}}
"""


def resolved(*texts):
    """The Markdown of cells with these texts, numbered and referred, and what was complained about."""
    notebook, complaints = {"cells": [markdown_cell(text) for text in texts]}, []
    labels = crossrefs.number(notebook, "01_here.ipynb", complaints.append)
    crossrefs.refer(notebook, labels, [labels], complaints.append)
    return "\n".join(cell["source"] for cell in notebook["cells"]), complaints


@pytest.fixture(scope="module")
def works(tmp_path_factory):
    """A small bibliography."""
    path = tmp_path_factory.mktemp("bib") / "references.bib"
    path.write_text(BIB, encoding="utf-8")
    return citations.bibliography(path)


def cited(text, works):
    """The Markdown of one cell after citing, and what was complained about."""
    notebook, complaints = {"cells": [markdown_cell(text)]}, []
    citations.cite(notebook, "01_here.ipynb", works, complaints.append)
    return "\n".join(cell["source"] for cell in notebook["cells"]), complaints


def test_equations_are_numbered_in_order_and_only_with_a_label():
    text, complaints = resolved("$$a$$\n\n$$\nb\n$$ {#eq-b}\n\n$$c$$ {#eq-c}", "By @eq-c, not [-@eq-b].")
    assert "[(1)]{.equation-number}" in text and "[(2)]{.equation-number}" in text and "(3)" not in text
    assert "By [Equation\u00a02](#eq-c){.crossref}, not [1](#eq-b){.crossref}." in text
    assert complaints == []


def test_code_is_left_alone():
    text = "`@eq-a` and\n\n```python\n@eq-b\n$$x$$ {#eq-y}\n```\n"
    assert resolved(text) == (text, [])
    assert outside_code("a `a` a", str.upper) == "A `a` A"


def test_theorems_have_their_own_numbers_and_names():
    text, _ = resolved("::: {#thm-a}\n## Bound\n\nText\n:::\n\n::: {#lem-b}\nText\n:::\n\n@thm-a and @lem-b")
    assert "Theorem\u00a01" in text and "(Bound)" in text and "[Lemma\u00a01](#lem-b)" in text


def test_a_picture_gets_its_caption_below_and_a_table_above():
    source = '#| label: fig-a\n#| fig-cap: "See $x$ in `f`."\n#| echo: false\nplot()'
    cell = {"cell_type": "code", "metadata": {}, "outputs": [{"output_type": "display_data", "data": {}}], "source": source}
    table = {**cell, "source": "#| label: tbl-b\n#| tbl-cap: Scores.\nframe"}
    notebook = {"cells": [cell, table]}
    complaints = []
    labels = crossrefs.number(notebook, "p", complaints.append)
    sources = [cell["source"] for cell in notebook["cells"]]
    assert labels.titles == {"fig-a": "Figure\u00a01", "tbl-b": "Table\u00a01"}
    assert "#fig-a" in sources[0] and sources[1].endswith("plot()") and "See $x$ in `f`." in sources[2]
    assert "#tbl-b" in sources[4] and sources[5].endswith("frame") and "Scores." in sources[6]
    assert cell_options(sources[7]) == ({"echo": False}, "frame")
    crossrefs.number({"cells": [{**cell, "outputs": []}]}, "p", complaints.append)
    assert complaints == ["p: the cell fig-a has a caption but no output; run the notebook and save it"]
    assert cell_options(sources[1])[0] == {"echo": False, "fig-alt": "See x in f."}


@pytest.mark.parametrize("text, words", [
    ("@fig-none", "nothing on the page has the label fig-none"),
    ("$$a$$ {#eq-one}\n\n@eq-onne", "did you mean @eq-one?"),
    ("$$a$$ {#eq-one}\n\n$$b$$ {#eq-one}", "used twice"),
    ("$$\na\n$$\n{#eq-far}", "must follow the closing $$"),
])
def test_wrong_labels_are_named(text, words):
    complaints = resolved(text)[1]
    assert len(complaints) == 1 and words in complaints[0] and "01_here.ipynb" in complaints[0]


def test_a_label_of_another_page_is_answered_with_the_link_to_write():
    other = crossrefs.number({"cells": [markdown_cell("$$a$$ {#eq-there}")]}, "00_there.ipynb", print)
    here, complaints = {"cells": [markdown_cell("@eq-there")]}, []
    labels = crossrefs.number(here, "01_here.ipynb", complaints.append)
    crossrefs.refer(here, labels, [labels, other], complaints.append)
    assert "[words](00_there.ipynb#eq-there)" in complaints[0]


def test_citations(works):
    text, complaints = cited("@one says [@many, sec. 3; see @twin]. In [-@one] too; ask me@home.org.", works)
    assert "[von Berühmt and Roe (2020)](#ref-one){.citation} says" in text
    assert "([A et al. 2021](#ref-many){.citation}, sec. 3; see [Solo 1977a](#ref-twin){.citation})" in text
    assert "([2020](#ref-one){.citation})" in text and "me@home.org" in text
    last = "von Berühmt, Ada, and Richard Roe. 2020. “A GAN.” *J. Test* 3: 1–9."
    assert text.index("A, B., D. C") < text.index("Solo, Han. 1977a") < text.index(last)
    assert "Second" not in text and complaints == []


def test_an_unknown_key_is_named_with_a_suggestion(works):
    complaints = cited("As [@twinn] says", works)[1]
    assert len(complaints) == 1 and "did you mean @twin" in complaints[0]


SOURCE = '''
from dataclasses import dataclass, field
@dataclass
class Base:
    "A base."
    weight: float = 1.0  # of the penalty
@dataclass
class Thing(Base):
    "What it is."
    # the rows,
    # aligned
    rows: list = field(default_factory=list)
    _hidden: int = 0
    def use(self, n: int, *, seed: int = 20_000,  # which stream
            **rest) -> "Thing":  # the same
        "Use `n`."
    @property
    def size(self) -> int:  # rows
        "How many."
    def plain(self): pass
def free(a, b=1): pass
'''


def test_api_symbols_are_read_from_the_source():
    symbols = api_entries.module_symbols(SOURCE)
    fields = [(p.name, p.default, p.meaning) for p in symbols["Thing"].parameters]
    assert fields == [("weight", "1.0", "of the penalty"), ("rows", "list()", "the rows, aligned")]
    use = symbols["Thing.use"]
    parameters = [(p.name, p.type, p.default, p.meaning) for p in use.parameters]
    assert parameters == [("n", "int", "", ""), ("seed", "int", "20_000", "which stream"), ("**rest", "", "", "")]
    assert (use.returns.type, use.returns.meaning) == ("Thing", "the same")
    assert api_entries.signature(use) == "Thing.use(n, *, seed=20_000, **rest)"
    assert api_entries.parameter_table(symbols["free"]).count("\n") == 5
    assert api_entries.parameter_table(symbols["Thing.size"]) == "*Returns* `int`: rows"


def test_a_class_entry_brings_its_documented_methods():
    cell = {"cell_type": "code", "source": "show_doc(Thing)", "outputs": []}
    modules = {"mgm.x": api_entries.module_symbols(SOURCE)}
    names = api_entries.fill_entries({"cells": [cell]}, "mgm.x", modules, "https://example.org/")
    assert names == {"Thing", "Thing.use", "Thing.size"}
    assert "#### Thing.use {.api-name #thing.use}" in cell["outputs"][0]["data"]["text/markdown"]


def test_links_are_checked(tmp_path):
    (tmp_path / "index.html").write_text(
        '<a href="b.html#here">x</a><a href="b.html#no">x</a><a href="https://example.org">x</a>'
        '<img src="https://example.org/x.png"><style>p{background:url(gone.png)}</style>')
    (tmp_path / "b.html").write_text('<p id="here"><a href="./">home</a>')
    pages, links, faults = check_links.check(tmp_path.resolve())
    assert (pages, links) == (2, 6)
    assert [fault.split(": ")[1] for fault in faults] == ["b.html#no", "https://example.org/x.png", "gone.png"]
