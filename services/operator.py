"""Where the commands of the person who runs this find the database and the broker."""

from services.errors import UserError
from services.local.stack import read_state
from services.settings import PREFIX, Settings


def with_broker(settings: Settings) -> Settings:
    """The settings with the broker of the stack in `home` where they name none themselves."""
    state = read_state(settings.home)
    broker = settings.broker or (state.broker if state else None)
    return settings.model_copy(update={"broker": broker})


def operator_dsn(settings: Settings) -> str:
    """The owner's address of the database: the one in the settings, else that of the stack in `home`.

    Raises `UserError` when there is neither.
    """
    if settings.database_url is not None:
        return settings.database_url.get_secret_value()
    state = read_state(settings.home)
    if state is None or state.owner_dsn is None or not state.is_running():
        raise UserError(
            f"no database: the stack in {settings.home} does not run. Start it with `groenmeter up`, "
            f"or set {PREFIX}HOME to where it runs or {PREFIX}DATABASE_URL to a database elsewhere."
        )
    return state.owner_dsn
