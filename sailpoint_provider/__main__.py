"""``python -m sailpoint_provider check FILE``: check a CSV before it is loaded; nothing is sent."""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import sys
import time
from typing import TYPE_CHECKING, Any

from sailpoint_provider.drops.names import SOURCE_ID
from sailpoint_provider.exceptions import SailPointError
from sailpoint_provider.files.check.check import check_file
from sailpoint_provider.files.check.last import last_file
from sailpoint_provider.files.check.rules import FileCheck
from sailpoint_provider.files.locate import file_source

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sailpoint_provider.files.check.facts import SourceFacts
    from sailpoint_provider.files.check.report import FileReport

PASSED, REFUSED, NOT_CHECKED = 0, 1, 2

_DEFAULTS = FileCheck()


def main(arguments: Sequence[str] | None = None) -> int:
    """Check a file, print the report, and return the exit status."""
    options = _parser().parse_args(arguments)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # A terminal need not know every character of a key.
            stream.reconfigure(errors="backslashreplace")
    try:
        # Airflow logs to standard output, which belongs to the report.
        with contextlib.redirect_stdout(sys.stderr):
            report = _check(options)
        print(_shown(report, options.format), end="", flush=True)
    except SailPointError as error:
        return _not_checked(options.file, str(error))
    except Exception as error:
        # Python itself would end with 1, which means refused; and a message may quote the file.
        return _not_checked(options.file, f"an unexpected {type(error).__name__}.")
    return REFUSED if report.verdict == "refused" else PASSED


def _not_checked(file: str, why: str) -> int:
    print(f"Could not check {file}: {why}", file=sys.stderr)
    return NOT_CHECKED


def _check(options: argparse.Namespace) -> FileReport:
    rules = FileCheck(
        key=options.key,
        min_rows=options.min_rows,
        max_rows=options.max_rows,
        max_deletions=_limit(options.max_deletions),
        max_additions=_limit(options.max_additions),
        max_changes=_limit(options.max_changes),
        merges_rows=True if options.merges_rows else None,
        show_keys=not options.hide_keys,
        strict=options.strict,
    )
    file = file_source(options.file)
    facts = _facts(options.source, options.conn_id) if options.source else None
    last = last_file(options.against, time.time()) if options.against else None
    return check_file(file, rules, facts=facts, last=last, now=time.time())


def _facts(source: str, conn_id: str) -> SourceFacts:
    from sailpoint_provider.hooks.sailpoint import SailPointHook
    from sailpoint_provider.isc.source_facts import read_source_facts

    hook = SailPointHook(conn_id)
    try:
        found = hook.get_source(source) if SOURCE_ID.fullmatch(source) else hook.find_source(source)
        facts: SourceFacts = hook._run(read_source_facts(hook._tenant.api_version, found))
        return facts
    finally:
        hook.close()


def _limit(text: str | None) -> str | None:
    return None if text is None or text.lower() in ("none", "off") else text


def _shown(report: FileReport, form: str) -> str:
    if form == "json":
        is_unicode = (sys.stdout.encoding or "").lower().startswith("utf")
        return json.dumps(report.to_json(), indent=2, ensure_ascii=not is_unicode) + "\n"
    return report.as_markdown() if form == "markdown" else report.as_text()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m sailpoint_provider", description="Work with files for delimited-file sources."
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    check = commands.add_parser(
        "check",
        help="check a CSV before it is loaded",
        description="Check a CSV before it is loaded. Nothing is sent.",
        epilog="Exit status: 0 if the file may be loaded, 1 if it is refused, 2 if it could not be checked.",
    )
    check.add_argument("file", metavar="FILE", help="path or URL of the CSV, or of a .csv.gz")
    check.add_argument("--against", metavar="LAST", help="the last good file, to compare the keys with")
    check.add_argument("--key", metavar="COLUMN", help="column that identifies an account")
    _add_limits(check)
    check.add_argument("--merges-rows", action="store_true", help="several rows of one key are one account")
    check.add_argument(
        "--hide-keys", action="store_true", help="leave the keys of accounts out of the report"
    )
    check.add_argument(
        "--strict", action="store_true", help="refuse the file if a rule lacks information that it needs"
    )
    check.add_argument("--source", metavar="SOURCE", help="ID or name of the source in the tenant")
    check.add_argument(
        "--conn-id",
        metavar="ID",
        default="sailpoint_default",
        help="Airflow connection of the tenant (default: %(default)s)",
    )
    check.add_argument(
        "--format",
        choices=("text", "json", "markdown"),
        default="text",
        help="how the report is printed (default: text)",
    )
    return parser


def _add_limits(parser: argparse.ArgumentParser) -> None:
    def number(name: str, default: int | None, text: str) -> None:
        parser.add_argument(name, type=int, metavar="N", default=default, help=text)

    def limit(name: str, default: Any, text: str) -> None:
        parser.add_argument(name, metavar="LIMIT", default=default, help=text)

    number("--min-rows", _DEFAULTS.min_rows, "fewest accounts (default: %(default)s)")
    number("--max-rows", _DEFAULTS.max_rows, "most accounts")
    limit(
        "--max-deletions",
        _DEFAULTS.max_deletions,
        'most accounts that may disappear: a number, a percentage, or "off" (default: 10%%)',
    )
    limit(
        "--max-additions", None, 'most accounts that may be new: a number, a percentage, or "off" (default)'
    )
    limit(
        "--max-changes",
        None,
        'most accounts that may change in one column: a number, a percentage, or "off" (default)',
    )


if __name__ == "__main__":
    sys.exit(main())
