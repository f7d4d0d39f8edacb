"""The verbs that say who may log in at the live view."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from edge import app
from edge.cli import printing
from edge.cli.flags import PATH, Group, Verb, json_flag

_role_flag = click.option(
    "--role", type=click.Choice(app.ROLES), required=True, help="Each may what those before it may."
)
_state_flag = click.option(
    "--state", type=PATH, metavar="DIR", help="State folder. Default: the service's, else your own."
)
_stdin_flag = click.option(
    "--password-stdin", is_flag=True, help="Read the password from standard input, one line."
)


@click.group(cls=Group, short_help="Who may log in at the live view.")
def users() -> None:
    """Who may log in at the live view. A running service knows of every change at once.

    While there are no users, whoever is on this machine may do everything, and no other machine is
    served. As soon as there is one, everybody logs in.
    """


@users.command(
    cls=Verb,
    short_help="Let somebody, or a program, log in.",
    epilog="""
    edge users add anna --role engineer
    edge users add prometheus --role viewer --token
    """,
)
@click.argument("name")
@_role_flag
@click.option("--token", is_flag=True, help="For a program: print a token instead of a password.")
@_stdin_flag
@_state_flag
def add(name: str, role: str, token: bool, password_stdin: bool, state: Path | None) -> None:
    """Let somebody log in: asks for a password of at least ten characters.

    A program sends its token with every request, as the header Authorization: Bearer TOKEN.
    """
    if token:
        printing.line(app.add_program(name, role, state))
    else:
        path = app.add_user(name, role, _password(password_stdin), state)
        printing.line(f"{name} may log in as {role} ({path})")


@users.command("list", cls=Verb, short_help="Everybody.", epilog="edge users list --json -")
@_state_flag
@json_flag
def list_(state: Path | None, json_to: str | None) -> None:
    """Everybody who may log in, with their roles."""
    found = app.users(state)
    if json_to is not None:
        printing.result({"users": found}, json_to)
        return
    for user in found:
        printing.line(f"{user['name']}  {user['role']}  by {user['login']}")
    if not found:
        printing.line("nobody: who is on this machine needs no login")


@users.command(cls=Verb, short_help="Another password.", epilog="edge users passwd anna")
@click.argument("name")
@_stdin_flag
@_state_flag
def passwd(name: str, password_stdin: bool, state: Path | None) -> None:
    """Another password; whoever is logged in by the old one is logged out."""
    app.change_password(name, _password(password_stdin), state)
    printing.line(f"{name} has a new password")


@users.command(cls=Verb, short_help="Let somebody in no more.", epilog="edge users remove anna")
@click.argument("name")
@_state_flag
def remove(name: str, state: Path | None) -> None:
    """Let somebody in no more; they are logged out."""
    app.remove_user(name, state)
    printing.line(f"{name} may not log in any more")


def _password(from_stdin: bool) -> str:
    """Never from the command line, which every user of the machine can read."""
    if from_stdin or not sys.stdin.isatty():
        return sys.stdin.readline().rstrip("\r\n")
    password: str = click.prompt("Password", hide_input=True, confirmation_prompt=True)
    return password
