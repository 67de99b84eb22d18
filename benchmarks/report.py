"""What was measured, as a table for people, JSON for programs and a chart for the README."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

import matplotlib as mpl
from rich.console import Console
from rich.table import Table

mpl.use("svg")
mpl.rcParams["svg.hashsalt"] = "facedetect"  # the same figures give the same file


@dataclass(frozen=True)
class Measured:
    """One detector: medians, their ratios to ours, memory at the end, cases found differently."""

    name: str
    median_ms: dict[str, float]
    ratio: dict[str, float]
    mean_ratio: float
    rss_mb: float
    differing: list[str]
    faces: dict[str, int]


def write_report(output: Path, rows: list[Measured]) -> None:
    """Print the table; write `output`.md, .json and .svg."""
    table = Table("picture, min_size", *(row.name for row in rows))
    lines = [["picture, min_size", *(row.name for row in rows)], ["---"] * (len(rows) + 1)]
    for case in rows[0].median_ms:
        cells = [case, *(_cell(row, case) for row in rows)]
        table.add_row(*cells)
        lines.append(cells)
    lines.append(["**geometric mean**", *(f"**{row.mean_ratio:.2f}x**" for row in rows)])
    lines.append(["memory at the end, MB", *(f"{row.rss_mb:.0f}" for row in rows)])
    for cells in lines[-2:]:
        table.add_row(*(cell.strip("*") for cell in cells))
    Console(width=200).print(table)
    markdown = "\n".join(f"| {' | '.join(cells)} |" for cells in lines)
    output.parent.mkdir(exist_ok=True)
    output.with_suffix(".md").write_text(f"{_HEAD}\n{markdown}\n", "utf-8")
    output.with_suffix(".json").write_text(
        json.dumps([asdict(row) for row in rows], indent=1) + "\n"
    )
    _draw(output.with_suffix(".svg"), rows)


_HEAD = """# Benchmark

Made by `scripts/bench compare`: every detector in a process of its own on the same two cores,
taking turns in one run; same pictures and min_size, factor 0.709, thresholds 0.6 0.7 0.7; medians.
Each cell is milliseconds and the ratio to `facedetect`, the public Python API over the in-process
backend; `facedetect reference` is the bare graph in the reference geometry, by its float32 input.
mtcnn-runtime has its factor, 0.707, built in. A star means that other faces were found (another
number, or no overlap by half).
Absolute times are this machine's; look at the ratios.
"""


def _cell(row: Measured, case: str) -> str:
    star = "*" if case in row.differing else ""
    return f"{row.median_ms[case]:.1f} ({row.ratio[case]:.2f}x){star}".replace("*", "\\*")


def _draw(path: Path, rows: list[Measured]) -> None:
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(figsize=(8, 0.45 * len(rows) + 1))
    names = [row.name for row in rows][::-1]
    bars = axes.barh(names, [row.mean_ratio for row in rows][::-1], color="#3d7a3d")
    axes.bar_label(bars, fmt="%.1fx", padding=4)
    axes.set_xlabel("time, facedetect = 1 (geometric mean over all pictures; less is better)")
    axes.spines[["top", "right"]].set_visible(False)
    figure.tight_layout()
    figure.savefig(path, metadata={"Date": None})
    plt.close(figure)
