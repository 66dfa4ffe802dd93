"""Build the documentation site from the notebooks, without Quarto: `python tools/build_docs.py`.

The steps: nbdev prepares the notebooks; references, citations and API entries are written out;
smalldocs makes the pages; KaTeX is put beside them. The site lands in the folder that
`_quarto.yml` names. Nothing in it needs another host, and real Quarto renders the same notebooks.
"""
import argparse
import re
import shutil
import subprocess
import sys
import tempfile
import time
from configparser import ConfigParser
from pathlib import Path

import yaml

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
    parser.add_argument("--changed", action="store_true", help="let nbdev prepare only the notebooks that changed")
    parser.add_argument("--draft", action="store_true", help="list missing pages and links instead of stopping at them")
    started, arguments = time.perf_counter(), parser.parse_args()
    try:
        pages, site = build(ROOT, not arguments.changed, arguments.draft)
    except (DocsError, FileNotFoundError) as error:
        sys.exit(f"docs not built: {error}")
    print(f"{pages} pages in {site.relative_to(ROOT)}/, {time.perf_counter() - started:.0f} s")


def build(root, fresh=True, draft=False):
    """Build the site of the project in `root`; returns the number of pages and the site's folder."""
    complain = warn if draft else stop
    config = yaml.safe_load((root / "_quarto.yml").read_text(encoding="utf-8"))
    settings = ConfigParser(delimiters=["="], interpolation=None)
    settings.read(root / "settings.ini", encoding="utf-8")
    project = settings["DEFAULT"]
    names = check_sidebar(config, root / project["nbs_path"], complain)
    process(root, fresh)
    with tempfile.TemporaryDirectory() as folder:
        stage, built = Path(folder) / "pages", Path(folder) / "site"
        shutil.copytree(root / "_proc", stage, ignore=shutil.ignore_patterns("*.ipynb", ".*"))
        modules = api_entries.library_symbols(root / project["lib_path"])
        write_notebooks(root, project, config, names, modules, stage)
        write_config(config, names, stage, built)
        pages = render(stage, built, complain)
        site = (root / project["nbs_path"] / config["project"]["output-dir"]).resolve()
        shutil.rmtree(site, ignore_errors=True)
        shutil.move(built, site)
    return pages, site


def stop(message):
    """End the build with `message`."""
    raise DocsError(message)


def warn(message):
    """Print `message` and go on."""
    print(message, file=sys.stderr)


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
        complain(f"not in the sidebar of _quarto.yml: {', '.join(unlisted)}; list each notebook there, or start its name with _")
    if absent:
        complain(f"in the sidebar of _quarto.yml but not in {folder.name}/: {', '.join(absent)}; write them or take them out")
    return [name for name in listed if name in present] + unlisted


def process(root, fresh):
    """Let nbdev fill `_proc/`: it strips directives and runs the imports, the exports and `show_doc`."""
    if fresh:
        shutil.rmtree(root / "_proc", ignore_errors=True)
    command = f"from nbdev.serve import proc_nbs; proc_nbs(force={fresh})"
    done = subprocess.run([sys.executable, "-c", command], cwd=root, capture_output=True, text=True)
    if done.returncode:
        raise DocsError("nbdev could not prepare the notebooks; is the library installed ('pip install -e .') and exported?\n"
                        + done.stderr[-3000:])
    for line in dict.fromkeys(done.stderr.splitlines()):
        if "Found cells containing imports" in line:
            print("note: some cells mix imports with other code; nbdev runs those on every build", file=sys.stderr)


def write_notebooks(root, project, config, names, modules, stage):
    """Write the processed notebooks to `stage` under the names that their pages get."""
    works = citations.bibliography(root / project["nbs_path"] / config["bibliography"])
    pages = {name: notebooks.read(root / "_proc" / name) for name in names}
    page_names = {name: page_name(name) for name in names}
    for name, notebook in pages.items():
        drop_file_name(notebook)
        source = notebooks.read(root / project["nbs_path"] / name)
        api_entries.replace_entries(notebook, module_of(source, project["lib_path"]), modules)
    labels = {name: crossrefs.number(notebook, name) for name, notebook in pages.items()}
    online = f"{project['doc_host'].rstrip('/')}{project['doc_baseurl'].rstrip('/')}/"
    for name, notebook in pages.items():
        crossrefs.refer(notebook, labels[name], labels.values())
        citations.cite(notebook, name, works)
        notebooks.map_markdown(notebook, lambda text: local_links(text, page_names, online))
        notebooks.write(notebook, stage / page_names[name])


def drop_file_name(notebook):
    """Take the page's file name out of the front matter that nbdev writes: smalldocs names pages by notebook."""
    for cell in notebook["cells"][:1]:
        cell["source"] = re.sub(r"^output-file:.*\n", "", cell["source"], flags=re.MULTILINE)


def page_name(name):
    """The name under which nbdev publishes a notebook: without its number."""
    return re.sub(r"^\d+[a-zA-Z0-9]*_", "", name)


def module_of(notebook, library):
    """The module that a notebook exports to, such as 'mgm.data', or an empty name."""
    found = (api_entries.DEFAULT_EXP.search(cell["source"]) for cell in notebook["cells"] if cell["cell_type"] == "code")
    match = next(filter(None, found), None)
    return f"{library}.{match[1]}" if match else ""


def local_links(text, page_names, online):
    """`text` with links to other notebooks, and to this site's own address, made links within the site."""
    text = re.sub(r"(?<=\]\()(?:\./)?([\w.-]+\.ipynb)", lambda match: page_names.get(match[1], match[1]), text)
    return text.replace(f"]({online}", "](").replace(f'href="{online}', 'href="')


def write_config(config, names, stage, built):
    """Write the site's settings for smalldocs."""
    settings = {key: value for key, value in config.items() if key not in QUARTO_ONLY}
    settings["project"] = {"type": "website", "output-dir": str(built)}
    html = {key: value for key, value in config["format"]["html"].items() if key != "html-math-method"}
    settings["format"] = {"html": html}
    settings["website"] = {**config["website"], "sidebar": renamed(config["website"]["sidebar"], names)}
    (stage / "_quarto.yml").write_text(yaml.safe_dump(settings, sort_keys=False), encoding="utf-8")


def renamed(item, names):
    """A part of the sidebar with the names of the pages in place of the notebooks', without absent notebooks."""
    if isinstance(item, dict):
        return {key: renamed(value, names) for key, value in item.items()}
    if isinstance(item, list):
        return [renamed(value, names) for value in item if set(sidebar_names([value])) & {*names} or not sidebar_names([value])]
    return page_name(item) if item in names else item


def render(stage, built, complain):
    """Let smalldocs make the pages, then let them load KaTeX from the site; returns how many there are."""
    done = subprocess.run([sys.executable, "-m", "smalldocs.cli", "render", str(stage)], capture_output=True, text=True)
    complaints = [line for line in done.stderr.splitlines() if line.strip() and not line.startswith("wrote ")]
    if done.returncode:
        stop("smalldocs failed:\n" + done.stderr[-3000:])
    if complaints:
        complain("smalldocs says:\n" + "\n".join(complaints)[-3000:])
    pages = list(built.rglob("*.html"))
    for page in pages:
        up = "../" * (len(page.relative_to(built).parts) - 1)
        page.write_text(CDN.sub(f"{up}katex", page.read_text(encoding="utf-8")), encoding="utf-8")
    copy_katex(built)
    return len(pages)


if __name__ == "__main__":
    main()
