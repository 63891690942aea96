"""What a Grafana is to have of ours: datasource, folder, dashboards and, on demand, alert rules."""

import hashlib
import hmac
import json
from dataclasses import dataclass
from importlib import resources
from typing import Any

import psycopg
from psycopg.conninfo import conninfo_to_dict
from pydantic import SecretStr

from dashboards.alert_rules import alert_group
from services.errors import UserError
from services.local.stack import StackState
from services.settings import PREFIX, Settings

Json = dict[str, Any]

UID = "groenmeter"  # of the datasource and of the folder
TITLE = "Groenmeter"  # of both, for people
TAG = "groenmeter"  # on each of our dashboards
OURS = "groenmeter-"  # how the uids of our dashboards and rules begin
MANAGED = {"managedBy": "groenmeter"}  # in the datasource's `jsonData`: by this we know it again
FINGERPRINT = "passwordFingerprint"

LONG_NAME = "grafana-postgresql-datasource"
SHORT_NAME = "postgres"  # every Grafana knows it; since 10.2.3 as an alias

_SSL_MODES = ("disable", "require", "verify-ca", "verify-full")
_LOOPBACK = ("127.0.0.1", "localhost", "::1")


@dataclass(frozen=True)
class Wanted:
    """All of ours. `datasource` holds no password; `password` is None where the database wants none."""

    datasource: Json
    password: SecretStr | None
    dashboards: tuple[Json, ...]
    alerts: Json


def reader_url(settings: Settings, stack: StackState | None) -> str:
    """The reader's DSN for Grafana: the one in the settings, else that of the stack's own database.

    Raises `UserError` when there is neither. The owner's login is never used: Grafana's users write SQL.
    """
    if settings.grafana_database_url is not None:
        return settings.grafana_database_url.get_secret_value()
    if (
        settings.database_url is None
        and stack is not None
        and stack.reader_dsn not in (None, stack.owner_dsn)
    ):
        return str(stack.reader_dsn)
    raise UserError(
        f"which database is Grafana to read? Set {PREFIX}GRAFANA_DATABASE_URL to its address as Grafana "
        "reaches it, with a login that has the role groenmeter_reader and no other: "
        "postgresql://user:password@host:5432/database"
    )


def wanted(database_url: str) -> Wanted:
    """All of ours for a database, by the reader's DSN as Grafana reaches it; raises as `datasource_of`."""
    datasource, password = datasource_of(database_url)
    return Wanted(datasource, password, generated_dashboards(), alert_group())


def generated_dashboards() -> tuple[Json, ...]:
    """The dashboards of `dashboards/generated`, those in Dutch and those in English, ordered by file."""
    root = resources.files("dashboards") / "generated"
    return tuple(
        json.loads(file.read_text(encoding="utf-8"))
        for language in ("nl", "en")
        for file in sorted((root / language).iterdir(), key=lambda file: file.name)
        if file.name.endswith(".json")
    )


def named_for(value: Any, plugin: str) -> Any:
    """The JSON value with PostgreSQL's plug-in called `plugin`: its name differs between Grafanas."""
    if isinstance(value, dict):
        return {
            key: plugin if key == "type" and item == LONG_NAME else named_for(item, plugin)
            for key, item in value.items()
        }
    if isinstance(value, list):
        return [named_for(item, plugin) for item in value]
    return value


def password_fingerprint(password: SecretStr | None, token: SecretStr) -> str:
    """Tells whether Grafana was given this password, since it never gives one back.

    It lies in the datasource, where whoever may use Grafana can read it. So it is keyed with the token, which
    they do not know: without it nobody can try passwords against it.
    """
    if password is None:
        return ""
    secret = password.get_secret_value().encode()
    return hmac.new(token.get_secret_value().encode(), secret, hashlib.sha256).hexdigest()


def datasource_of(database_url: str) -> tuple[Json, SecretStr | None]:
    """Grafana's datasource of a DSN without the password, and the password.

    An encrypted connection is asked for unless the DSN says otherwise or stays on this machine: Grafana has
    no mode that takes what it can get, as PostgreSQL's own clients do.

    Raises:
        UserError: Grafana could not use this address.
    """
    try:
        parameters = conninfo_to_dict(database_url)
    except psycopg.ProgrammingError:  # its text may hold the password
        raise UserError(
            f"{PREFIX}GRAFANA_DATABASE_URL is no address of a database; must be "
            "postgresql://user:password@host:5432/database, other signs in it percent-encoded"
        ) from None
    host, database, user = (str(parameters.get(name) or "") for name in ("host", "dbname", "user"))
    if not (host and database and user) or "," in host or host.startswith("/"):
        raise UserError(
            f"{PREFIX}GRAFANA_DATABASE_URL must name a user, one host and a database, as Grafana reaches "
            "them: postgresql://user:password@host:5432/database"
        )
    mode = str(parameters.get("sslmode") or ("disable" if host in _LOOPBACK else "require"))
    if mode not in _SSL_MODES:
        raise UserError(
            f"{PREFIX}GRAFANA_DATABASE_URL: Grafana knows no sslmode {mode}; allowed: {', '.join(_SSL_MODES)}"
        )
    address = f"[{host}]" if ":" in host else host
    settings: Json = {
        "database": database,
        "sslmode": mode,
        "postgresVersion": 1500,
        "timescaledb": False,  # its macro is not needed, and a plain PostgreSQL has it not
        "maxOpenConns": 10,
        "maxIdleConns": 2,
        "connMaxLifetime": 14400,
    }
    if certificate := parameters.get("sslrootcert"):
        settings |= {"tlsConfigurationMethod": "file-path", "sslRootCertFile": certificate}
    datasource = {
        "uid": UID,
        "name": TITLE,
        "type": LONG_NAME,
        "access": "proxy",
        "url": f"{address}:{parameters.get('port') or 5432}",
        "user": user,
        "jsonData": settings | MANAGED,
    }
    password = parameters.get("password")
    return datasource, SecretStr(str(password)) if password else None
