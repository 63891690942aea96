"""Connections to the database, each with the least role that its user needs."""

import getpass
import os
import re
import typing

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.sql import SQL, Identifier, Literal

Role = typing.Literal["owner", "writer", "reader"]

_CONNECT_SECONDS = 5
_MEMBERSHIPS = """
SELECT role.rolname
FROM pg_auth_members
JOIN pg_roles AS role ON role.oid = roleid
JOIN pg_roles AS login ON login.oid = member
WHERE login.rolname = %s
"""


def with_role(dsn: str, role: Role) -> str:
    """The same DSN, acting as the given role; the login must be the owner or a member of the role.

    What is changed over it is in the audit log under the account that runs this process.
    """
    parameters = conninfo_to_dict(dsn)
    options = [str(parameters.get("options") or ""), "-c timezone=UTC", "-c client_min_messages=warning"]
    options.append(f"-c groenmeter.actor={_escaped(account())}")
    # The database refuses processors that do not know of meters with their own factors (0011_factors.sql).
    options.append("-c groenmeter.own_meters=kept")
    # And keeps the sums of months itself for those that do not (0017_reading.sql).
    options.append("-c groenmeter.months=kept")
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


def account() -> str:
    """The account of this machine that runs this process; of `sudo` the one that asked for it."""
    asked = os.environ.get("SUDO_USER")
    if asked:
        return asked
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container may run under a number without a name
        return f"account {os.getuid()}"


def _escaped(value: str) -> str:
    """A value in the words of libpq's `options`, where a space ends an option."""
    return re.sub(r"([\\\s])", r"\\\1", value)


def ensure_login(owner_dsn: str, login: str, password: str, role: Role) -> None:
    """A login with this password that is a member of the role and of no other.

    The password goes to the server as a hash: a statement may end up in its log.
    """
    with connect(owner_dsn) as connection, connection.transaction():
        name = Identifier(login)
        exists = connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", (login,)).fetchone()
        statement = "ALTER ROLE {} LOGIN PASSWORD {}" if exists else "CREATE ROLE {} LOGIN PASSWORD {}"
        hashed = connection.pgconn.encrypt_password(password.encode(), login.encode(), b"scram-sha-256")
        connection.execute(SQL(statement).format(name, Literal(hashed.decode())))
        for (other,) in connection.execute(_MEMBERSHIPS, (login,)).fetchall():
            connection.execute(SQL("REVOKE {} FROM {}").format(Identifier(other), name))
        connection.execute(SQL("GRANT {} TO {}").format(Identifier(f"groenmeter_{role}"), name))
