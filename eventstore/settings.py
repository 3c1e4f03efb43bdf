"""Everything that can be set, of every layer: one object, read from the environment once."""

from dataclasses import dataclass, field
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

import click
from environs import Env, EnvValidationError
from marshmallow import ValidationError, validate

from eventstore.embedded import default_data_dir
from eventstore.keys import MasterKey

PORT_DEFAULT: Final = 8080
WORKERS_MAX: Final = 64
LOG_LEVELS: Final = ("debug", "info", "warning", "error", "critical")


_EVERYWHERE: Final = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 -- what is listened on is set, not here
"""Addresses that mean all of this machine's, and are none that a client can ask."""


@dataclass(frozen=True)
class Settings:
    """What GAGYEBU_* in the environment say; flags of the command line go over it."""

    host: str = "127.0.0.1"
    port: int = PORT_DEFAULT
    workers: int = 1
    data_dir: Path = field(default_factory=default_data_dir)
    database_url: str = field(default="", repr=False)
    migrate_database_url: str = field(default="", repr=False)
    master_key: str = field(default="", repr=False)
    pool_size_max: int = 10
    projector: bool = True
    public_url: str = ""
    cors_origins: tuple[str, ...] = ()
    trusted_proxies: tuple[IPv4Network | IPv6Network, ...] = ()
    time_zone: str = "Asia/Seoul"
    log_level: str = "info"
    smtp_url: str = field(default="", repr=False)
    mail_from: str = ""
    sms_webhook_url: str = field(default="", repr=False)
    sms_webhook_secret: str = field(default="", repr=False)

    @property
    def client_url(self) -> str:
        """Where clients find the service: as it is set, or else where it listens, on this machine."""
        return self.public_url or http_address(_EVERYWHERE.get(self.host, self.host), self.port or PORT_DEFAULT)

    @classmethod
    def from_environment(cls) -> "Settings":
        """Raises: environs.EnvError."""
        env = Env(prefix="GAGYEBU_")
        return cls(
            host=env.str("HOST", cls.host),
            port=env.int("PORT", cls.port, validate=validate.Range(0, 65_535)),
            workers=env.int("WORKERS", cls.workers, validate=validate.Range(1, WORKERS_MAX)),
            data_dir=env.path("DATA_DIR", default_data_dir()),
            database_url=env.str("DATABASE_URL", ""),
            migrate_database_url=env.str("MIGRATE_DATABASE_URL", ""),
            master_key=env.str("MASTER_KEY", ""),
            pool_size_max=env.int("POOL_SIZE_MAX", cls.pool_size_max, validate=validate.Range(1)),
            projector=env.bool("PROJECTOR", cls.projector),
            public_url=env.str("PUBLIC_URL", cls.public_url),
            cors_origins=tuple(env.list("CORS_ORIGINS", [])),
            trusted_proxies=tuple(map(_network, env.list("TRUSTED_PROXIES", []))),
            time_zone=env.str("TIME_ZONE", cls.time_zone, validate=_require_time_zone),
            log_level=env.str("LOG_LEVEL", cls.log_level, validate=validate.OneOf(LOG_LEVELS)),
            smtp_url=env.str("SMTP_URL", ""),
            mail_from=env.str("MAIL_FROM", ""),
            sms_webhook_url=env.str("SMS_WEBHOOK_URL", ""),
            sms_webhook_secret=env.str("SMS_WEBHOOK_SECRET", ""),
        )


def http_address(host: str, port: int) -> str:
    """The URL of a host, by name or address, and a port."""
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _network(text: str) -> IPv4Network | IPv6Network:
    """Raises: EnvValidationError."""
    try:
        return ip_network(text.strip())
    except ValueError as error:
        message = f"GAGYEBU_TRUSTED_PROXIES: {error}"
        raise EnvValidationError(message, [message]) from None


def time_zone_of(name: str) -> ZoneInfo:
    """Find a time zone by its IANA name. Raises: ValueError.

    Those begin with a capital letter; beside them lie others of the machine's own, such as localtime and right/UTC.
    """
    try:
        if name[:1].isupper():
            return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        pass
    raise ValueError(name)


def _require_time_zone(name: str) -> None:
    """Raises: ValidationError."""
    try:
        time_zone_of(name)
    except ValueError:
        raise ValidationError("This is no IANA time zone such as Asia/Seoul.") from None


def master_key_of(settings: Settings) -> MasterKey:
    """The key that is set, or the one kept in the data directory. Raises: click.UsageError."""
    try:
        if settings.master_key:
            return MasterKey.from_text(settings.master_key)
        if settings.database_url or settings.migrate_database_url:
            raise click.UsageError(
                "With a database of your own, GAGYEBU_MASTER_KEY must be set, and kept: `openssl rand -base64 32`."
            )
        return MasterKey.kept_in(settings.data_dir / "master.key")
    except ValueError as error:
        raise click.UsageError(f"GAGYEBU_MASTER_KEY: {error}") from None
