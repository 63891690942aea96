"""Who asks: bearer tokens, looked up for every request so that a revocation holds at once."""

import time
from collections import OrderedDict
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Annotated

from fastapi import Request, Security
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from services.intake.configuration import ConfigurationKeeper
from services.intake.database import Database, Unreachable
from services.intake.problem_details import HttpProblem, TryAgain
from services.store.tokens import Token, find_token, hash_of

REMEMBERED_SECONDS = 300
MOST_REMEMBERED = 1000
LOOKUP_SECONDS = 3.0
MOST_IN_FLIGHT = 64

_bearer = HTTPBearer(
    auto_error=False, description="A token of `groenmeter token create`: a team's, a steward's or a viewer's."
)


class Tokens:
    """Recognises tokens; those seen in the last minutes also while the database is away."""

    def __init__(self, database: Database, configuration: ConfigurationKeeper) -> None:
        self._database = database
        self._configuration = configuration
        self._remembered: OrderedDict[bytes, tuple[float, Token]] = OrderedDict()
        self._in_flight: dict[int, int] = {}

    async def recognise(self, secret: str) -> Token:
        """The valid token of a secret; the configuration is as new as the token's reading afterwards.

        Raises `HttpProblem` 401 for any other, `TryAgain` when that cannot be told now.
        """
        key = hash_of(secret)
        try:
            token, version = await self._database.call(
                lambda connection: find_token(connection, secret), LOOKUP_SECONDS
            )
            await self._configuration.require(version)
        except Unreachable:
            token = self._recall(key)
        else:
            self._remembered.pop(key, None)
        if token is None:
            raise _unauthorised("the token is not known here; was it copied as a whole?")
        if token.revoked_at is not None:
            raise _unauthorised("the token was revoked; ask for a new one")
        if not token.is_valid(datetime.now(UTC)):
            raise _unauthorised(f"the token expired on {token.expires_at:%Y-%m-%d}; ask for a new one")
        self._remembered.setdefault(key, (time.monotonic(), token))
        if len(self._remembered) > MOST_REMEMBERED:
            self._remembered.popitem(last=False)
        return token

    def enter(self, token: Token) -> None:
        """Count a request in. Raises `TryAgain` (429) when the token has too many already."""
        if self._in_flight.get(token.number, 0) >= MOST_IN_FLIGHT:
            raise TryAgain(
                f"this token has {MOST_IN_FLIGHT} requests under way; send batches rather than many requests",
                HTTPStatus.TOO_MANY_REQUESTS,
            )
        self._in_flight[token.number] = self._in_flight.get(token.number, 0) + 1

    def leave(self, token: Token) -> None:
        """Count a request out."""
        self._in_flight[token.number] -= 1
        if not self._in_flight[token.number]:
            del self._in_flight[token.number]

    def _recall(self, key: bytes) -> Token:
        seen, token = self._remembered.get(key, (0.0, None))
        if token is None or time.monotonic() - seen > REMEMBERED_SECONDS:
            raise TryAgain("the database cannot be reached, so the token cannot be checked now")
        return token


async def authenticated(
    request: Request, credentials: Annotated[HTTPAuthorizationCredentials | None, Security(_bearer)]
) -> AsyncIterator[Token]:
    """The token of a request, as a dependency of every call that needs one; at most 64 at a time for each."""
    if credentials is None:
        raise _unauthorised("a token is needed: send the header `Authorization: Bearer TOKEN`")
    tokens: Tokens = request.app.state.door.tokens
    token = await tokens.recognise(credentials.credentials)
    tokens.enter(token)
    try:
        yield token
    finally:
        tokens.leave(token)


def _unauthorised(detail: str) -> HttpProblem:
    return HttpProblem(
        HTTPStatus.UNAUTHORIZED, detail, headers={"WWW-Authenticate": 'Bearer realm="groenmeter"'}
    )
