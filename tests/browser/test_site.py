"""The built site in a real browser, at the width of a telephone and of a laptop.

Needs the site (`python tools/build_docs.py`), the Python package `playwright`, and Chromium
(`tools/install_browser.sh`); without them the tests are skipped and say so. The pages are served on
this machine, and a request to any other host is a failure.
"""
import shutil
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

SITE = Path(__file__).resolve().parents[2] / "_docs"
PAGES = sorted(path.relative_to(SITE).as_posix() for path in SITE.rglob("*.html"))
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
         "--disable-background-networking", "--disable-component-update", "--disable-sync"]
WIDTHS = {"phone": 400, "laptop": 1300}

playwright = pytest.importorskip(
    "playwright.sync_api", reason="the Python package playwright is not installed: pip install -r requirements-dev.txt")
pytestmark = [
    pytest.mark.skipif(not PAGES, reason="there is no site in _docs/: run python tools/build_docs.py"),
    pytest.mark.skipif(not CHROMIUM, reason="Chromium is not installed: run tools/install_browser.sh"),
]

# What a page tells about itself: its width, its formulas, and Markdown that nobody turned into HTML.
REPORT = r"""() => {
  const shown = node => !node.parentElement.closest('code, pre, script, style, .katex, [hidden]');
  const texts = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) if (shown(walker.currentNode)) texts.push(walker.currentNode.textContent);
  const scrolls = element => {
    for (let at = element.parentElement; at && at.tagName !== 'MAIN'; at = at.parentElement)
      if (getComputedStyle(at).overflowX !== 'visible') return true;
    return false;
  };
  const beyond = element => element.offsetParent && element.getBoundingClientRect().right > innerWidth + 1;
  const formulas = [...document.querySelectorAll('.math')];
  return {
    width: document.documentElement.scrollWidth,
    cut: [...document.querySelectorAll('main *')].filter(element => beyond(element) && !scrolls(element))
      .map(element => `${element.tagName}.${element.className}: ${element.textContent.slice(0, 40)}`),
    formulas: formulas.length,
    plain: formulas.filter(formula => !formula.querySelector('.katex')).length,
    flat: [...document.querySelectorAll('.katex svg')]
      .filter(svg => svg.checkVisibility() && svg.getBoundingClientRect().height < 3).length,
    wrong: [...document.querySelectorAll('.katex-error')].map(error => error.title),
    raw: texts.filter(text => /\$\$|\\\(|\\\[|\\begin\{|^:::|\{#|\{\.|\?@|@(eq|fig|tbl|sec|thm)-/.test(text)),
    images: [...document.images]
      .filter(image => image.complete && !image.naturalWidth).map(image => image.src.slice(0, 80)),
  };
}"""

# The worst contrast between text and what is behind it, as the accessibility guidelines define it.
CONTRAST = r"""() => {
  const paint = document.createElement('canvas').getContext('2d', {willReadFrequently: true});
  const rgba = css => {
    paint.clearRect(0, 0, 1, 1);
    paint.fillStyle = css;
    paint.fillRect(0, 0, 1, 1);
    return [...paint.getImageData(0, 0, 1, 1).data];
  };
  const linear = value => value <= .03928 ? value / 12.92 : ((value + .055) / 1.055) ** 2.4;
  const light = ([r, g, b]) => .2126 * linear(r / 255) + .7152 * linear(g / 255) + .0722 * linear(b / 255);
  const behind = element => {
    for (let at = element; at; at = at.parentElement) {
      const colour = rgba(getComputedStyle(at).backgroundColor);
      if (colour[3] > 250) return colour;
    }
    return rgba(getComputedStyle(document.documentElement).backgroundColor);
  };
  let worst = {ratio: 21, text: ''};
  for (const element of document.querySelectorAll('main *, #quarto-sidebar *, #TOC *')) {
    const own = [...element.childNodes].some(node => node.nodeType === 3 && node.textContent.trim());
    const drawn = element.closest('svg, .cell-output-display:not(.cell-output-markdown)');
    if (!own || drawn || !element.offsetParent) continue;
    const [a, b] = [light(rgba(getComputedStyle(element).color)), light(behind(element))];
    const ratio = (Math.max(a, b) + .05) / (Math.min(a, b) + .05);
    const name = `${element.tagName}.${element.className}: ${element.textContent.slice(0, 40)}`;
    if (ratio < worst.ratio) worst = {ratio, text: name};
  }
  return worst;
}"""


MOVE = "slider => { slider.value = slider.max; slider.dispatchEvent(new Event('input', {bubbles: true})); }"


class QuietHandler(SimpleHTTPRequestHandler):
    """Serves files without writing a line for each request."""

    def log_message(self, *arguments):
        """Say nothing."""


