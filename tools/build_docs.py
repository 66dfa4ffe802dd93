"""Build the documentation site from the notebooks, without Quarto: `python tools/build_docs.py`.

The steps: nbdev's processors prepare the notebooks, without running a cell; references, citations
and API entries are written out; smalldocs makes the pages; KaTeX is put beside them. The site lands
in the folder that `_quarto.yml` names. Nothing in it needs another host, and real Quarto renders
the same notebooks.
"""
import argparse
import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from configparser import ConfigParser
from dataclasses import dataclass
from pathlib import Path

import yaml
from execnb.nbio import nb2dict, read_nb
from nbdev.process import NBProcessor
from nbdev.processors import FilterDefaults

import api_entries
import citations
import crossrefs
import notebooks
from katex import copy_katex
from notebooks import DocsError

ROOT = Path(__file__).resolve().parent.parent
QUARTO_ONLY = ("bibliography", "csl", "metadata-files")  # keys that are for Quarto, or done here
CDN = re.compile(r"https://[^\"']*/katex@[\d.]+/dist")


def main():
    """Build the site; print one line about it, or say what is wrong."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--draft", action="store_true", help="build in spite of missing pages, labels and links")
    started, arguments = time.perf_counter(), parser.parse_args()
    try:
        os.chdir(ROOT)  # nbdev looks for its settings from here upwards
        pages, site = build(ROOT, arguments.draft)
    except (DocsError, FileNotFoundError) as error:
        sys.exit(f"The site is not built.\n{error}")
    print(f"{pages} pages in {site.relative_to(ROOT)}/, {time.perf_counter() - started:.0f} s")


def build(root, draft=False):
    """Build the site of the project in `root`; returns the number of pages and the site's folder.

    Everything that is wrong is said at once. A draft says it too, but is built all the same.
    """
    config = yaml.safe_load((root / "_quarto.yml").read_text(encoding="utf-8"))
    settings = ConfigParser(delimiters=["="], interpolation=None)
    settings.read(root / "settings.ini", encoding="utf-8")
    project, problems = settings["DEFAULT"], []
    source = root / project["nbs_path"]
    names = check_sidebar(config, source, problems.append)
    with tempfile.TemporaryDirectory() as folder:
        stage, built = Path(folder) / "pages", Path(folder) / "site"
        shutil.copytree(source, stage, ignore=shutil.ignore_patterns("*.ipynb", "_quarto.yml", ".*"))
        modules = api_entries.exported_symbols(root / project["lib_path"])
        write_notebooks(source, project, config, names, modules, stage, problems.append)
        write_config(config, names, stage, built)
        pages = render(stage, built, problems.append)
        if problems and not draft:
            raise DocsError("\n".join(problems))
        site = (source / config["project"]["output-dir"]).resolve()
        shutil.rmtree(site, ignore_errors=True)
        shutil.move(built, site)
    print("".join(f"{problem}\n" for problem in problems), end="", file=sys.stderr)
    return pages, site


def sidebar_names(contents):
    """The notebooks that a sidebar lists, in order."""
    names = []
    for item in contents:
        if isinstance(item, dict) and "contents" in item:
            names += sidebar_names(item["contents"])
        else:
            names.append(item if isinstance(item, str) else item.get("href", ""))
    return [name for name in names if name.endswith(".ipynb")]


def check_sidebar(config, folder, complain):
    """The notebooks of the site in order; complains unless sidebar and folder hold the same ones."""
    listed = sidebar_names(config["website"]["sidebar"]["contents"])
    present = sorted(path.name for path in folder.glob("*.ipynb") if not path.name.startswith(("_", ".")))
    unlisted = [name for name in present if name not in listed]
    absent = [name for name in listed if name not in present]
    if unlisted:
        complain(f"not in the sidebar of _quarto.yml: {', '.join(unlisted)}; "
                 "list each notebook there, or start its name with _")
    if absent:
        complain(f"in the sidebar of _quarto.yml but not in {folder.name}/: {', '.join(absent)}; "
                 "write them or take them out")
    names = [name for name in listed if name in present] + unlisted
    for page, count in Counter(map(page_name, names)).items():
        if count > 1:
            complain(f"{count} notebooks would make the same page as {page}: rename all but one")
    return names


def prepared(path):
    """The notebook at `path` as nbdev prepares it for a site, but with no cell run and thus no `show_doc` output."""
    try:
        notebook = read_nb(path)
    except ValueError as error:
        raise DocsError(f"{path.name} is no notebook: {error}") from None
    steps = [step for step in FilterDefaults().base_procs() if step.__name__ != "exec_show_docs"]
    NBProcessor(nb=notebook, procs=steps).process()
    return notebooks.joined(nb2dict(notebook))


def write_notebooks(folder, project, config, names, modules, stage, complain):
    """Write the notebooks to `stage` under the names that their pages get, and the index of API names."""
    works = citations.bibliography(folder / config["bibliography"])
    repository = f"{project['git_url']}/blob/{project['branch']}/"
    pages = {name: prepared(folder / name) for name in names}
    entries, labels = {}, {}
    for name, notebook in pages.items():
        drop_file_name(notebook)
        written = notebooks.read(folder / name)
        check_title(written, name, complain)
        own = module_of(written, project["lib_path"])
        shown = api_entries.fill_entries(notebook, own, modules, repository)
        entries |= {symbol: f"{page_name(name)}#{symbol.lower()}" for symbol in shown}
        labels[name] = crossrefs.number(notebook, name, complain)
    links = Links({name: page_name(name) for name in names}, set(entries.values()),
                  f"{project['doc_host'].rstrip('/')}{project['doc_baseurl'].rstrip('/')}/")
    for name, notebook in pages.items():
        crossrefs.refer(notebook, labels[name], labels.values(), complain)
        citations.cite(notebook, name, works, complain)
        notebooks.map_markdown(notebook, links.make_local)
        notebooks.write(notebook, stage / page_name(name))
    (stage / "_symbols.json").write_text(json.dumps(entries), encoding="utf-8")


@dataclass
class Links:
    """Makes links between notebooks, and links to the published site, links within this site."""

    names: dict  # notebook → name of its page's source
    entries: set  # the API entries, such as 'data.ipynb#world.low'
    online: str  # where the site is published; nbdev links API names there

    def make_local(self, text):
        """`text` with its links changed."""
        text = re.sub(r"(?<=\]\()(?:\./)?([\w.-]+\.ipynb)", lambda match: self.names.get(match[1], match[1]), text)
        return re.sub(re.escape(f"]({self.online}") + r"([\w-]+)\.html#([\w.]+)\)", self.entry, text)

    def entry(self, match):
        """A link to an API entry, or to the class's if the member has none of its own."""
        page, anchor = f"{match[1]}.ipynb", match[2]
        while anchor and f"{page}#{anchor}" not in self.entries:
            anchor = anchor.rpartition(".")[0]
        return f"]({page}#{anchor})" if anchor else f"]({page})"


