"""What the stack must say by what was promised: the oracle's expectation in the shape of the answers."""

import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from tests.acceptance.poster import kind_of
from tests.oracle import Expected, Sum

TotalKey = tuple[str, str, str, str | None, str]

_BAD = re.compile(r"bad-\d+-\d+")


def totals_of(expected: Expected) -> dict[TotalKey, Sum]:
    """The days of the expectation, added up."""
    quantities, readings = Counter[TotalKey](), Counter[TotalKey]()
    for (leaf, _), part in expected.days.items():
        key = leaf.team, leaf.kind, leaf.category, leaf.flow, leaf.unit
        quantities[key] += part.quantity
        readings[key] += part.readings
    return {key: Sum(quantities[key], readings[key]) for key in readings}


def states_of(expected: Expected) -> dict[tuple[str, ...], dict[int, str]]:
    """What the ledger must say of every revision."""
    states: dict[tuple[str, ...], dict[int, str]] = {}
    for (identity, revision), row in expected.ledger.items():
        states.setdefault(identity, {})[revision] = "retracted" if row.retracted else "counted"
    for revisions in states.values():
        for revision in set(revisions) - {max(revisions)}:
            revisions[revision] = "superseded"
    return states


def conflicts_of(bodies: list[str], expected: Expected) -> set[tuple[str, ...]]:
    """The measurements of which other content came under a known revision."""
    conflicts = set()
    for body, outcome in zip(bodies, expected.outcomes, strict=True):
        if outcome == "conflict":
            event = json.loads(body)
            conflicts.add((event["team"], kind_of(event), event["source"], event["id"]))
    return conflicts


def is_conflict(reject: Mapping[str, Any]) -> bool:
    """Whether an event was refused for the other content that is in the ledger."""
    return [problem["field"] for problem in reject["problems"]] == ["revision"]


def bad_records(rejects: Iterable[Mapping[str, Any]]) -> Counter[str]:
    """How often each record that cannot be counted is among the rejects; all others are conflicts."""
    found = Counter[str]()
    for row in rejects:
        if not is_conflict(row):
            name = _BAD.search(f"{row['id']} {row['excerpt']}")
            assert name is not None, row
            found[name.group()] += 1
    return found


def differences(found: Mapping[Any, Any], expected: Mapping[Any, Any]) -> dict[Any, tuple[Any, Any]]:
    """What is found and what is expected, where that is not the same: nothing of thousands that agree."""
    return {
        key: (found.get(key), expected.get(key))
        for key in found.keys() | expected.keys()
        if found.get(key) != expected.get(key)
    }
