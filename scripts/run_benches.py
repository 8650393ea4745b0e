"""Run the benchmarks in ``bench`` and write ``docs/benchmarks.md``.

Usage: python scripts/run_benches.py [NAME [ARGUMENT ...]]; without a name all of them, one after
the other. Each run is kept in ``docs/results/bench/NAME.json``; the page is made of what is there,
slow rows and missed limits included. FAUXTO_PEERS names the Python of an environment with
CleanVision and imagededup; without it that comparison is left as it was.
"""

import json
import os
import platform
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, Final

from fauxto.core.environment import describe_environment

ROOT: Final = Path(__file__).parents[1]
KEPT: Final = ROOT / "docs/results/bench"
PAGE: Final = ROOT / "docs/benchmarks.md"
PEERS: Final = "FAUXTO_PEERS"
INTRODUCTION: Final = """# Benchmarks

Written by `make bench` from the runs in `docs/results/bench`; nothing that was measured is left
out. Each script makes its own data, takes the ways in turn, and gives medians with the lowest and
highest, or ratios within one run. A script that exits with 1 missed a limit that it sets itself.

Compared with: CleanVision and imagededup (`peers`), Pillow and the study's scripts (`ingest`), bare
ONNX Runtime and CLIP's image encoder (`predict`), a plain PyTorch loop as the study describes it
(`train`), a plain loop over resamples (`evaluate`), the network's forward pass alone (`explain`),
`predict`'s own rate (`serve`). timm's training script is not in its package, so it is not here.
"""


def main(name: str | None, arguments: list[str]) -> None:
    KEPT.mkdir(parents=True, exist_ok=True)
    for script in sorted((ROOT / "bench").glob("[a-z]*.py")):
        if name is not None and script.stem != name:
            continue
        given = arguments
        if script.stem == "peers" and not given:
            if PEERS not in os.environ:
                print(f"peers: not run, {PEERS} is not set")
                continue
            given = [os.environ[PEERS]]
        measure(script, given)
    PAGE.write_text(make_page(), "utf-8")


def measure(script: Path, arguments: list[str]) -> None:
    """Run one benchmark and keep what it says."""
    print(f"{script.stem} …", flush=True)
    load, start = os.getloadavg()[0], time.perf_counter()
    done = subprocess.run(
        [sys.executable, script, *arguments], cwd=ROOT, capture_output=True, text=True, check=False
    )
    shown = ["PYTHON" if word == os.environ.get(PEERS) else word for word in arguments]
    kept = {
        "schema": 1,
        "command": " ".join(["python", f"bench/{script.name}", *shown]),
        "exit": done.returncode,
        "seconds": round(time.perf_counter() - start, 1),
        "load_before": round(load, 2),
        "machine": describe_machine(),
        "output": done.stdout.replace(str(ROOT), ".").rstrip(),
        "error": done.stderr.strip().splitlines()[-1:] if done.returncode else [],
    }
    (KEPT / f"{script.stem}.json").write_text(json.dumps(kept, indent=1) + "\n", "utf-8")
    print(f"{script.stem}: {kept['seconds']} s, exit {done.returncode}", flush=True)


def describe_machine() -> dict[str, Any]:
    """Return what decides the numbers: processor, cores, memory, system and versions."""
    processor = platform.processor() or platform.machine()
    information = Path("/proc/cpuinfo")
    if information.exists():
        lines = information.read_text("utf-8").splitlines()
        named = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
        processor = next(named, processor)
    return {
        "processor": processor,
        "cores": len(os.sched_getaffinity(0)),
        "memory_gb": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9, 1),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "packages": describe_environment().packages,
    }


def make_page() -> str:
    """Return the page of all runs that are kept."""
    runs = (render(p.stem, json.loads(p.read_text("utf-8"))) for p in sorted(KEPT.glob("*.json")))
    return "\n".join([INTRODUCTION, *runs])


def render(name: str, kept: dict[str, Any]) -> str:
    """Return a run as a chapter of the page."""
    machine = kept["machine"]
    versions = ", ".join(f"{package} {number}" for package, number in machine["packages"].items())
    about = (ROOT / f"bench/{name}.py").read_text("utf-8").partition('"""')[2].partition("\n")[0]
    missed = "" if kept["exit"] == 0 else f", **exit {kept['exit']}** {' '.join(kept['error'])}"
    lines = (
        f"## {name}",
        about,
        f"`{kept['command']}`: {kept['seconds']:.0f} s{missed}.",
        f"{machine['processor']}, {machine['cores']} cores, {machine['memory_gb']} GB, "
        f"{machine['system']}, Python {machine['python']}; {versions}. Load before: "
        f"{'not noted' if kept['load_before'] is None else kept['load_before']}.",
        f"```text\n{kept['output']}\n```\n",
    )
    return "\n\n".join(lines)


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else None, sys.argv[2:])
