"""Bearer tokens: made, listed, revoked and recognised; only their hashes are kept."""

import hashlib
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal

import psycopg

from services.errors import UserError
from services.store.connection import connect

Sort = Literal["team", "steward", "viewer"]

ONE_YEAR = timedelta(days=365)
_PREFIX = "gm_"


@dataclass(frozen=True)
class Token:
    """A token without its secret. `teams`: those it posts for, None for all; a viewer's posts for none."""

    number: int
    name: str
    sort: Sort
    teams: frozenset[str] | None
    label: str
    created_at: datetime
    expires_at: datetime
    revoked_at: datetime | None

    def is_valid(self, now: datetime) -> bool:
        """Whether the token opens the door at this moment."""
        return self.revoked_at is None and now < self.expires_at

    @property
    def own_team(self) -> str | None:
        """The team of a team's token."""
        return next(iter(self.teams)) if self.sort == "team" and self.teams else None

    @property
    def may_post(self) -> bool:
        """Whether it may post at all."""
        return self.sort != "viewer"

    def may_read_team(self, team: str | None) -> bool:
        """Whether it may read the events, rejects and receipts of a team."""
        return self.sort == "steward" or (self.sort == "team" and team == self.own_team)


_COLUMNS = "token_no, name, sort, teams, label, created_at, expires_at, revoked_at"


def token_of_row(row: tuple) -> Token:  # type: ignore[type-arg]
    """The token of a row of the token table."""
    number, name, sort, teams, *rest = row
    return Token(number, name, sort, None if teams is None else frozenset(teams), *rest)


def hash_of(secret: str) -> bytes:
    """What is stored of a token: it has 256 random bits, so a plain hash cannot be guessed."""
    return hashlib.sha256(secret.encode()).digest()


def create_token(
    dsn: str, sort: Sort, teams: Sequence[str] | None = None, label: str = "", lifetime: timedelta = ONE_YEAR
) -> str:
    """Make a token and return its secret, which is shown once and kept nowhere. `dsn` is the owner's.

    Raises `UserError` for a team that is not there.
    """
    with connect(dsn) as connection:
        known = connection.execute(
            "SELECT document -> 'teams' FROM configuration ORDER BY version DESC LIMIT 1"
        ).fetchone()
        for team in teams or ():
            if known is None or team not in known[0]:
                raise UserError(f"team {team!r} is not known: add it first with `groenmeter team add {team}`")
        name = secrets.token_hex(4)
        secret = f"{_PREFIX}{name}_{secrets.token_urlsafe(32)}"
        connection.execute(
            "INSERT INTO token (name, hash, sort, teams, label, expires_at) VALUES (%s, %s, %s, %s, %s, %s)",
            (
                name,
                hash_of(secret),
                sort,
                None if teams is None else list(teams),
                label,
                datetime.now(UTC) + lifetime,
            ),
        )
        return secret


def list_tokens(dsn: str) -> list[Token]:
    """Every token there is or was, oldest first."""
    with connect(dsn) as connection:
        rows = connection.execute(f"SELECT {_COLUMNS} FROM token ORDER BY token_no")  # noqa: S608
        return [token_of_row(row) for row in rows]


def revoke_token(dsn: str, token: str) -> Token:
    """Revoke by the token's name or by the token itself. Raises `UserError` when there is none."""
    with connect(dsn) as connection:
        row = connection.execute(
            f"""
            UPDATE token SET revoked_at = coalesce(revoked_at, clock_timestamp())
            WHERE name = %s OR hash = %s RETURNING {_COLUMNS}
            """,  # noqa: S608
            (token, hash_of(token)),
        ).fetchone()
        if row is None:
            raise UserError("no such token: `groenmeter token list` shows their names")
        return token_of_row(row)


async def find_token(connection: psycopg.AsyncConnection, secret: str) -> tuple[Token | None, int]:
    """The token of a secret, None when unknown, and the number of the newest configuration, in one trip."""
    cursor = await connection.execute(
        f"""
        SELECT newest.version, {_COLUMNS}
        FROM (SELECT max(version) AS version FROM configuration) AS newest
        LEFT JOIN token ON token.hash = %s
        """,  # noqa: S608
        (hash_of(secret),),
    )
    row = await cursor.fetchone()
    if row is None or row[1] is None:
        return None, row[0] if row else 0
    return token_of_row(row[1:]), row[0]
