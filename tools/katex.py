"""Puts KaTeX into the built site, so that formulas need no other host.

KaTeX comes whole, with its licence, from a Python package that carries it; that package is not
imported and nothing else of it is used. Quarto runs this file after a build; tools/build_docs.py
calls it.
"""
import os
import re
import shutil
import sys
from importlib import metadata
from pathlib import Path

CARRIER = "djangocms-katex"
FOLDER = "static/djangocms_katex/vendor/katex"
NEEDED = ["LICENSE", "katex.min.css", "katex.min.js", "contrib/auto-render.min.js"]


def katex_folder():
    """The folder of the installed package that holds KaTeX."""
    try:
        folder = Path(metadata.distribution(CARRIER).locate_file(f"djangocms_katex/{FOLDER}"))
    except metadata.PackageNotFoundError:
        install = "pip install --no-deps -r tools/requirements-katex.txt"
        raise FileNotFoundError(f"KaTeX is not installed: {install}") from None
    missing = [name for name in [*NEEDED, "fonts"] if not (folder / name).exists()]
    if missing:
        raise FileNotFoundError(f"{CARRIER} {metadata.version(CARRIER)} lacks KaTeX's {', '.join(missing)}; "
                                "install the version in tools/requirements-katex.txt")
    return folder


def copy_katex(site):
    """Copy what a page needs into the folder `katex` of `site`: of each font only the form that browsers load."""
    source, target = katex_folder(), Path(site) / "katex"
    for name in [*NEEDED, *(f"fonts/{font.name}" for font in (source / "fonts").glob("*.woff2"))]:
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source / name, target / name)
    style = (target / "katex.min.css").read_text(encoding="utf-8")
    style = re.sub(r',url\([^)]*\) format\("(woff|truetype)"\)', "", style)
    (target / "katex.min.css").write_text(style, encoding="utf-8")


if __name__ == "__main__":
    copy_katex(sys.argv[1] if len(sys.argv) > 1 else os.environ["QUARTO_PROJECT_OUTPUT_DIR"])
