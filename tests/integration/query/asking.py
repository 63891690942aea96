"""Asking a database as the reading calls do, without HTTP."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterable
from decimal import Decimal
from typing import Any

from schemas.json_text import write_json
from services.query.parameters import InvalidParameters
from services.query.totals import totals_answer
from services.store.connection import connect_async
from tests.integration.store.recording import batch_of, record

Answering = Callable[..., Awaitable[dict[str, Any]]]


def ask(
    dsn: str, call: Answering = totals_answer, /, *, own_team: str | None = None, **parameters: str
) -> Any:
    """The answer as a client reads it, numbers without loss; `from_` is the parameter `from`."""
    pairs = [(name.rstrip("_"), value) for name, value in parameters.items()]
    options = {} if own_team is None else {"own_team": own_team}

    async def run() -> dict[str, Any]:
        async with await connect_async(dsn, "writer") as connection:
            return await call(connection, pairs, **options)

    return json.loads(write_json(asyncio.run(run())), parse_float=Decimal)


def problems(dsn: str, call: Answering = totals_answer, /, **parameters: str) -> dict[str, str]:
    """What is wrong with each parameter."""
    try:
        ask(dsn, call, **parameters)
    except InvalidParameters as invalid:
        return {problem.field: problem.problem for problem in invalid.problems}
    return {}


def pages(dsn: str, call: Answering = totals_answer, /, **parameters: str) -> list[Any]:
    """Every page of a list."""
    answers = [ask(dsn, call, **parameters)]
    while answers[-1]["cursor"]:
        answers.append(ask(dsn, call, **parameters | {"cursor": answers[-1]["cursor"]}))
    return answers


def count(dsn: str, *events: dict[str, Any]) -> None:
    """Record events in one batch."""
    asyncio.run(record(dsn, [batch_of([json.dumps(event) for event in events])]))


def event(kind: str, id_: str, data: dict[str, Any] | None = None, **attributes: Any) -> dict[str, Any]:
    """A CloudEvent of team ok-centrum, unless the attributes say otherwise."""
    posted = {"specversion": "1.0", "type": f"nl.groenmeter.{kind}.v1", "id": id_, "source": "/test"}
    return posted | {"team": "ok-centrum"} | attributes | ({} if data is None else {"data": data})


def columns(answer: Any, *names: str) -> list[tuple[Any, ...]]:
    """These fields of every row; `co2e.current` is a field too."""
    return [tuple(_field(row, name.split(".")) for name in names) for row in answer["rows"]]


def _field(row: Any, path: Iterable[str]) -> Any:
    for name in path:
        row = row[name]
    return row
