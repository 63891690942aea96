"""Judging the events of a request: what is accepted, and everything that is wrong with the rest."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from schemas.json_text import contains_nul
from schemas.measurement import Measurement, Refused
from schemas.problems import Problem
from services.intake.body import Posted

LONGEST_TURN_SECONDS = 0.05

Measure = Callable[[object], Measurement | Refused]


@dataclass
class Judgement:
    """The accepted events with their raw JSON objects, and the contract's entry for every event."""

    accepted: list[tuple[Measurement, dict[str, Any]]] = field(default_factory=list)
    entries: list[dict[str, Any]] = field(default_factory=list)

    @property
    def rejected(self) -> int:
        """How many events were refused."""
        return len(self.entries) - len(self.accepted)


async def judge(posted: Posted, measure: Measure) -> Judgement:
    """Judge every event by `measure`; other requests get a turn in between."""
    judgement = Judgement()
    turn_ends = time.monotonic() + LONGEST_TURN_SECONDS
    for index, raw in enumerate(posted.events):
        verdict = measure(raw)
        problems = list(verdict.problems) if isinstance(verdict, Refused) else []
        if posted.header_problems:
            problems = _with_header_problems(problems, posted.header_problems)
        if posted.may_hold_nul:
            problems += _nul_problems(raw, problems)
        if not problems and isinstance(verdict, Measurement):
            judgement.accepted.append((verdict, raw))
        judgement.entries.append(
            {
                "index": index,
                "id": verdict.id,
                "source": verdict.source,
                "outcome": "rejected" if problems else "accepted",
                "errors": [problem.as_dict() for problem in problems],
                "flags": [],
            }
        )
        if time.monotonic() > turn_ends:
            await asyncio.sleep(0)
            turn_ends = time.monotonic() + LONGEST_TURN_SECONDS
    return judgement


def _with_header_problems(problems: list[Problem], header_problems: list[Problem]) -> list[Problem]:
    """What was wrong with a header says more than that its attribute is missing."""
    unread = {problem.field for problem in header_problems}
    return [problem for problem in problems if problem.field not in unread] + header_problems


def _nul_problems(raw: object, problems: list[Problem]) -> list[Problem]:
    """A problem for each attribute that holds a NUL and has none yet."""
    if not isinstance(raw, dict):
        return []
    named = {problem.field.partition(".")[0] for problem in problems}
    return [
        Problem(name.replace("\0", "\\u0000")[:80], "holds a NUL character", "any other character")
        for name, value in raw.items()
        if name not in named and contains_nul([name, value])
    ]