def check_title(notebook, name, complain):
    """Complain unless the first cell is the page's title and nothing else: nbdev drops the rest of that cell."""
    first = notebook["cells"][0]["source"] if notebook["cells"] else ""
    title, *others = [line for line in first.splitlines() if line.strip()] or [""]
    if not title.startswith("# "):
        complain(f"{name}: the first cell must be the title, '# …', with the subtitle under it, '> …'")
    for line in others:
        if not line.startswith(("> ", "- ")):
            complain(f"{name}: '{line[:40]}' stands in the title's cell, where nbdev drops it; give it a cell of its own")
            break


def drop_file_name(notebook):
    """Take the page's file name out of the front matter that nbdev writes: smalldocs names pages by notebook."""
    for cell in notebook["cells"][:1]:
        cell["source"] = re.sub(r"^output-file:.*\n", "", cell["source"], flags=re.MULTILINE)


def page_name(name):
    """The name under which nbdev publishes a notebook: without its number."""
    return re.sub(r"^\d+[a-zA-Z0-9]*_", "", name)


def module_of(notebook, library):
    """The module that a notebook exports to, such as 'mgm.data', or an empty name."""
    sources = [cell["source"] for cell in notebook["cells"] if cell["cell_type"] == "code"]
    match = next(filter(None, map(api_entries.DEFAULT_EXP.search, sources)), None)
    return f"{library}.{match[1]}" if match else ""


def write_config(config, names, stage, built):
    """Write the site's settings for smalldocs."""
    settings = {key: value for key, value in config.items() if key not in QUARTO_ONLY}
    settings["project"] = {"type": "website", "output-dir": str(built)}
    html = {key: value for key, value in config["format"]["html"].items() if key != "html-math-method"}
    settings["format"] = {"html": html}
    settings["smalldocs"] = {**config.get("smalldocs", {}), "linkify": True}
    settings["website"] = {**config["website"], "sidebar": renamed(config["website"]["sidebar"], names)}
    (stage / "_quarto.yml").write_text(yaml.safe_dump(settings, sort_keys=False), encoding="utf-8")


def renamed(item, names):
    """A part of the sidebar with the names of the pages in place of the notebooks', without absent notebooks."""
    if isinstance(item, dict):
        return {key: renamed(value, names) for key, value in item.items()}
    if isinstance(item, list):
        return [renamed(value, names) for value in item
                if not sidebar_names([value]) or set(sidebar_names([value])) & set(names)]
    return page_name(item) if item in names else item


def render(stage, built, complain):
    """Let smalldocs make the pages, then let them load KaTeX from the site; returns how many there are."""
    if importlib.util.find_spec("smalldocs") is None:
        raise DocsError("smalldocs is not installed: pip install -r requirements-dev.txt, with Python 3.11 or later")
    done = subprocess.run([sys.executable, "-m", "smalldocs.cli", "render", str(stage)], capture_output=True, text=True)
    complaints = [line for line in done.stderr.splitlines() if line.strip() and not line.startswith("wrote ")]
    if done.returncode:
        raise DocsError("smalldocs failed:\n" + done.stderr[-3000:])
    for line in complaints:
        complain(line.removeprefix("warning: "))
    pages = list(built.rglob("*.html"))
    for page in pages:
        up = "../" * (len(page.relative_to(built).parts) - 1)
        page.write_text(CDN.sub(f"{up}katex", page.read_text(encoding="utf-8")), encoding="utf-8")
    copy_katex(built)
    return len(pages)


if __name__ == "__main__":
    main()
