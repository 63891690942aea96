"""What whoever asks for an explanation may see of it."""

from dataclasses import dataclass

from services.store.tokens import Token


@dataclass(frozen=True)
class Sight:
    """`own_team`: the only team whose readings may be seen, None for all. `people`: free texts, posters."""

    own_team: str | None = None
    people: bool = True

    @classmethod
    def of(cls, token: Token) -> "Sight":
        """A team's token: its own team; a steward's: everything; a viewer's: no free text, nor who posted."""
        return cls(token.own_team, token.sort != "viewer")


class NotYours(Exception):
    """An explanation that the token may not read; the message says which it may."""
