"""The section on waits: its tables and its targets, from the figures."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

from sailpoint_provider.isc.tenant.connection_fields import DEFAULT_REQUESTS_PER_10S
from tests.benchmarks.report import Bar, Table
from tests.benchmarks.waits.figures import IN_TIME, Case
from tests.benchmarks.waits.peers import PEERS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from tests.benchmarks.waits.figures import Figures

OURS, DBT, AIRBYTE = "ours", "dbt", "airbyte"
MAIN = 1000
MOST = 5000
LADDER = (1, 20, 100, MAIN, MOST)
DELAYS = (0.0, 0.3)
_CONNECTIONS = 10
_KIB = 1024


_ROWS: tuple[tuple[str, Callable[[Figures], str]], ...] = (
    ("Requests", lambda it: f"{it.requests:,.0f}"),
    ("Most requests in any 10 s", lambda it: f"{it.busiest:,}"),
    ("Requests that ISC's limit would refuse", lambda it: f"{it.would_refuse:,.0f}"),
    ("429 responses", lambda it: f"{it.refused:,}"),
    ("Connections opened", lambda it: f"{it.opened:,.0f}"),
    ("Most connections at once", lambda it: f"{it.most_open:,}"),
    ("Processor time, s", lambda it: f"{it.cpu:.2f}"),
    ("Longest stall of the event loop, ms", lambda it: _ms(it.stall)),
    ("... without garbage collection, ms", lambda it: _ms(it.stall_apart)),
    ("Longest garbage collection, ms", lambda it: _ms(it.collection)),
    (f"Ends noticed within {IN_TIME:g} s", lambda it: f"{it.in_time:.1%}"),
    ("End noticed after: median, s", lambda it: f"{it.late_p50:.1f}"),
    ("... 95 %, s", lambda it: f"{it.late_p95:.1f}"),
    ("... all, s", lambda it: f"{it.late_max:.1f}"),
    ("Start to last event, s", lambda it: f"{it.wall:.0f}"),
    ("Runs", lambda it: f"{it.runs}"),
)


_MEDIANS = (
    "Medians over the runs; the most requests in any 10 s, the most connections at once and the 429 "
    "responses are from the worst run."
)


def main_table(cases: Mapping[Case, Figures], delay: float) -> Table:
    """Compare all three at 1,000 waits."""
    of_peers = {peer: cases[Case(peer, MAIN, delay)] for peer in PEERS}
    rows = tuple((name, *(cell(it) for it in of_peers.values())) for name, cell in _ROWS)
    return Table(
        f"{MAIN:,} waits, {_delay_words(delay)}",
        ("", *(PEERS[peer].title for peer in of_peers)),
        rows,
        (_MEDIANS, *_where_peers_are_better(of_peers), *_void_notes(of_peers)),
    )


def ladder_table(cases: Mapping[Case, Figures]) -> Table:
    """Show how requests and processor time grow with the number of waits."""
    columns = ["Waits"]
    columns += [
        f"{PEERS[peer].short}: {what}" for peer in PEERS for what in ("requests", "CPU s", "CPU ms each")
    ]
    rows = []
    for count in LADDER:
        row = [f"{count:,}"]
        for peer in PEERS:
            it = cases.get(Case(peer, count, 0.0))
            row += ["", "", ""] if it is None else _growth_cells(it, count)
        rows.append(tuple(row))
    notes = (
        f"At {MAIN:,} waits, medians of the runs above; otherwise one run each.",
        f"The other packages were not run with {MOST:,} waits.",
        *_where_few_are_better(cases),
    )
    return Table("From 1 wait to 5,000, immediate responses", tuple(columns), tuple(rows), notes)


def memory_table(weights: Mapping[str, float]) -> Table:
    """Show how much memory one wait takes."""
    rows = tuple((PEERS[peer].title, f"{each / _KIB:.1f}") for peer, each in weights.items())
    note = (
        f"Resident memory with {MAIN:,} waits minus that with one wait, divided by {MAIN - 1:,}; one run "
        "each. It includes what the allocator retains after a burst of connections."
    )
    return Table("Memory of one wait", ("", "KiB"), rows, (note,))


def bars(cases: Mapping[Case, Figures], weights: Mapping[str, float]) -> tuple[Bar, ...]:
    """Return the targets and whether they were met."""
    kept = [bar for delay in DELAYS for bar in _bars_at(cases, delay)]
    kept += [_falls(cases, "Requests", lambda it: it.requests), _falls(cases, "CPU", lambda it: it.cpu)]
    each = weights[OURS] / _KIB
    kept.append(Bar("Memory of one wait", "< 20 KiB", f"{each:.1f} KiB", each < 20))
    voids = [text for it in cases.values() for text in it.voids]
    measured = voids[0][:100] if voids else "all"
    kept.append(Bar("Events that report success, in all runs of all three", "all", measured, not voids))
    return tuple(kept)


def _bars_at(cases: Mapping[Case, Figures], delay: float) -> list[Bar]:
    ours = cases[Case(OURS, MAIN, delay)]
    words = _delay_words(delay)

    def bar(what: str, bound: str, measured: str, met: bool) -> Bar:
        return Bar(f"{what}, {words}", bound, measured + _void_mark([ours]), met and not ours.voids)

    kept = []
    for peer in (DBT, AIRBYTE):
        share = cases[Case(peer, MAIN, delay)].requests / ours.requests
        what = f"Requests relative to {PEERS[peer].title}"
        kept.append(bar(what, "<= 1/100", f"1/{share:.1f}", share >= 100))
    share = cases[Case(DBT, MAIN, delay)].cpu / ours.cpu
    connections = max(ours.opened_at_most, ours.most_open)
    budget = DEFAULT_REQUESTS_PER_10S
    return [
        *kept,
        bar("Requests in any 10 s, worst run", f"<= {budget:g}", f"{ours.busiest}", ours.busiest <= budget),
        bar("429 responses, all runs", "0", f"{ours.refused}", ours.refused == 0),
        bar(
            "Total connections, worst run",
            f"<= {_CONNECTIONS}",
            f"{connections}",
            connections <= _CONNECTIONS,
        ),
        bar("CPU time relative to dbt Cloud", "<= 1/20", f"1/{share:.1f}", share >= 20),
        bar(
            "Longest stall without garbage collection",
            "<= 50 ms",
            f"{_ms(ours.stall_apart)} ms (worst run {_ms(ours.stall_apart_at_most)} ms)",
            ours.stall_apart <= 0.05,
        ),
        bar(f"Ends noticed within {IN_TIME:g} s", ">= 95 %", f"{ours.in_time:.1%}", ours.in_time >= 0.95),
    ]


def _falls(cases: Mapping[Case, Figures], what: str, of: Callable[[Figures], float]) -> Bar:
    ladder = [cases[Case(OURS, count, 0.0)] for count in LADDER]
    each = [of(it) / count for it, count in zip(ladder, LADDER, strict=True)]
    falls = all(later < earlier for earlier, later in pairwise(each[:-1]))
    unit, factor, digits = ("ms", 1000.0, 2) if what == "CPU" else ("", 1.0, 3)
    measured = ", ".join(f"{value * factor:.{digits}f}" for value in each) + (f" {unit}" if unit else "")
    measured += _void_mark(ladder)
    return Bar(
        f"{what} per wait at {', '.join(f'{count:,}' for count in LADDER)} waits",
        f"falls up to {MAIN:,} waits, then rises by 10 % at most",
        measured,
        falls and each[-1] <= 1.1 * each[-2] and not any(it.voids for it in ladder),
    )


_COMPARED: tuple[tuple[str, Callable[[Figures], float]], ...] = (
    ("fewer requests", lambda it: it.requests),
    ("fewer requests in any 10 s", lambda it: it.busiest),
    ("fewer connections", lambda it: it.opened),
    ("less processor time", lambda it: it.cpu),
    ("shorter stalls", lambda it: it.stall),
    ("shorter stalls without garbage collection", lambda it: it.stall_apart),
    ("shorter garbage collections", lambda it: it.collection),
    (f"more ends noticed within {IN_TIME:g} s", lambda it: -it.in_time),
    ("ends noticed sooner (median)", lambda it: it.late_p50),
    ("ends noticed sooner (95 %)", lambda it: it.late_p95),
    ("ends noticed sooner (all)", lambda it: it.late_max),
)


def _where_peers_are_better(of_peers: Mapping[str, Figures]) -> list[str]:
    ours = of_peers[OURS]
    notes = []
    for peer in (DBT, AIRBYTE):
        better = [what for what, of in _COMPARED if of(of_peers[peer]) < of(ours)]
        if better:
            notes.append(f"{PEERS[peer].title} is better than this package here: {', '.join(better)}.")
    return notes


def _where_few_are_better(cases: Mapping[Case, Figures]) -> list[str]:
    notes = []
    for count in LADDER:
        ours = cases[Case(OURS, count, 0.0)]
        for peer in (DBT, AIRBYTE):
            it = cases.get(Case(peer, count, 0.0))
            better = [] if it is None else [what for what, of in _COMPARED_BY_COUNT if of(it) < of(ours)]
            if better:
                waits = "1 wait" if count == 1 else f"{count:,} waits"
                notes.append(f"With {waits}, {PEERS[peer].title} takes {' and '.join(better)}.")
    return notes


_COMPARED_BY_COUNT: tuple[tuple[str, Callable[[Figures], float]], ...] = (
    ("fewer requests", lambda it: it.requests),
    ("less processor time", lambda it: it.cpu),
)


def _void_notes(of_peers: Mapping[str, Figures]) -> list[str]:
    return [
        f"VOID: {len(it.voids)} of {it.runs} runs of {PEERS[peer].title} reported something other than "
        f"success: {it.voids[0][:200]}"
        for peer, it in of_peers.items()
        if it.voids
    ]


def _void_mark(cases: Iterable[Figures]) -> str:
    return " (void)" if any(it.voids for it in cases) else ""


def _growth_cells(it: Figures, count: int) -> list[str]:
    return [f"{it.requests:,.0f}", f"{it.cpu:.2f}", f"{it.cpu / count * 1000:.2f}"]


def _delay_words(delay: float) -> str:
    return f"responses after {delay * 1000:.0f} ms" if delay else "immediate responses"


def _ms(seconds: float) -> str:
    return f"{seconds * 1000:,.0f}"
