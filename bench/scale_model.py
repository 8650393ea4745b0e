"""A worked model of ``fauxto predict`` and ``audit`` on 10⁶, 10⁸ and 10⁹ images.

Usage: python bench/scale_model.py; prints the table of ``docs/scale.md``. Nothing is measured here:
what was measured stands in ``Measured``, what is assumed in ``Assumed``, and everything else is
arithmetic with them. Change a number and run it again.
"""

from dataclasses import dataclass

SIZES = (10**6, 10**8, 10**9)


@dataclass(frozen=True)
class Measured:
    """On a machine with 2 cores; the commands stand in ``docs/scale.md``."""

    predict_per_core: float = 20.0
    """Images a second of one core, pictures of a megapixel (``docs/predict.md``: 39.5 on two)."""
    listed_per_s: float = 106_000.0
    """Rows a second that the driver lists from a table of paths; processor time."""
    listing_bytes: float = 5.4
    """Bytes of a row of the listing in Parquet, where paths differ by a number."""
    block_rows: int = 65_536
    compare_s: float = 1.8
    """Seconds of one core for two blocks."""
    facts_bytes: float = 1200.0
    """Of the driver's memory for an image at the end of an audit (``docs/audit.md``)."""


@dataclass(frozen=True)
class Assumed:
    """Of the cloud, by its price lists and documents of 2025; not measured."""

    cores_a_node: int = 16
    usable: float = 0.8
    """Share of the cores' time that is left beside waiting for the store and lost nodes."""
    dollars_a_core_hour: float = 0.04
    picture_bytes: float = 400e3
    """Of the pictures that the rate above was measured with."""
    keys_a_list: int = 1000
    list_s: float = 0.1
    dollars_a_million_lists: float = 5.0
    dollars_a_million_gets: float = 0.4
    part_rows: int = 1024


NODES = {10**6: 1, 10**8: 20, 10**9: 100}
"""Nodes that are taken for each number of images."""


def hours(seconds: float) -> str:
    """Return a time in words."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:,.1f} h"


def rows(measured: Measured, assumed: Assumed) -> list[list[str]]:
    """Return the table, a row a line, the first cell its name."""
    table: dict[str, list[str]] = {}

    def add(name: str, value: str) -> None:
        table.setdefault(name, []).append(value)

    for n in SIZES:
        cores = NODES[n] * assumed.cores_a_node
        work = n / measured.predict_per_core / assumed.usable
        blocks = -(-n // measured.block_rows)
        comparisons = blocks * (blocks + 1) // 2
        join = comparisons * measured.compare_s / assumed.usable
        add("nodes of 16 cores", f"{NODES[n]:,}")
        add(
            "listing folders, one request after another",
            hours(n / assumed.keys_a_list * assumed.list_s),
        )
        add("listing a table of paths", hours(n / measured.listed_per_s))
        add("verdicts: core-hours", f"{work / 3600:,.0f}")
        add("verdicts: time on the nodes", hours(work / cores))
        add("read from the store", f"{n * assumed.picture_bytes / 1e12:,.1f} TB")
        add("parts (files, twice that with the listing)", f"{-(-n // assumed.part_rows):,}")
        cost = work / 3600 * assumed.dollars_a_core_hour
        gets = n / 1e6 * assumed.dollars_a_million_gets
        lists = n / assumed.keys_a_list / 1e6 * assumed.dollars_a_million_lists
        add("verdicts: cost of cores", f"${cost:,.2f}")
        add("cost of requests, a file an image", f"${gets + lists:,.2f}")
        add("audit: facts in the driver's memory", f"{n * measured.facts_bytes / 1e9:,.1f} GB")
        add("near duplicates: comparisons of two blocks", f"{comparisons:,}")
        add("near duplicates: core-hours", f"{join / 3600:,.1f}")
        add("near duplicates: time on the nodes", hours(join / cores))
    return [[name, *cells] for name, cells in table.items()]


def render() -> str:
    """Return the table in Markdown."""
    lines = ["| | 10⁶ | 10⁸ | 10⁹ |", "| --- | ---: | ---: | ---: |"]
    lines += [f"| {' | '.join(row)} |" for row in rows(Measured(), Assumed())]
    return "\n".join(lines)


if __name__ == "__main__":
    print(render())