@pytest.fixture(scope="module")
def address():
    """The address at which the site is served."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(QuietHandler, directory=str(SITE)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()


@pytest.fixture(scope="module")
def browser():
    """One Chromium for all tests."""
    with playwright.sync_playwright() as driver:
        chromium = driver.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield chromium
        chromium.close()


@pytest.fixture(scope="module")
def windows(browser):
    """The browser's windows by width and settings; each keeps its cache, so that later pages load fast."""
    opened = {}

    def window(width, **settings):
        key = (width, *sorted(settings.items()))
        if key not in opened:
            opened[key] = browser.new_context(viewport={"width": width, "height": 900}, **settings)
            opened[key].set_default_timeout(10_000)
        return opened[key]

    return window


@pytest.fixture
def visit(windows, address):
    """A function that opens a page at a width, notes everything that goes wrong, and fails for it in the end."""
    pages, faults = [], []

    def asked(request):
        if not request.url.startswith((address, "data:", "blob:")):
            faults.append(f"another host: {request.url}")

    def failed(request):
        if "ERR_ABORTED" not in request.failure:  # the reader left before it came
            faults.append(f"request failed: {request.url}: {request.failure}")

    def answered(response):
        if response.status >= 400:
            faults.append(f"{response.status}: {response.url}")

    def said(message):
        if message.type == "error":
            faults.append(f"console: {message.text}")

    def open_page(name, width, **settings):
        page = windows(width, **settings).new_page()
        pages.append(page)
        page.on("request", asked)
        page.on("requestfailed", failed)
        page.on("response", answered)
        page.on("console", said)
        page.on("pageerror", lambda error: faults.append(f"script: {error}"))
        page.goto(address + name, wait_until="load")
        return page

    yield open_page
    for page in pages:
        page.close()
    assert not faults, "\n".join(faults)


@pytest.mark.parametrize("name", PAGES)
def test_page(visit, name):
    """Every page loads without an error, fits both windows, and shows formulas instead of TeX."""
    page = visit(name, WIDTHS["phone"])
    for width in WIDTHS.values():
        page.set_viewport_size({"width": width, "height": 900})
        report = page.evaluate(REPORT)
        assert report["width"] <= width, f"the page is {report['width']} px wide in a window of {width} px"
        assert not report["cut"], f"cut off at {width} px: {report['cut'][:3]}"
        assert not report["wrong"], "KaTeX cannot read: " + "; ".join(report["wrong"])
        assert not report["plain"], f"{report['plain']} of {report['formulas']} formulas are not rendered"
        assert not report["flat"], f"{report['flat']} root signs, braces or arrows of formulas are flat"
        assert not report["raw"], f"left as Markdown or TeX: {report['raw'][:3]}"
        assert not report["images"], f"images that do not load: {report['images']}"
    for slider in page.locator("main input[type=range]").all():
        slider.evaluate(MOVE)


def test_search_finds_a_function(visit):
    """Typing a function's name leads to its entry."""
    page = visit("index.html", WIDTHS["laptop"])
    page.get_by_role("searchbox").fill("swiss_roll_world")
    page.locator(".search-result[href$='data.html#swiss_roll_world']").first.click()
    page.wait_for_url("**/data.html#swiss_roll_world")
    assert page.locator("[id='swiss_roll_world']").is_visible()


def test_sidebar_opens_on_a_phone(visit):
    """On a narrow screen the button brings the sidebar in, and its links lead on."""
    page = visit("index.html", WIDTHS["phone"])
    link = page.locator("#quarto-sidebar a[href='data.html']")
    assert not link.is_visible()
    page.get_by_label("Toggle sidebar navigation").click()
    link.click()
    page.wait_for_url("**/data.html")


def test_dark_mode(visit):
    """The switch darkens the page, and the next page remembers it."""
    page = visit("index.html", WIDTHS["laptop"], color_scheme="light", locale="en-GB")
    background = "getComputedStyle(document.body).backgroundColor"
    light = page.evaluate(background)
    page.get_by_title("Toggle dark mode").click()
    page.wait_for_function(f"{background} !== '{light}'")
    page.goto(page.url.replace("index.html", "data.html"))
    assert page.evaluate(background) != light


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", [name for name in PAGES if name in ("index.html", "data.html", "training.html")])
def test_contrast(visit, name, scheme):
    """Text stands out from its background by 4.5 to 1 in both modes."""
    page = visit(name, WIDTHS["laptop"], color_scheme=scheme)
    worst = page.evaluate(CONTRAST)
    assert worst["ratio"] >= 4.5, f"{worst['ratio']:.2f} to 1 at {worst['text']}"
