"""Write ``docs/dependencies.md``: what fauxto and its extras install, and under which licences."""

import json
import re
import subprocess
import sys
import tomllib
from importlib.metadata import PackageNotFoundError, requires
from pathlib import Path
from typing import Final

from packaging.requirements import Requirement

ROOT: Final = Path(__file__).parents[1]
EXTRAS: Final = ("audit", "train", "demo", "serve", "c2pa", "heic", "ray", "scale", "loggers")
"""A package is put down to the first that brings it; those that pyproject lacks are left out."""
LONGEST: Final = 60
"""Characters of a licence; some packages give the whole text."""


def main() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    extras = project["optional-dependencies"]
    brought_by: dict[str, str] = {}
    for name, wanted in (
        ("", project["dependencies"]),
        *((extra, extras[extra]) for extra in EXTRAS if extra in extras),
    ):
        for package in sorted(find_all(wanted)):
            brought_by.setdefault(package, name)
    rows = [row for row in read_licences() if normal(row["Name"]) in brought_by]
    lines = [
        "# Dependencies and licences",
        "",
        "Written by `make licences` from the locked versions, as the packages state it themselves.",
        "What the development tools install is not here. `make sbom` writes the same as CycloneDX,",
        "and `make vulnerabilities` asks for known ones. Pretrained weights have licences of their",
        "own: `fauxto models`.",
        "",
        "| package | version | licence | comes with |",
        "| --- | --- | --- | --- |",
    ]
    for row in sorted(rows, key=lambda row: normal(row["Name"])):
        extra = brought_by[normal(row["Name"])]
        licence = " ".join(row["License"].split())
        shown = licence if len(licence) <= LONGEST else licence[:LONGEST].rstrip() + " …"
        where = f"`fauxto[{extra}]`" if extra else "`fauxto`"
        lines.append(f"| {row['Name']} | {row['Version']} | {shown} | {where} |")
    (ROOT / "docs/dependencies.md").write_text("\n".join(lines) + "\n", "utf-8")
    print(f"{len(rows)} packages")


def normal(name: str) -> str:
    """Return a package's name as registries compare it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def find_all(wanted: list[str]) -> set[str]:
    """Return the names of packages and all that they need here, without fauxto itself."""
    found: set[str] = set()
    left = [(Requirement(text), "") for text in wanted]
    while left:
        requirement, extra = left.pop()
        name = normal(requirement.name)
        if requirement.marker and not requirement.marker.evaluate({"extra": extra}):
            continue
        if name == "fauxto" or (name in found and not requirement.extras):
            continue
        try:
            needs = requires(requirement.name) or []
        except PackageNotFoundError:
            continue
        found.add(name)
        for given in ("", *requirement.extras):
            left.extend((Requirement(text), given) for text in needs)
    return found


def read_licences() -> list[dict[str, str]]:
    """Return name, version and licence of every installed package."""
    program = Path(sys.executable).with_name("pip-licenses")
    command = [program, "--format=json", "--with-system", "--from=mixed"]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    found: list[dict[str, str]] = json.loads(done.stdout)
    return found


if __name__ == "__main__":
    main()
