"""Targets: what is to be reached, by when, counted how, and where that is written.

The catalogue (`schemas/catalogue/targets.toml`) holds the targets of the Green Deal Duurzame Zorg 3.0 that
the event kinds can measure. An organisation's file adds targets and changes fields of these; a target that
still lacks a base or anchors is listed and gets no verdict. Slugs are for ever. What does not go together is
said by `schemas/target_checks.py`.
"""

from collections.abc import Callable, Iterable, Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated, Any, Literal, get_args

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SerializeAsAny,
    StrictBool,
    StrictInt,
    ValidationInfo,
    ValidatorFunctionWrapHandler,
    WrapValidator,
    field_validator,
)

from schemas.amounts import read_amount
from schemas.catalogue import KINDS, UNITS, Certainty, Slug, base_units, category_names, load
from schemas.factors import Chain
from schemas.privacy import refuse_email
from schemas.problems import Refusal, unknown

if TYPE_CHECKING:
    from schemas.organisation import Organisation

TargetKind = Literal["reduction_vs_base", "share_max", "share_min", "absolute_max", "milestone"]
Theme = Literal["health", "knowledge", "co2", "circular", "medication"]
Flow = Literal["use", "feed-in", "generation"]

THEMES: tuple[Theme, ...] = get_args(Theme)
SHARES = ("share_max", "share_min")

_FILE = load("targets")


def _decimal(value: object) -> Decimal:
    if isinstance(value, Decimal):
        return value
    try:
        return Decimal(str(read_amount(value)))
    except Refusal as error:
        hint = "write what is left of 100: 70 for 30 % less" if str(value).startswith("-") else error.hint
        raise Refusal(error.problem, "a number from 0, like 70 or 0.05", hint) from None


def _day(value: object) -> date:
    if isinstance(value, str):
        try:
            return date.fromisoformat(value)
        except ValueError:
            pass
    if isinstance(value, date) and not isinstance(value, datetime):
        return value
    raise Refusal(f"{value!r} is not a date", "a date like 2026-12-31")


def _known(names: Mapping[str, object]) -> Callable[[str], str]:
    def check(value: str) -> str:
        if value not in names:
            problem = unknown("", value, names, longest=60)
            raise Refusal(problem.problem, problem.allowed, problem.hint)
        return value

    return check


def _about_things(text: str) -> str:
    refuse_email(text)
    return text


def _part(value: object, handler: ValidatorFunctionWrapHandler) -> Any:
    return _known(PARTS)(value) if isinstance(value, str) else handler(value)


Exact = Annotated[Decimal, BeforeValidator(_decimal)]
Ratio = Annotated[Decimal, BeforeValidator(_decimal), Field(le=1)]
Day = Annotated[date, BeforeValidator(_day)]
Year = Annotated[StrictInt, Field(ge=2000, le=2100)]
Count = Annotated[StrictInt, Field(ge=1, le=24)]
Things = Annotated[str, Field(max_length=200), AfterValidator(_about_things)]
Title = Annotated[str, Field(min_length=1, max_length=200)]


