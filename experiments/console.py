"""The console that results are printed on."""

from collections.abc import Iterable, Iterator

from rich.console import Console, ConsoleOptions, ConsoleRenderable, RenderHook
from rich.segment import Segment
from rich.table import Table


class _Unpadded:
    """A table whose lines end with their last letter, so that what is copied from it has no spaces at the end."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[Segment]:
        for line in console.render_lines(self._table, options, pad=False):
            yield from _without_last_spaces(line)
            yield Segment.line()


def _without_last_spaces(line: Iterable[Segment]) -> list[Segment]:
    kept = list(line)
    while kept and not kept[-1].control and not kept[-1].text.rstrip():
        kept.pop()
    if kept and not kept[-1].control:
        kept[-1] = Segment(kept[-1].text.rstrip(), kept[-1].style)
    return kept


class _Hook(RenderHook):
    def process_renderables(self, renderables: list[ConsoleRenderable]) -> list[ConsoleRenderable]:
        return [_Unpadded(each) if isinstance(each, Table) else each for each in renderables]


def results_console() -> Console:
    """Return a console that prints texts as they are and tables without padding at the end of a line."""
    console = Console(highlight=False)
    console.push_render_hook(_Hook())
    return console
