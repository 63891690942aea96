"""Connections to the database, each with the least role that its user needs."""

from typing import Literal

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo

Role = Literal["owner", "writer", "reader"]

_CONNECT_SECONDS = 5


def with_role(dsn: str, role: Role) -> str:
    """The same DSN, acting as the given role; the login must be the owner or a member of the role."""
    parameters = conninfo_to_dict(dsn)
    options = [str(parameters.get("options") or ""), "-c timezone=UTC", "-c client_min_messages=warning"]
    if role != "owner":
        options.append(f"-c role=groenmeter_{role}")
    return make_conninfo(
        dsn,
        options=" ".join(options).strip(),
        connect_timeout=parameters.get("connect_timeout") or _CONNECT_SECONDS,
        application_name=parameters.get("application_name") or f"groenmeter-{role}",
    )


def connect(dsn: str, role: Role = "owner") -> psycopg.Connection:
    """A blocking connection in autocommit mode, for the command line."""
    return psycopg.connect(with_role(dsn, role), autocommit=True)


async def connect_async(dsn: str, role: Role) -> psycopg.AsyncConnection:
    """A connection in autocommit mode for a service; a transaction is always explicit."""
    return await psycopg.AsyncConnection.connect(with_role(dsn, role), autocommit=True)


def ensure_login(owner_dsn: str, login: str, password: str, role: Role) -> None:
    """A login with this password that is a member of the role and of nothing else."""
    with connect(owner_dsn) as connection:
        exists = connection.execute("SELECT FROM pg_roles WHERE rolname = %s", (login,)).fetchone()
        name = psycopg.sql.Identifier(login)
        statement = "ALTER ROLE {} LOGIN PASSWORD {}" if exists else "CREATE ROLE {} LOGIN PASSWORD {}"
        connection.execute(psycopg.sql.SQL(statement).format(name, psycopg.sql.Literal(password)))
        connection.execute(
            psycopg.sql.SQL("GRANT {} TO {}").format(psycopg.sql.Identifier(f"groenmeter_{role}"), name)
        )
