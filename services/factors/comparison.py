"""What a list of factors changes of what is known. Pure."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Literal

from schemas.factor_versions import FactorVersion, Period, RecordedFactor, Thing, periods
from services.factors.official_list import ListedRow

Sort = Literal["new", "same", "changed", "withdrawn", "older"]


@dataclass(frozen=True)
class Change:
    """What a row of the list means for one factor.

    `before`: what counts until now in the list's layer on these days. `older`: a later publication is known,
    so it changes nothing.
    """

    row: ListedRow
    sort: Sort
    version: FactorVersion
    before: tuple[FactorVersion, ...] = ()

    @property
    def is_recorded(self) -> bool:
        """Whether it has to be recorded."""
        return self.sort in ("new", "changed", "withdrawn")


def compare(rows: Iterable[ListedRow], recorded: Sequence[RecordedFactor]) -> list[Change]:
    """Every factor that the rows say beside what is known of it."""
    known: defaultdict[Thing, list[RecordedFactor]] = defaultdict(list)
    for item in recorded:
        known[item.version.thing].append(item)
    return [
        change
        for row in rows
        for version in row.versions
        for change in _changes(
            row, version, periods(known[version.thing], version.valid_from, version.valid_to)
        )
    ]


def _changes(row: ListedRow, version: FactorVersion, found: Sequence[Period]) -> Iterator[Change]:
    holding = [(period, item) for period in found if (item := period.version) is not None]
    if version.withdrawn:
        for period, item in holding:
            gone = replace(
                version,
                valid_from=period.start,
                valid_to=period.end,
                kg_co2e=item.kg_co2e,
                unit=item.unit,
            )
            yield Change(row, "older" if _is_older(version, [period]) else "withdrawn", gone, (item,))
        if not holding:
            yield Change(row, "same", version)
        return
    before = tuple(item for _, item in holding)
    if len(holding) == len(found) and all(item.says_the_same_as(version) for item in before):
        yield Change(row, "same", version, before)
    elif _is_older(version, found):
        yield Change(row, "older", version, before)
    else:
        yield Change(row, "changed" if before else "new", version, before)


def _is_older(version: FactorVersion, found: Sequence[Period]) -> bool:
    published = version.published or date.max
    return any(
        period.recorded is not None and (period.recorded.version.published or date.min) > published
        for period in found
    )
