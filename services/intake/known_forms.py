"""The forms of what posters send: what a machine sends again and again is judged once."""

from collections import OrderedDict

from schemas.forms import Forms
from services.store.configuration import Configuration
from services.store.tokens import Token

MOST_FORMS = 10_000

_Scope = tuple[frozenset[str] | None, str | None]


class KnownForms:
    """Forms by what a poster may speak for, as long as the configuration stays the same.

    When there are too many, those of the scope that posted longest ago are forgotten.
    """

    def __init__(self) -> None:
        self._configuration: Configuration | None = None
        self._of_scope: OrderedDict[_Scope, Forms] = OrderedDict()

    @property
    def number(self) -> int:
        """How much is remembered: scopes and forms."""
        return sum(1 + forms.number for forms in self._of_scope.values())

    def of(self, poster: Token, configuration: Configuration) -> Forms:
        """The forms by which the events of this poster are judged."""
        if configuration is not self._configuration:
            self._configuration = configuration
            self._of_scope.clear()
        scope = poster.teams, poster.own_team
        forms = self._of_scope.get(scope)
        if forms is None:
            forms = Forms(configuration.current.organisation, configuration.calendar, *scope)
            self._of_scope[scope] = forms
        self._of_scope.move_to_end(scope)
        while len(self._of_scope) > 1 and self.number > MOST_FORMS:
            self._of_scope.popitem(last=False)
        return forms
