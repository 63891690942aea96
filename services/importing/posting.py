"""Posting with progress: what was refused is said as it comes, and what became of the rest is followed."""

import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from rich.console import Console
from rich.progress import (
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from schemas.problems import Problem, excerpt
from services.client import Door
from services.importing.event_files import EventText, Found, UnreadableText


@dataclass
class Posted:
    """What the door answered to all batches together."""

    accepted: int = 0
    refused: int = 0
    odd: int = 0
    receipts: list[str] = field(default_factory=list)


@dataclass
class Counted:
    """What became of the accepted events."""

    new: int = 0
    repeats: int = 0
    rejected: int = 0


def progress() -> Progress:
    """How far something is on stderr, and how much time is left; nothing where that is no terminal."""
    columns = (
        *(SpinnerColumn(), TextColumn("{task.description}"), MofNCompleteColumn()),
        *(TimeElapsedColumn(), TextColumn("gone,"), TimeRemainingColumn(), TextColumn("left")),
    )
    console = Console(stderr=True, highlight=False, markup=False, emoji=False)
    shown = sys.stderr.isatty()
    return Progress(*columns, console=console, transient=True, disable=not shown, refresh_per_second=2)


def post(door: Door, found: Iterable[Found], number: int | None = None) -> Posted:
    """Post every event that could be read; what is refused or looks odd goes to stderr with its place.

    `number`: how many there are, if that is known.
    """
    posted = Posted()
    with progress() as bar:
        task = bar.add_task("posting", total=number)

        def readable() -> Iterable[EventText]:
            for item in found:
                if isinstance(item, UnreadableText):
                    posted.refused += 1
                    bar.console.print(describe(item.place, item.problem), soft_wrap=True)
                else:
                    yield item

        for batch, answer in door.post_all(readable(), text=lambda event: event.text):
            posted.accepted += answer["accepted"]
            posted.refused += answer["rejected"]
            if answer.get("receipt"):
                posted.receipts.append(answer["receipt"])
            for event in answer["events"]:
                posted.odd += bool(event["flags"])
                for line in _remarks(batch[event["index"]].place, event):
                    bar.console.print(line, soft_wrap=True)
            bar.advance(task, len(batch))
    return posted


def wait_until_counted(door: Door, posted: Posted) -> Counted:
    """Wait for every receipt."""
    counted = Counted()
    with progress() as bar:
        for receipt in bar.track(posted.receipts, description="counting"):
            answer = door.wait(receipt)
            counted.new += answer["new"]
            counted.repeats += answer["repeats"]
            counted.rejected += answer["rejected"]
    return counted


def describe(place: str, problem: Problem) -> str:
    """A problem in one line: where, what is wrong, what is allowed, what to do."""
    field_name = f"{problem.field}: " if problem.field else ""
    allowed = f" Allowed: {_sentence(problem.allowed)}" if problem.allowed else ""
    hint = f" Hint: {_sentence(problem.hint)}" if problem.hint else ""
    return f"{place}: {field_name}{_sentence(problem.problem)}{allowed}{hint}"


def _sentence(text: str) -> str:
    return text if text.endswith((".", "?")) else f"{text}."


def _remarks(place: str, event: dict[str, Any]) -> Iterator[str]:
    name = f"{place}, id {excerpt(event['id'], 80)}" if event.get("id") is not None else place
    for error in event["errors"]:
        yield describe(name, Problem(**error))
    for flag in event["flags"]:
        yield f"{name}: {flag['field']} counts, but looks odd: {_sentence(flag['reason']['en'])}"
