"""Check the built site: `python tools/check_links.py [folder]`.

Every link, image, script, style and anchor within the site must lead somewhere, and nothing may be
loaded from another host: other hosts appear only as links that a reader may follow.
"""
import re
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

LOADED = {"src", "srcset", "poster", "data"}  # attributes that make a browser fetch something
IN_STYLES = re.compile(r"url\(\s*['\"]?(?!data:|#)([^'\")]+)|@import\s+['\"]([^'\"]+)")


class Page(HTMLParser):
    """What one HTML page links to and loads, and the anchors that it has."""

    def __init__(self, path):
        super().__init__()
        self.links, self.loads, self.anchors = [], [], set()
        self.in_style = False
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag, attributes):
        """Note what this tag links to or loads."""
        self.in_style = tag == "style"
        for name, value in attributes:
            if not value:
                continue
            if name == "id" or (name == "name" and tag == "a"):
                self.anchors.add(value)
            elif name == "href":
                (self.links if tag in ("a", "area") else self.loads).append(value)
            elif name in LOADED:
                self.loads.append(value)
            elif name == "style":
                self.loads += addresses(value)

    def handle_data(self, data):
        """Note what a style sheet within the page loads."""
        if self.in_style:
            self.loads += addresses(data)


def addresses(style):
    """The addresses that a style sheet loads."""
    return [first or second for first, second in IN_STYLES.findall(style)]


def check(folder):
    """The number of pages and links in `folder`, and a line for each link that is wrong."""
    pages = {path: Page(path) for path in sorted(folder.rglob("*.html"))}
    wanted = [(path, link, False) for path, page in pages.items() for link in page.links]
    wanted += [(path, link, True) for path, page in pages.items() for link in page.loads]
    for path in sorted(folder.rglob("*.css")):
        wanted += [(path, link, True) for link in addresses(path.read_text(encoding="utf-8"))]
    faults = [f"{path.relative_to(folder)}: {link}: {fault}" for path, link, loaded in wanted
              if (fault := fault_of(path, link, loaded, folder, pages))]
    return len(pages), len(wanted), faults


def fault_of(path, link, loaded, folder, pages):
    """What is wrong with one link of the file `path`; an empty text if nothing is."""
    parts = urlsplit(link)
    if parts.scheme in ("data", "mailto", "javascript", "about"):
        return ""
    if parts.scheme or parts.netloc:
        return "is loaded from another host; ship it with the site" if loaded else ""
    start = folder if parts.path.startswith("/") else path.parent
    target = (start / unquote(parts.path).lstrip("/")).resolve() if parts.path else path
    if target.is_dir():
        target /= "index.html"
    if not target.is_file():
        return "no such file in the site"
    anchor = unquote(parts.fragment)
    if anchor and target in pages and anchor not in pages[target].anchors:
        return f"{target.name} has no anchor of this name"
    return ""


def main():
    """Check the folder given, or `_docs`; exit with 1 if something is wrong."""
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else Path(__file__).parent.parent / "_docs").resolve()
    if not (folder / "index.html").is_file():
        sys.exit(f"{folder.name}/ holds no index.html; build the site first: python tools/build_docs.py")
    pages, links, faults = check(folder)
    print("\n".join([*faults, f"{pages} pages, {links} links, {len(faults)} wrong"]))
    sys.exit(1 if faults else 0)


if __name__ == "__main__":
    main()
