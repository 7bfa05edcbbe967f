"""Follows every link of a built book: files and anchors must be there. Nothing is fetched."""
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit


class Page(HTMLParser):
    def __init__(self, text):
        super().__init__()
        self.links, self.anchors = [], set()
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        self.anchors.add(attributes.get("id"))
        self.links += [attributes[name] for name in ("href", "src") if attributes.get(name)]


root = Path(sys.argv[1]).resolve()
pages = {path: Page(path.read_text(encoding="utf-8")) for path in root.rglob("*.html")}
wrong, followed = [], 0
for path, page in pages.items():
    # Pages of the explorer keep time and node behind the `#`.
    if "pages" in path.relative_to(root).parts:
        continue
    for link in page.links:
        parts = urlsplit(link)
        if parts.scheme or link.startswith("//"):
            continue
        followed += 1
        # A link that starts with a slash starts at the book's root, wherever the book will lie.
        start = root if parts.path.startswith("/") else path.parent
        target = (start / unquote(parts.path).lstrip("/")).resolve() if parts.path else path
        if target.is_dir():
            target /= "index.html"
        if not target.is_file():
            wrong.append(f"{path.name}: {link} leads nowhere")
        elif parts.fragment and "pages" not in target.relative_to(root).parts and target in pages:
            if unquote(parts.fragment) not in pages[target].anchors:
                wrong.append(f"{path.name}: {link}: no such place in {target.name}")
if wrong or not followed:
    sys.exit("\n".join(wrong) or "no link was found")
print(f"{followed} links lead where they should")
