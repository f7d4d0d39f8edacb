"""What the configured address asks for: nothing on loopback, TLS and users beyond it."""

from __future__ import annotations

import logging

from edge.core.clock import Clock
from edge.core.config import WebConfig
from edge.core.errors import ConfigError
from edge.sinks.web.access.certificate import (
    Certificate,
    given_certificate,
    own_certificate,
)
from edge.sinks.web.access.entrance import Entrance
from edge.sinks.web.access.people import Person, Role
from edge.sinks.web.addresses import address_of, is_loopback, names_of_this_machine

_log = logging.getLogger(__name__)


def entrance_for(config: WebConfig, clock: Clock) -> Entrance:
    """Who comes in at this address.

    While there are no users, whoever is on this machine is an engineer, and with ``insecure``
    whoever reaches the address is a viewer.

    Args:
        config: of the live view; without a folder there are no users.
        clock: for sessions.

    Raises:
        ConfigError: nobody could come in, or the list of users cannot be used.
    """
    somebody = None
    if is_loopback(config.host):
        somebody = Person("", Role.ENGINEER)
    elif config.insecure:
        somebody = Person("", Role.VIEWER)
        if config.cert is None:
            _log.warning(
                "sinks.web.insecure: on the network of %s everybody can read along, and also the "
                "passwords of those who log in",
                config.host,
            )
    entrance = Entrance(somebody, config.folder, clock)
    if entrance.has_users or somebody is not None:
        return entrance
    raise ConfigError(
        f"sinks.web.host is {config.host!r}, which other machines reach, and there are no users, "
        "so nobody could log in. Add one (edge users add NAME --role engineer), use 127.0.0.1 (and "
        "ssh -L), or let everybody watch, without TLS, with sinks.web.insecure: true"
    )


def certificate_for(config: WebConfig) -> Certificate | None:
    """What TLS is served with; None: plain HTTP.

    Without one in ``config`` one is made in its folder, except on loopback and with ``insecure``.

    Raises:
        ConfigError: the certificate cannot be used.
        UnavailableError: it cannot be made.
    """
    if config.cert is not None and config.key is not None:
        return given_certificate(config.cert, config.key)
    if config.folder is None or is_loopback(config.host) or config.insecure:
        return None
    address = address_of(config.host)
    own = set() if address is not None and address.is_unspecified else {config.host}
    made = own_certificate(config.folder, {*own, *names_of_this_machine(), *config.allowed_hosts})
    _log.info(
        "the certificate was made here, so browsers warn once; compare its SHA-256 fingerprint: %s",
        made.fingerprint,
    )
    return made
