"""Waiting for a condition instead of sleeping."""

import time
from collections.abc import Callable
from typing import TypeVar

import pytest

Answer = TypeVar("Answer")

PAUSE_SECONDS = 0.02


def wait_until(
    condition: Callable[[], Answer], deadline_seconds: float, pause_seconds: float = PAUSE_SECONDS
) -> Answer:
    """The first answer of `condition` that counts as true; the test fails when none comes in time."""
    deadline = time.monotonic() + deadline_seconds
    while True:
        answer = condition()
        if answer:
            return answer
        if time.monotonic() > deadline:
            pytest.fail(f"not within {deadline_seconds} s; the last answer was {answer!r}", pytrace=True)
        time.sleep(pause_seconds)
