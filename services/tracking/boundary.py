"""What a target counts, in its unit, and how each part of its boundary is covered."""

from collections.abc import Iterable, Iterator
from datetime import date
from fractions import Fraction

from schemas.catalogue import UNITS
from schemas.targets import Part, Target
from services.tracking import words_of_data
from services.tracking.completeness import Check, SourceCheck, check, ratio
from services.tracking.measured import Measured, Stream, stream_of, streams
from services.tracking.result import Coverage, Reason
from services.tracking.trajectory import Period

_HALF = Fraction(1, 2)


def counted(parts: Iterable[Part]) -> list[Part]:
    """The parts that are not left out."""
    return [part for part in parts if not part.left_out]


def all_parts(target: Target) -> list[Part]:
    """The parts of a target, of a share those of its denominator too, each once."""
    return list({part.slug: part for part in target.of + target.parts}.values())


def streams_of(parts: Iterable[Part]) -> list[Stream]:
    """The streams that are counted, each once."""
    return list(dict.fromkeys(stream for part in counted(parts) for stream in streams(part)))


def amount(target: Target, measured: Measured, stream: Stream, start: date, end: date) -> Fraction:
    """What a stream came to on the days [start, end), in the target's unit; of a share in base units.

    0 without a factor: that it lacks is said where the boundary is covered.
    """
    quantity = measured.quantity(stream, start, end)
    if target.measure == "co2e":
        factor = measured.factors.get((stream.kind, stream.category))
        return quantity * factor.kg_per_base_unit if factor else Fraction(0)
    return Fraction(quantity, UNITS[target.unit].per_unit if target.unit in UNITS else 1)


def check_boundary(target: Target, measured: Measured, period: Period, on: date, known_from: date) -> Check:
    """The sources of all that a target counts, on the days of a period before `on`."""
    parts = [streams(part) for part in counted(all_parts(target))]
    return check(measured.timelines, parts, period, on, known_from)


def cover(target: Target, part: Part, measured: Measured, checked: Check, start: date) -> Coverage:
    """How a part is covered on the days [start, checked.through)."""
    if part.left_out:
        return Coverage(part.slug, part.nl, part.en, "left-out", words_of_data.left_out(part))
    missing = next(_missing(target, part, measured, checked, start), None)
    if missing is not None:
        return Coverage(part.slug, part.nl, part.en, "missing", missing)
    whole = estimated = Fraction(0)
    for stream in streams(part):
        quantity = measured.quantity(stream, start, checked.through)
        if quantity:
            value = amount(target, measured, stream, start, checked.through)
            whole += value
            estimated += value * measured.estimated(stream, start, checked.through) / quantity
    if whole and estimated >= whole * _HALF:
        return Coverage(part.slug, part.nl, part.en, "estimated", words_of_data.mostly_estimated(part))
    return Coverage(part.slug, part.nl, part.en, "measured", None)


def _missing(target: Target, part: Part, measured: Measured, checked: Check, start: date) -> Iterator[Reason]:
    if not any(has_readings(source) for source in sources_of(part, checked)):
        yield words_of_data.part_missing(part, start.year)
    for stream in streams(part):
        if lacks_factor(target, measured, stream, start, checked.through):
            yield words_of_data.no_factor(stream)


def has_readings(source: SourceCheck) -> bool:
    """Whether a source has readings of the days checked, or some that are still to come."""
    return source.missing < source.expected or not source.expected or source.waits_from is not None


def lacks_factor(target: Target, measured: Measured, stream: Stream, start: date, end: date) -> bool:
    """Whether something was measured that cannot be counted in CO2e."""
    return (
        target.measure == "co2e"
        and (stream.kind, stream.category) not in measured.factors
        and measured.quantity(stream, start, end) > 0
    )


def sources_of(part: Part, checked: Check) -> list[SourceCheck]:
    """The sources of a part."""
    wanted = set(streams(part))
    return [source for source in checked.sources if stream_of(source.series) in wanted]


def too_incomplete(target: Target, part: Part, checked: Check) -> Fraction | None:
    """The completeness of a part when it is below what the target needs."""
    complete = ratio(sources_of(part, checked))
    return complete if complete is not None and complete < Fraction(target.min_completeness) else None
