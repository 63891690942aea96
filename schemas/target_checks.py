"""What does not go together in a target, said so that the coordinator who wrote the file can mend it."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping

from pydantic import ValidationError

from schemas.catalogue import UNITS, base_units
from schemas.problems import Problem, did_you_mean, problem_of, unknown
from schemas.targets import SHARES, TARGETS, Part, Target, TargetEntry, base_unit_of, complete

_OF_A_MILESTONE = ("due", "done_on", "who", "evidence")
_VOLUMES = ("ml", "ml_n")
_NOTHING_COMMON = "none: the parts have no unit in common"


def entry_problems(
    slug: str,
    entry: TargetEntry,
    base_year: int | None,
    teams: Mapping[str, object],
    sites: Mapping[str, object],
) -> list[Problem]:
    """What is wrong with one `[targets.SLUG]` of an organisation's file; fields are those of that table."""
    try:
        target = complete(slug, entry, base_year)
    except ValidationError as error:
        hint = None if slug in TARGETS else did_you_mean(slug, TARGETS)
        missing = [problem_of(item) for item in error.errors()]
        return [Problem(problem.field, problem.problem, problem.allowed, hint) for problem in missing]
    problems = list(contradictions(target))
    parts = {part.slug: part for part in target.parts + target.of}
    problems += [unknown(f"left_out.{part}", part, parts) for part in entry.left_out if part not in parts]
    for field, slug_of_it, known in (("team", target.team, teams), ("site", target.site, sites)):
        if slug_of_it is not None and slug_of_it not in known:
            problems.append(unknown(field, slug_of_it, known))
    return problems


def contradictions(target: Target) -> Iterator[Problem]:
    """What does not go together within a target; without any it can be judged, or lacks base or anchors."""
    yield from _scope(target)
    if target.kind == "milestone":
        yield from _milestone(target)
        return
    for check in (_not_a_milestone, _boundary, _unit, _path):
        yield from check(target)


def _milestone(target: Target) -> Iterator[Problem]:
    for field in ("parts", "of", "unit", "anchors", "base_year", "base_amount", "shape_years"):
        if getattr(target, field):
            yield Problem(field, "is not of a milestone, which is done or not", ", ".join(_OF_A_MILESTONE))
    if target.due is None:
        yield Problem("due", "is required: the day by which the milestone is to be reached")


def _not_a_milestone(target: Target) -> Iterator[Problem]:
    for field in _OF_A_MILESTONE:
        if getattr(target, field):
            yield Problem(
                field, f"is of a milestone; this is a {target.kind}", hint="use anchors for its years"
            )


def _scope(target: Target) -> Iterator[Problem]:
    if target.team is not None and target.site is not None:
        yield Problem("site", "a target is of a team or of a site, not of both", "team or site")
    if target.valid_from and target.valid_to and target.valid_from >= target.valid_to:
        yield Problem("valid_to", "is not after valid_from")
    if target.amber_from > target.red_from:
        yield Problem("red_from", f"{target.red_from} is below amber_from ({target.amber_from})")


def _boundary(target: Target) -> Iterator[Problem]:
    is_share = target.kind in SHARES
    if not target.parts:
        yield Problem("parts", "is required: what is counted", "a part of the catalogue or one of your own")
    if is_share and not target.of:
        yield Problem("of", "is required: a share is `parts` in % of these", "parts, as in `parts`")
    if target.of and not is_share:
        yield Problem("of", f"is of a share; this is a {target.kind}", ", ".join(SHARES))
    for field, parts in (("parts", target.parts), ("of", target.of)):
        slugs = Counter(part.slug for part in parts)
        yield from (Problem(field, f"holds {slug} twice") for slug, times in slugs.items() if times > 1)
        keys = Counter(key for part in parts for key in _counted([part]))
        yield from (
            Problem(field, f"counts {key[1]} twice", "each category in one part only")
            for key, times in keys.items()
            if times > 1
        )
        if parts and not _counted(parts):
            yield Problem("left_out", f"leaves out every part of {field}: nothing is counted")
    if is_share and target.of and not _counted(target.of) >= _counted(target.parts):
        yield Problem("of", "does not hold all that is in parts", hint="add the parts of `parts` to `of`")


def _unit(target: Target) -> Iterator[Problem]:
    bases = _bases(target.parts + target.of)
    if target.kind in SHARES:
        allowed = ["%"]
    elif target.measure == "co2e":
        allowed = ["kg CO2e"]
    else:
        allowed = [unit.symbol for unit in UNITS.values() if unit.base_unit in bases and not unit.as_read]
        allowed += ["piece"] * ("piece" in bases)
    if target.unit not in allowed:
        known = ", ".join(allowed) or _NOTHING_COMMON
        yield Problem("unit", f"{target.unit!r} does not fit what is counted", known)
        return
    if target.measure == "co2e":
        bases = frozenset([None])
    elif target.unit != "%":
        bases = frozenset([base_unit_of(target.unit)])
    if target.base_unit not in bases:
        named = ", ".join(sorted(base for base in bases if base)) or _NOTHING_COMMON
        yield Problem("base_unit", f"{target.base_unit!r} does not fit what is counted", named)
    if target.base_unit in _VOLUMES and len(_counted(target.parts + target.of)) > 1:
        yield Problem("parts", "adds up volumes of different carriers", "one carrier", 'or measure = "co2e"')


def _path(target: Target) -> Iterator[Problem]:
    years = [anchor.year for anchor in target.anchors]
    if years != sorted(set(years)):
        yield Problem(
            "anchors", f"{', '.join(map(str, years))} do not ascend", "each year once, the earliest first"
        )
    elif target.kind == "reduction_vs_base":
        yield from _reduction(target)
        return
    if target.kind in SHARES and any(anchor.value > 100 for anchor in target.anchors):
        yield Problem("anchors", "a share is at most 100 %", "0 to 100")
    for field in ("base_year", "base_amount"):
        if getattr(target, field) is not None and target.kind != "reduction_vs_base":
            yield Problem(field, f"is of a reduction_vs_base; this is a {target.kind}")


def _reduction(target: Target) -> Iterator[Problem]:
    if target.base_amount == 0:
        yield Problem("base_amount", "is zero: nothing can be less", "a number above 0")
    if target.base_year is None or not target.anchors:
        return
    first, final = target.anchors[0], target.anchors[-1].year
    if final <= target.base_year:
        yield Problem("anchors", f"end in {final}, not after the base year {target.base_year}")
    elif first.year < target.base_year:
        hint = f"name anchors that begin in {target.base_year} or later"
        yield Problem("anchors", f"begin in {first.year}, before the base year {target.base_year}", hint=hint)
    elif first.year == target.base_year and first.value != 100:
        yield Problem(
            "anchors", f"{first.value} in the base year", "100: the base year is the measure of the rest"
        )


def _counted(parts: Iterable[Part]) -> set[tuple[str, str, str]]:
    """(kind, category, flow) of the parts that are not left out."""
    return {
        (part.kind, category, part.flow)
        for part in parts
        if not part.left_out
        for category in part.categories
    }


def _bases(parts: Iterable[Part]) -> frozenset[str | None]:
    """The base units in which every one of the categories is counted."""
    each = [frozenset((*base_units(kind, category), "cent")) for kind, category, _ in _counted(parts)]
    return frozenset.intersection(*each) if each else frozenset()
