"""The report's table, differences and lineages on standard output."""

from collections.abc import Sequence

from rich.table import Table
from rich.text import Text
from rich.tree import Tree

from wrank.tracking.comparison import print_comparison_table
from wrank.tracking.report.diff import Diff
from wrank.tracking.report.gather import Gathered
from wrank.tracking.report.headline import headline
from wrank.tracking.report.table import seeds_of, table
from wrank.tracking.report.trace import Node
from wrank.tracking.table import out


def print_report(gathered: Gathered) -> None:
    """The finding, means with intervals over seeds, the comparison's tables, and the notes."""
    console = out()
    console.print(Text(headline(gathered.comparison), style="bold"))
    shown = Table(title=Text("means, with 95% intervals over seeds"))
    shown.add_column("system", overflow="fold")
    shown.add_column("seeds", justify="right")
    for rule in gathered.comparison.sets:
        shown.add_column(Text(f"{rule.name}\n{rule.main}"), justify="right", no_wrap=True)
    for line in table(gathered):
        cells = []
        for rule in gathered.comparison.sets:
            one = line.cells.get(rule.name)
            if one is None:
                cells.append(Text("–"))
                continue
            words = "" if one.interval is None else f"\n[{one.interval[0]:.3f}, {one.interval[1]:.3f}]"
            mark = f" {one.cell.mark}" if one.cell.mark else ""
            cells.append(Text.assemble((f"{one.cell.mean:.4f}", "bold" if one.cell.best else ""), mark + words))
        shown.add_row(Text(line.row.name), seeds_of(line), *cells)
    console.print(shown)
    print_comparison_table(gathered.comparison)
    for note in gathered.notes:
        console.print(Text(f"note: {note}"))


def print_diff(found: Diff) -> None:
    """What differs, section by section, and the figures of both."""
    console = out()
    for letter, one in (("A", found.a), ("B", found.b)):
        manifest = one.manifest
        console.print(Text(f"{letter}: {manifest['kind']} {manifest['name']}, {manifest['key'][:16]}, {one.path}"))
    for title, rows in found.sections.items():
        if not rows:
            continue
        shown = Table(title=Text(title), title_justify="left")
        for name in ("key", "A", "B"):
            shown.add_column(name, overflow="fold")
        for row in rows:
            shown.add_row(*map(Text, row))
        console.print(shown)
    settings = found.sections["configuration"] or found.sections["inputs"]
    same = f"{found.equal} keys of configuration and inputs are the same"
    console.print(
        Text(same if settings else f"no difference in configuration or inputs: all {found.equal} keys are equal")
    )
    if found.comparison is not None:
        print_comparison_table(found.comparison)
    for note in found.notes:
        console.print(Text(f"note: {note}"))


def print_trace(nodes: Sequence[Node]) -> None:
    """The lineage as a tree: what stands below was needed for what stands above."""
    console = out()
    for node in nodes:
        tree = Tree(_told(node))
        _grow(tree, node)
        console.print(tree)


def _grow(tree: Tree, node: Node) -> None:
    for parent in node.parents:
        _grow(tree.add(_told(parent)), parent)


def _told(node: Node) -> Text:
    head = Text.assemble((f"{node.word}: ", "dim"), (node.title, "bold"), (f"  {node.key[:16]}", "cyan"))
    if node.seen:
        head.append("  (see above)", "dim")
    facts = ", ".join(f"{name} {value}" for name, value in node.facts.items())
    return Text.assemble(head, ("\n" + facts if facts else "", "dim"))
