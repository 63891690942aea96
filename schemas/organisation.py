"""An organisation: its time zone, sites, teams, integrators and meters, as applied from its file."""

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    PlainSerializer,
    PlainValidator,
    ValidationError,
    WithJsonSchema,
)

from schemas.amounts import Amount, read_amount
from schemas.calendar import UnknownZone, pinned_zone
from schemas.catalogue import CARRIERS
from schemas.problems import Problem, Refusal, did_you_mean

SLUG = r"^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$"
SLUG_RULE = "1 to 63 lower-case letters, digits and hyphens, like verpleging-a4"
MAIN_SITE = "main"

Slug = Annotated[str, Field(pattern=SLUG)]


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

    def with_changes(self, changes: Mapping[str, Any]) -> "Organisation":
        """This organisation with what `changes` (in the shape of its file) names added or changed.

        What `changes` does not name stays. Raises `OrganisationError` with every problem at once.
        """
        document: dict[str, Any] = self.model_dump()
        for key, value in changes.items():
            if isinstance(value, Mapping) and isinstance(document.get(key), dict):
                document[key] = {
                    **document[key],
                    **{
                        slug: {**document[key].get(slug, {}), **entry}
                        if isinstance(entry, Mapping)
                        else entry
                        for slug, entry in value.items()
                    },
                }
            else:
                document[key] = value
        try:
            changed = Organisation.model_validate(document)
        except ValidationError as error:
            raise OrganisationError([_problem(item) for item in error.errors()]) from None
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
        return problems


class OrganisationError(ValueError):
    """An organisation's file that cannot be applied; `problems` names every field."""

    def __init__(self, problems: list[Problem]) -> None:
        self.problems = problems
        super().__init__("; ".join(f"{item.field}: {item.problem}" for item in problems))


def unknown(field: str, value: str, known: Mapping[str, object], longest: int = 20) -> Problem:
    """The problem of a value that is none of the known ones, with the nearest as a hint."""
    names = sorted(known)
    allowed = ", ".join(names[:longest]) + (
        f" and {len(names) - longest} more" if len(names) > longest else ""
    )
    return Problem(
        field,
        f"{value[:80]!r} is not known",
        allowed or "none yet",
        did_you_mean(value, names),
    )


def _problem(error: Any) -> Problem:
    field = ".".join(str(part) for part in error["loc"])
    cause = error.get("ctx", {}).get("error")
    if isinstance(cause, Refusal):
        return cause.at(field)
    if error["type"] == "extra_forbidden":
        return Problem(field, "is not a field of the organisation's file")
    if error["type"] == "string_pattern_mismatch" or field.endswith("[key]"):
        return Problem(field.removesuffix(".[key]"), f"{error['input']!r} is not a slug", SLUG_RULE)
    return Problem(field, error["msg"])
