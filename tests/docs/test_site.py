"""The documentation builds without a warning and loads nothing from other places."""

import re
import subprocess
import sys
from html.parser import HTMLParser

import pytest

import pages

LOADED = {"script": "src", "img": "src", "iframe": "src", "source": "src"}
LINKS_THAT_LOAD = {"stylesheet", "preload", "preconnect", "icon", "prefetch", "modulepreload"}


class Loads(HTMLParser):
    def __init__(self):
        super().__init__()
        self.addresses = []

    def handle_starttag(self, tag, attrs):
        said = dict(attrs)
        if tag in LOADED:
            self.addresses.append(said.get(LOADED[tag]) or "")
        if tag == "link" and LINKS_THAT_LOAD & set((said.get("rel") or "").split()):
            self.addresses.append(said.get("href") or "")


def is_elsewhere(address):
    return address.startswith("//") or re.match(r"https?:", address) is not None


@pytest.mark.slow
def test_the_site_builds_without_a_warning_and_loads_nothing_from_elsewhere(tmp_path):
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", tmp_path / "site"]
    result = subprocess.run(command, cwd=pages.ROOT, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr[-3000:]
    built = sorted((tmp_path / "site").rglob("*.html"))
    assert len(built) >= 30
    for page in built:
        content = page.read_text("utf-8")
        parser = Loads()
        parser.feed(content)
        assert [address for address in parser.addresses if is_elsewhere(address)] == [], page
        assert 'class="mermaid"' not in content  # the theme would fetch a program for it
    for sheet in (tmp_path / "site").rglob("*.css"):
        loaded = re.findall(r"(?:@import|url\()\s*['\"]?([^'\")]+)", sheet.read_text("utf-8"))
        assert not any(map(is_elsewhere, loaded)), sheet
    for picture in (tmp_path / "site").rglob("*.svg"):
        assert not re.search(r"(href|src)=.https?:|url\(.?https?:", picture.read_text("utf-8"))


def test_every_page_is_in_the_navigation():
    listed = re.findall(r"[\w/-]+\.md", (pages.ROOT / "mkdocs.yml").read_text("utf-8"))
    docs = pages.ROOT / "docs"
    there = {str(page.relative_to(docs)) for page in docs.rglob("*.md")}
    assert there == set(listed)
    assert len(listed) == len(set(listed))
