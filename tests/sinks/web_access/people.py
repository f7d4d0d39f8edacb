"""Users, and browsers that are logged in as one of them, for the tests."""

from __future__ import annotations

import ssl
from pathlib import Path

import httpx
from argon2 import PasswordHasher

from edge.sinks.web.access.passwords import Passwords, kept_token
from edge.sinks.web.access.people import Role
from edge.sinks.web.access.users import Users

QUICK = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
"""Real argon2id that costs nothing: a test logs in often."""
PASSWORD = "four unlikely words here"
TOKEN = "a-program's-token"
JSON = {"X-Edge": "1", "content-type": "application/json"}


def three_people(folder: Path) -> Users:
    """vera, otto and emma: viewer, operator, engineer; and a program that views."""
    users = Users(folder)
    for name, role in (("vera", Role.VIEWER), ("otto", Role.OPERATOR), ("emma", Role.ENGINEER)):
        users.add(name, role, Passwords(QUICK).hash(PASSWORD))
    users.add("prometheus", Role.VIEWER, kept_token(TOKEN))
    return users


def browser_of(url: str, verify: ssl.SSLContext | bool = False) -> httpx.Client:
    """A browser without a session. Over plain HTTP there is nothing to verify."""
    return httpx.Client(base_url=url, headers={"X-Edge": "1", "Origin": url}, verify=verify)


def log_in(browser: httpx.Client, name: str, password: str = PASSWORD) -> httpx.Response:
    return browser.post("/api/session", json={"name": name, "password": password})
