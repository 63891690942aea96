"""An organisation as its file says: its time zone, sites, teams, integrators, meters, targets and factors."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Annotated, Any

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    FieldSerializationInfo,
    PlainSerializer,
    PlainValidator,
    ValidationError,
    WithJsonSchema,
    field_serializer,
)

from schemas.amounts import Amount, read_amount
from schemas.calendar import UnknownZone, pinned_zone
from schemas.catalogue import CARRIERS, Slug
from schemas.own_factors import OwnFactor, factor_problems
from schemas.problems import Problem, Refusal, problem_of, unknown
from schemas.target_checks import entry_problems
from schemas.targets import TargetEntry, Year

MAIN_SITE = "main"


def _zone(value: object) -> str:
    try:
        return pinned_zone(str(value)).key or str(value)
    except UnknownZone as error:
        raise Refusal(str(error)) from None


def _carrier(value: object) -> str:
    if not isinstance(value, str) or value not in CARRIERS:
        raise Refusal(f"{value!r} is not in the catalogue", ", ".join(CARRIERS))
    return value


Decimals = Annotated[
    Amount,
    PlainValidator(lambda value: value if isinstance(value, Amount) else read_amount(value)),
    PlainSerializer(str),
    WithJsonSchema({"type": "string"}),
]


class _Entry(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Named(_Entry):
    """What people see: a Dutch and an English name, which may change; the slug never does."""

    nl: str = Field(default="", max_length=200)
    en: str = Field(default="", max_length=200)


class Site(Named):
    """A place of the organisation."""


class Team(Named):
    """A Green Team. `detail`: what it posts is by default also contained in another measurement."""

    detail: bool = False


class Integrator(Named):
    """A machine that writes to topics of its own, and the teams it may speak for."""

    teams: tuple[Slug, ...]


class Meter(Named):
    """A gas meter read in m3: `correction` turns its m3 into Nm3 (Nm3 = m3 x correction)."""

    carrier: Annotated[str, PlainValidator(_carrier), WithJsonSchema({"type": "string"})]
    correction: Decimals
    source: str = Field(default="", max_length=200)


class Organisation(_Entry):
    """One version of the configuration by which measurements are judged."""

    name: str = Field(default="", max_length=200)
    time_zone: Annotated[str, PlainValidator(_zone), WithJsonSchema({"type": "string"})] = "Europe/Amsterdam"
    main_site: Slug = MAIN_SITE
    sites: dict[Slug, Site] = Field(
        default_factory=lambda: {MAIN_SITE: Site(nl="Hoofdlocatie", en="Main site")}
    )
    teams: dict[Slug, Team] = Field(default_factory=dict)
    integrators: dict[Slug, Integrator] = Field(default_factory=dict)
    meters: dict[str, Meter] = Field(default_factory=dict)
    base_year: Year | None = None
    targets: dict[Slug, TargetEntry] = Field(default_factory=dict)
    factors: dict[Slug, OwnFactor] = Field(default_factory=dict)

    @field_serializer("targets")
    def _as_named(
        self, targets: dict[str, TargetEntry], info: FieldSerializationInfo
    ) -> dict[str, dict[str, Any]]:
        # Only what the file names is kept: the rest follows the catalogue, which may change.
        return {slug: entry.model_dump(mode=info.mode, exclude_unset=True) for slug, entry in targets.items()}

    def with_changes(self, changes: Mapping[str, Any]) -> "Organisation":
        """This organisation with what `changes` (in the shape of its file) names added or changed.

        What `changes` does not name stays. Raises `OrganisationError` with every problem at once.
        """
        document = _merged(self.model_dump(), changes, depth=3)
        try:
            changed = Organisation.model_validate(document)
        except ValidationError as error:
            raise OrganisationError(
                [problem_of(item, _fields_at(item["loc"])) for item in error.errors()]
            ) from None
        problems = list(changed.inconsistencies())
        if problems:
            raise OrganisationError(problems)
        return changed

    def inconsistencies(self) -> list[Problem]:
        """What refers to something that is not there."""
        problems = []
        if self.main_site not in self.sites:
            problems.append(Problem("main_site", f"{self.main_site!r} is not a site", ", ".join(self.sites)))
        for slug, integrator in self.integrators.items():
            problems += [
                unknown(f"integrators.{slug}.teams", team, self.teams)
                for team in integrator.teams
                if team not in self.teams
            ]
        for slug, entry in self.targets.items():
            problems += [
                replace(problem, field=f"targets.{slug}.{problem.field}")
                for problem in entry_problems(slug, entry, self.base_year, self.teams, self.sites)
            ]
        return problems + factor_problems(self.factors)


class OrganisationError(ValueError):
    """An organisation's file that cannot be applied; `problems` names every field."""

    def __init__(self, problems: list[Problem]) -> None:
        self.problems = problems
        super().__init__("; ".join(f"{item.field}: {item.problem}" for item in problems))


_TABLES: Mapping[str, type[BaseModel]] = {
    "sites": Site,
    "teams": Team,
    "integrators": Integrator,
    "meters": Meter,
    "targets": TargetEntry,
    "factors": OwnFactor,
}


def _fields_at(place: tuple[int | str, ...]) -> Iterable[str]:
    """The fields that the file may have at the place of an unknown one."""
    if len(place) == 1:
        return Organisation.model_fields
    return _TABLES[str(place[0])].model_fields if len(place) == 3 else ()


def _merged(document: Mapping[str, Any], changes: Mapping[str, Any], depth: int) -> dict[str, Any]:
    """The document with the changes, table by table down to `depth`; a list is replaced as a whole."""
    merged = dict(document)
    for key, value in changes.items():
        before = merged.get(key, {})
        both_tables = isinstance(value, Mapping) and isinstance(before, Mapping)
        merged[key] = _merged(before, value, depth - 1) if both_tables and depth else value
    return merged
