"""Verbs and flags; prints for people, or JSON with ``--json -``. One call into ``app`` each."""

from __future__ import annotations

import sys

import click

from edge.cli.printing import print_error
from edge.cli.verbs import cli
from edge.core.errors import EX_USAGE, EdgeError


def main(arguments: list[str] | None = None) -> None:
    """Run a command; errors become one message and the exit code of ``sysexits.h``."""
    try:
        cli.main(arguments, prog_name="edge", standalone_mode=False)
    except click.ClickException as error:
        error.show()
        sys.exit(EX_USAGE)
    except (click.Abort, KeyboardInterrupt):
        sys.exit(130)
    except BrokenPipeError:
        sys.stderr.close()  # the reader of our output has gone: nobody is left to tell
        sys.exit(0)
    except EdgeError as error:
        print_error(error)
        sys.exit(error.exit_code)
