"""A built documentation site as a reader without a network meets it: pages, links, and width on a phone."""

import json
import shutil
import subprocess
import threading
from functools import partial
from html.parser import HTMLParser
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote, urljoin, urlsplit

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
_ALONE = {"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr"}
_VERBATIM = {"code", "pre", "script", "style", "math", "title"}  # text in which a backslash is no formula
_LOADED = {"script": "src", "img": "src", "iframe": "src", "link": "href"}


class Page(HTMLParser):
    """What a page holds: ``ids``, ``links``, ``loaded`` addresses, ``prose``, and ``formulas`` without MathML."""

    def __init__(self, text):
        super().__init__()
        self.ids, self.links, self.loaded, self.prose, self.formulas = set(), [], [], [], []
        self._open = []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        self.ids.update(attrs[key] for key in ("id", "name") if attrs.get(key))
        if tag == "a" and attrs.get("href"):
            self.links.append(attrs["href"])
        if attrs.get(_LOADED.get(tag)) and attrs.get("rel") not in ("next", "prev", "canonical", "index", "search"):
            self.loaded.append(attrs[_LOADED[tag]])
        if tag == "math":
            self.formulas[-1:] = []
        if "math" in (attrs.get("class") or "").split():
            self.formulas.append(self.getpos())
        if tag not in _ALONE:
            self._open.append(tag)

    def handle_endtag(self, tag):
        while tag in self._open and self._open.pop() != tag:
            pass

    def handle_data(self, data):
        if not _VERBATIM.intersection(self._open):
            self.prose.append(data)


def pages_of(site):
    """Pages of a site by their path in it."""
    paths = sorted(path for path in site.rglob("*.html") if "_static" not in path.parts)
    return {path.relative_to(site).as_posix(): Page(path.read_text(encoding="utf-8")) for path in paths}


def broken_links(site, pages):
    """Links within the site that lead to no file, or to no place in a page: ``page -> link``."""
    for name, page in pages.items():
        for link in page.links + page.loaded:
            address = urlsplit(link)
            if address.scheme or address.netloc:
                continue
            target = urlsplit(urljoin(f"/{name}", link)).path.lstrip("/") if address.path else name
            fragment = unquote(address.fragment)
            in_page = not fragment or target not in pages or fragment in pages[target].ids
            if not (site / unquote(target)).is_file() or not in_page:
                yield f"{name} -> {link}"


_MEASURE = """<!doctype html><meta charset="utf-8"><body style="margin:0"><script>
const found = {};
async function measure(name, width) {
  const frame = document.createElement("iframe");
  frame.style = `width:${width}px;height:800px;border:0`;
  document.body.append(frame);
  await new Promise(done => { frame.onload = done; frame.src = "/" + name; });
  const page = frame.contentDocument;
  const empty = [...page.querySelectorAll("math")].filter(each => {
    const box = each.getBoundingClientRect();
    return each.checkVisibility() && box.width * box.height === 0;
  });
  found[name] = {width: page.documentElement.scrollWidth, empty: empty.length};
  frame.remove();
}
(async () => {
  const {names, width} = await (await fetch("/_names")).json();
  for (const name of names) await measure(name, width);
  await fetch("/_found", {method: "POST", body: JSON.stringify(found)});
})();
</script>"""


class _Handler(SimpleHTTPRequestHandler):
    """Serves a site, a page that measures others in frames, and takes what it found."""

    def do_GET(self):
        answers = {"/_measure": ("text/html", _MEASURE), "/_names": ("application/json", self.server.asked)}
        if self.path not in answers:
            return super().do_GET()
        kind, text = answers[self.path]
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.end_headers()
        return self.wfile.write(text.encode())

    def do_POST(self):
        self.server.found = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.send_response(204)
        self.end_headers()
        self.server.done.set()

    def log_message(self, *args):
        pass


def measured(site, names, width, folder, timeout=300):
    """Width that each page takes in a window of some width, and the number of its formulas that take no room."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Handler, directory=str(site)))
    server.asked, server.found, server.done = (
        json.dumps({"names": list(names), "width": width}),
        None,
        threading.Event(),
    )
    threading.Thread(target=server.serve_forever, daemon=True).start()
    switches = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run"]
    browser = subprocess.Popen(
        [CHROMIUM, *switches, f"--user-data-dir={folder}", f"http://127.0.0.1:{server.server_port}/_measure"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        assert server.done.wait(timeout), f"Chromium measured no pages within {timeout} s"
    finally:
        browser.terminate()
        browser.wait(30)
        server.shutdown()
        server.server_close()
    return server.found
