"""The plot of the section on waits."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from tests.benchmarks.waits.peers import PEERS

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from tests.benchmarks.waits.figures import Case, Figures

NAME = "benchmarks-waits"
_COLOURS = {"ours": "#0b6e4f", "dbt": "#d1495b", "airbyte": "#5c4d9a"}
_TEXT = "#333333"
_GRID = "#e4e4e4"


def write_plot(cases: Mapping[Case, Figures], folder: Path) -> None:
    """Draw requests and processor time against the number of waits, as PNG and SVG, without void runs."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot

    drawn = {case: it for case, it in cases.items() if case.delay == 0.0 and not it.voids}
    # The same figures give the same file, and text stays text.
    style: Any = {"font.size": 10, "svg.hashsalt": NAME, "svg.fonttype": "none", "font.family": "DejaVu Sans"}
    with mpl.rc_context(style):
        figure, panels = pyplot.subplots(1, 2, figsize=(9.0, 3.8), layout="constrained", facecolor="white")
        _draw(panels[0], "Requests to the service", {case: it.requests for case, it in drawn.items()})
        _draw(panels[1], "Processor time of the client, s", {case: it.cpu for case, it in drawn.items()})
        figure.savefig(folder / f"{NAME}.png", dpi=130)
        figure.savefig(folder / f"{NAME}.svg", metadata={"Date": None})
        pyplot.close(figure)


def _draw(panel: Any, title: str, values: Mapping[Case, float]) -> None:
    panel.set_title(title, loc="left", color=_TEXT, fontsize=11, fontweight="bold")
    panel.set_xscale("log")
    panel.set_yscale("log")
    ends = {peer: _line(panel, peer, values) for peer in PEERS if any(case.peer == peer for case in values)}
    floor = 10.0 ** math.floor(math.log10(min(values.values())))
    ceiling = 10.0 ** math.ceil(math.log10(max(values.values())))
    panel.set_ylim(floor, ceiling)
    for peer, (count, value, nudge) in _apart(ends, (ceiling / floor) ** 0.07).items():
        panel.annotate(
            PEERS[peer].short,
            (count, value),
            xytext=(7, 0),
            textcoords="offset points",
            va="center",
            color=_COLOURS[peer],
            fontweight="bold",
            annotation_clip=False,
        ).set_y(nudge)
    panel.set_xlabel("waits at the same time", color=_TEXT)
    panel.set_xlim(0.8, 60_000)
    panel.set_xticks([1, 10, 100, 1000, 5000], ["1", "10", "100", "1,000", "5,000"])
    panel.tick_params(colors=_TEXT, which="both", length=0)
    panel.minorticks_off()
    panel.yaxis.set_major_formatter(lambda value, _: f"{value:,.0f}" if value >= 1 else f"{value:g}")
    panel.grid(color=_GRID, linewidth=0.8)
    panel.set_axisbelow(True)
    for side in panel.spines.values():
        side.set_visible(False)


def _line(panel: Any, peer: str, values: Mapping[Case, float]) -> tuple[int, float]:
    points = sorted((case.count, value) for case, value in values.items() if case.peer == peer)
    panel.plot(*zip(*points, strict=True), color=_COLOURS[peer], linewidth=2, marker="o", markersize=4.5)
    return points[-1]


def _apart(ends: Mapping[str, tuple[int, float]], factor: float) -> dict[str, tuple[int, float, float]]:
    """Move labels that would lie on one another apart, by points; the higher one goes up."""
    order = sorted(ends, key=lambda peer: ends[peer][1])
    nudges = dict.fromkeys(order, 0.0)
    for lower, higher in pairwise(order):
        if ends[higher][1] / ends[lower][1] < factor:
            nudges[lower], nudges[higher] = -6.0, 6.0
    return {peer: (*ends[peer], nudges[peer]) for peer in ends}
