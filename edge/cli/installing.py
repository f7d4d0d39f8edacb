"""The verbs that make Edge a service of this machine, and take it away again."""

from __future__ import annotations

import click

import edge
from edge import app
from edge.cli import printing
from edge.cli.flags import Verb


@click.command(
    cls=Verb,
    short_help="Set up the systemd service on this machine.",
    epilog="sudo edge install\nsudo edge install --package .",
)
@click.option(
    "--package",
    default=f"edge-inspect=={edge.__version__}",
    show_default=True,
    help="What pip installs into /opt/edge: a folder, a wheel, or a name.",
)
def install(package: str) -> None:
    """User, folders, environment, configuration and units; needs root, and may be repeated.

    The service is enabled, not started: edit /etc/edge/edge.yaml first.
    """
    for line in app.install(package):
        printing.line(line)


@click.command(
    cls=Verb,
    short_help="Take the service away again.",
    epilog="sudo edge uninstall\nsudo edge uninstall --purge",
)
@click.option("--purge", is_flag=True, help="Also the configuration, models and state.")
def uninstall(purge: bool) -> None:
    """Stop and remove the service; what it made and what was edited stays, unless purged."""
    for line in app.uninstall(purge=purge):
        printing.line(line)