class _Entry(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Words(_Entry):
    """A sentence that people see, in Dutch and English."""

    nl: str = Field(default="", max_length=1000)
    en: str = Field(default="", max_length=1000)


class Part(_Entry):
    """One part of a boundary: the categories of a kind that are counted together.

    `flow` concerns energy only. `left_out`: why it is left out; then it is not counted and not missing.
    """

    slug: Slug
    nl: Title
    en: Title
    kind: Annotated[str, AfterValidator(_known(dict.fromkeys(KINDS)))]
    categories: tuple[str, ...] = Field(min_length=1)
    flow: Flow = "use"
    left_out: str | None = None

    @field_validator("categories")
    @classmethod
    def _of_the_kind(cls, categories: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
        if "kind" in info.data:
            for category in categories:
                _known(category_names(info.data["kind"]))(category)
        return categories

    @field_validator("flow")
    @classmethod
    def _of_energy(cls, flow: Flow, info: ValidationInfo) -> Flow:
        if flow != "use" and info.data.get("kind") != "energy":
            raise Refusal("only energy has a flow", "use")
        return flow


class Anchor(_Entry):
    """A point of the path: reduction: index with the base year = 100; share: %; absolute_max: in `unit`."""

    year: Year
    value: Exact


class _Fields(_Entry):
    measure: Literal["co2e", "quantity"] = "quantity"
    base_unit: str | None = None
    unit: str = ""
    boundary: Words = Words()
    team: Slug | None = None
    site: Slug | None = None
    base_year: Year | None = None
    base_amount: Exact | None = None
    shape_years: tuple[Year, ...] = ()
    anchors: tuple[Anchor, ...] = ()
    chain: Chain = "wtw"
    market: Literal["location", "market"] = "location"
    amber_from: Ratio = Decimal(0)
    red_from: Ratio = Decimal("0.05")
    enter_after: Count = 2
    leave_after: Count = 2
    leave_margin: Ratio = Decimal("0.02")
    min_completeness: Ratio = Decimal("0.95")
    source: str = Field(default="", max_length=500)
    certainty: Certainty = "unknown"
    note: str = Field(default="", max_length=1000)
    valid_from: Day | None = None
    valid_to: Day | None = None
    due: Day | None = None
    done_on: Day | None = None
    who: Things = ""
    evidence: Things = ""


class Target(_Fields):
    """One target, complete as it is judged.

    `unit`: what people see (`kg CO2e`, `kg`, `kWh`, `%`, `piece`, `EUR`); `base_unit`: the unit in which a
    quantity is counted (`J`, `mg`, `piece`, `cent` ...), None for CO2e and milestones. `parts`: what is
    counted, for a share its numerator; `of`: the denominator, which holds the numerator's categories again.
    `team` or `site`, both None for the whole organisation. `base_amount`: an amount in `unit` given by the
    organisation instead of a measured base year. `shape_years`: years whose mean seasonal shape the budget
    follows, the base year where there is none. `chain` and `market` concern CO2e only.

    Drift is a ratio, positive when behind: green up to `amber_from`, red above `red_from`. A worse band is
    told after `enter_after` complete month ends, left after `leave_after` of them below the threshold less
    `leave_margin`. Below `min_completeness` (ratio) there is no verdict. In force in [valid_from, valid_to).
    `due`, `done_on`, `who` (a role, no name), `evidence`: of a milestone only.
    """

    slug: Slug
    nl: Title
    en: Title
    theme: Theme
    kind: TargetKind
    parts: tuple[Part, ...] = ()
    of: tuple[Part, ...] = ()

    @property
    def scope(self) -> str:
        """`organisation`, `team/SLUG` or `site/SLUG`."""
        if self.team is not None:
            return f"team/{self.team}"
        return f"site/{self.site}" if self.site is not None else "organisation"

    @property
    def final_year(self) -> int | None:
        """The year of the last anchor, or in which a milestone is due; None while there is none."""
        if self.due is not None:
            return self.due.year
        return self.anchors[-1].year if self.anchors else None


class TargetEntry(_Fields):
    """What a file says of a target: a whole one, or only the fields that differ from the catalogue's.

    `parts` and `of`: slugs of `PARTS`, or whole parts. `left_out`: why a part is left out, by its slug; an
    empty text brings back a part that the catalogue leaves out. `enabled`: false hides the target.
    """

    nl: Title | None = None
    en: Title | None = None
    theme: Theme | None = None
    kind: TargetKind | None = None
    parts: tuple[Annotated[SerializeAsAny[Part], WrapValidator(_part)], ...] = ()
    of: tuple[Annotated[SerializeAsAny[Part], WrapValidator(_part)], ...] = ()
    left_out: dict[Slug, Annotated[str, Field(max_length=300)]] = Field(default_factory=dict)
    enabled: StrictBool = True

    def named(self) -> dict[str, Any]:
        """The fields that the file names, with their values."""
        return self.model_dump(exclude_unset=True)


def complete(slug: str, entry: TargetEntry, default_base_year: int | None = None) -> Target:
    """The target of a slug: what `entry` names, for the rest what the catalogue says.

    What follows from the rest is filled in: the base unit from the unit, 100 for the base year of a
    reduction, the boundary's words from its parts. Raises pydantic's `ValidationError` when something that
    every target has is missing.
    """
    of_catalogue = CATALOGUE.get(slug, TargetEntry())
    known, named = of_catalogue.named(), entry.named()
    fields = {**known, **named, "slug": slug}
    left_out = {**of_catalogue.left_out, **entry.left_out}
    for name in ("parts", "of"):
        fields[name] = [_spelt_out(part, left_out) for part in fields.get(name, ())]
    if fields.get("kind") == "reduction_vs_base":
        fields.setdefault("base_year", default_base_year)
        fields["anchors"] = _from_base_year(fields["base_year"], fields.get("anchors", ()))
    if fields.get("measure") != "co2e":
        fields.setdefault("base_unit", _base_unit(fields.get("unit", ""), fields["parts"]))
    counted = [part for part in fields["of"] or fields["parts"] if not part["left_out"]]
    words = {language: ", ".join(part[language] for part in counted) for language in ("nl", "en")}
    fields["boundary"] = {**words, **known.get("boundary", {}), **named.get("boundary", {})}
    return Target.model_validate({name: fields[name] for name in fields if name in Target.model_fields})


def targets_of(organisation: "Organisation") -> tuple[Target, ...]:
    """The catalogue's targets and the organisation's own that are not hidden, in the order of the themes."""
    entries = {**dict.fromkeys(CATALOGUE, TargetEntry()), **organisation.targets}
    return _by_theme(
        complete(slug, entry, organisation.base_year) for slug, entry in entries.items() if entry.enabled
    )


def base_unit_of(unit: str) -> str:
    """The base unit of a unit that people see (`piece` and `1` are their own)."""
    return UNITS[unit].base_unit if unit in UNITS else unit


def _spelt_out(part: str | Mapping[str, Any], left_out: Mapping[str, str]) -> dict[str, Any]:
    fields = PARTS[part].model_dump() if isinstance(part, str) else dict(part)
    return {**fields, "left_out": left_out.get(fields["slug"]) or None}


def _from_base_year(base_year: int | None, anchors: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    path = list(anchors)
    starts_later = base_year is not None and path and path[0]["year"] > base_year
    return [{"year": base_year, "value": Decimal(100)}, *path] if starts_later else path


def _base_unit(unit: str, parts: Iterable[Mapping[str, Any]]) -> str | None:
    """The base unit that a unit means; of a percentage the first one that its parts are counted in."""
    if unit != "%":
        return base_unit_of(unit) or None
    return next((base_units(part["kind"], part["categories"][0])[0] for part in parts), None)


def _by_theme(targets: Iterable[Target]) -> tuple[Target, ...]:
    return tuple(sorted(targets, key=lambda target: THEMES.index(target.theme)))


PARTS: Mapping[str, Part] = {slug: Part(slug=slug, **entry) for slug, entry in _FILE["part"].items()}
CATALOGUE: Mapping[str, TargetEntry] = {
    entry["slug"]: TargetEntry(**{name: entry[name] for name in entry if name != "slug"})
    for entry in _FILE["target"]
}
TARGETS: Mapping[str, Target] = {
    target.slug: target for target in _by_theme(complete(slug, TargetEntry()) for slug in CATALOGUE)
}
