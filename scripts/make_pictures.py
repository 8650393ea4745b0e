"""Make the documentation's pictures by running the tutorial: pages, terminals and figures.

Usage: python scripts/make_pictures.py [FOLDER]; FOLDER, empty or new, keeps what the tutorial
writes. Needs Chromium. Terminals are drawn by rich, without its web fonts.
"""

import fcntl
import os
import pty
import re
import shlex
import shutil
import struct
import subprocess
import sys
import tempfile
import termios
from pathlib import Path
from typing import Final

from PIL import Image
from playwright.sync_api import sync_playwright
from rich.console import Console
from rich.text import Text

import pages

PICTURES: Final = pages.ROOT / "docs/pictures"
COLUMNS: Final = 92
SHOWN: Final = {"predict": "predict.svg", "evaluate": "evaluate.svg"}
"""Commands whose terminal is a picture."""
SCREEN_PX: Final = (1100, 760)
FIGURE_WIDTH_PX: Final = 1100
CHROMIUM: Final = shutil.which("chromium") or shutil.which("chrome") or ""


def main(place: Path) -> None:
    place.mkdir(parents=True, exist_ok=True)
    PICTURES.mkdir(exist_ok=True)
    for block in pages.read_blocks(pages.ROOT / "docs/tutorial.md"):
        if block.language == "sh" and block.reason is None:
            for line in block.text.replace("\\\n", " ").splitlines():
                command = line.partition("#")[0].strip()
                print(command, flush=True)
                run(command, place)
    shutil.copy(place / "detector/curves.svg", PICTURES)
    photograph(place / "audit/index.html", PICTURES / "audit.png")
    figure = Image.open(place / "detector/explanations/default/side-by-side.png").convert("RGB")
    figure.thumbnail((FIGURE_WIDTH_PX, 4 * FIGURE_WIDTH_PX), Image.Resampling.LANCZOS)
    figure.quantize(256).save(PICTURES / "side-by-side.png", optimize=True)


def run(command: str, place: Path) -> None:
    """Run a command; if its terminal is a picture, draw it."""
    words = shlex.split(command)
    program = [sys.executable, "-m", "fauxto", *words[1:]]
    picture = SHOWN.get(words[1])
    if picture is None:
        subprocess.run([*program, "--quiet"], cwd=place, check=True)
        return
    text = Text(f"$ {' '.join(command.split())}\n", style="bold") + watch(program, place)
    (PICTURES / picture).write_text(draw(text), "utf-8")


def watch(program: list[str], place: Path) -> Text:
    """Run a program on a terminal of its own and return what it leaves there."""
    here, there = pty.openpty()
    fcntl.ioctl(there, termios.TIOCSWINSZ, struct.pack("HHHH", 60, COLUMNS, 0, 0))
    environment = {**os.environ, "TERM": "xterm-256color", "COLUMNS": str(COLUMNS)}
    child = subprocess.Popen(
        program, cwd=place, env=environment, stdout=there, stderr=subprocess.DEVNULL
    )
    os.close(there)
    parts = []
    while True:
        try:
            part = os.read(here, 65536)
        except OSError:  # Linux's way to say that the other end is closed
            break
        if not part:
            break
        parts.append(part)
    os.close(here)
    if child.wait() != 0:
        sys.exit(f"failed: {shlex.join(program)}")
    return Text.from_ansi(b"".join(parts).decode("utf-8").replace("\r\n", "\n").rstrip())


def draw(text: Text) -> str:
    """Return a terminal with a text in it as SVG that loads nothing."""
    with Path(os.devnull).open("w", encoding="utf-8") as nowhere:
        console = Console(record=True, width=COLUMNS, file=nowhere, force_terminal=True)
        console.print(text, soft_wrap=False)
    svg = console.export_svg(title="fauxto", unique_id="fauxto")
    svg = re.sub(r"@font-face \{.*?\}", "", svg, flags=re.DOTALL)
    svg = svg.replace(' clip-path="url(#fauxto-clip-terminal)"', "")  # cuts the last line's feet
    return "\n".join(line.rstrip() for line in svg.splitlines() if line.strip()) + "\n"


def photograph(page: Path, picture: Path) -> None:
    """Write a picture of the top of a page."""
    width, height = SCREEN_PX
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        tab = browser.new_page(viewport={"width": width, "height": height})
        tab.goto(page.resolve().as_uri())
        tab.screenshot(path=picture)
        browser.close()
    with Image.open(picture) as image:
        reduced = image.convert("RGB").quantize(128)
    reduced.save(picture, optimize=True)


if __name__ == "__main__":
    if len(sys.argv) > 1:
        main(Path(sys.argv[1]))
    else:
        with tempfile.TemporaryDirectory() as name:
            main(Path(name))
