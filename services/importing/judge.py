"""The door's own judgement of an event, made before it is posted."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from schemas.amounts import Amount
from schemas.calendar import Calendar, to_microseconds
from schemas.forms import Forms
from schemas.measurement import Measurement, Refused
from schemas.organisation import Meter, Organisation, Site, Team

_ONE = Amount(1, 0)
_SOME_TEAM = "the-token-s-team"


class Judge:
    """Measures events as the door does, but for an organisation that has every team, site and meter.

    What only the real organisation can refuse is refused by the door when the event is posted.
    """

    def __init__(self, time_zone: str, received: datetime | None = None) -> None:
        self._calendar = Calendar.of_zone(time_zone)
        self._received = to_microseconds(received or datetime.now(UTC))
        self._organisation = Organisation(time_zone=time_zone)
        self._known: set[tuple[object, ...]] = set()
        self._learn(_SOME_TEAM, {})

    def measure(self, event: Mapping[str, Any]) -> Measurement | Refused:
        """The measurement that the event is, or what is wrong with it."""
        data = event["data"]
        names = (event.get("team"), data.get("site"), data.get("meter"), data.get("carrier"))
        if names not in self._known:
            self._learn(event.get("team"), data)
            self._known.add(names)
        return self._forms.measure(event, self._received)

    def _learn(self, team: str | None, data: Mapping[str, Any]) -> None:
        """Let the organisation have what an event names."""
        organisation = self._organisation
        meters = dict(organisation.meters)
        if data.get("meter") is not None:
            meters[data["meter"]] = Meter.model_construct(carrier=str(data.get("carrier")), correction=_ONE)
        self._organisation = organisation.model_copy(
            update={
                "teams": {**organisation.teams, **({team: Team()} if team else {})},
                "sites": {**organisation.sites, **({data["site"]: Site()} if "site" in data else {})},
                "meters": meters,
            }
        )
        self._forms = Forms(self._organisation, self._calendar, default_team=_SOME_TEAM)
