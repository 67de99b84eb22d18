"""Common parts of the benchmarks' command lines."""

from __future__ import annotations

from argparse import (
    Action,
    ArgumentDefaultsHelpFormatter,
    ArgumentParser,
    RawDescriptionHelpFormatter,
)
from collections.abc import Iterable
from pathlib import Path

_RESULTS = Path("benchmarks/results")
_DOCS = Path("docs")


class _HelpFormatter(RawDescriptionHelpFormatter, ArgumentDefaultsHelpFormatter):
    """Keeps the description's line breaks, and shows defaults that are single values."""

    def _get_help_string(self, action: Action) -> str | None:
        if action.default is None or isinstance(action.default, list):
            return action.help
        return super()._get_help_string(action)


def bench_parser(
    name: str, description: str | None, *, results: str = "", page: str = ""
) -> ArgumentParser:
    """Create the parser of `scripts/bench NAME`.

    `results` describes the files it writes, and adds --output, their path without suffix. `page` is
    the file in docs/ whose sections it updates, and adds --page.
    """
    parser = ArgumentParser(
        prog=f"scripts/bench {name}", description=description, formatter_class=_HelpFormatter
    )
    if results:
        words = f"where to write {results}; a path without suffix"
        parser.add_argument("--output", type=Path, default=_RESULTS / name, help=words)
    if page:
        words = "the page whose sections to replace"
        parser.add_argument("--page", type=Path, default=_DOCS / page, help=words)
    return parser


def add_pages(parser: ArgumentParser, *names: str) -> None:
    """Add --pages, the files in docs/ whose sections the benchmark fills."""
    words = f"the pages whose sections to replace; docs/: {', '.join(names)}"
    pages = [_DOCS / name for name in names]
    parser.add_argument("--pages", nargs="+", type=Path, default=pages, metavar="PAGE", help=words)


def add_choices(
    parser: ArgumentParser, option: str, choices: Iterable[str], words: str, *, nargs: str = "*"
) -> None:
    """Add an option that accepts several names; the default is all of them."""
    names = list(choices)
    parser.add_argument(
        option,
        nargs=nargs,
        default=names,
        choices=names,
        metavar="NAME",
        help=f"{words}, all by default: {'; '.join(names)}",
    )
