"""Typed settings: the environment wins over `.env`, that over `groenmeter.toml`, that over the default.

Both files are read from the working directory. In the environment and in `.env` a setting is called
`GROENMETER_PORT`, in `groenmeter.toml` it is `port`. A secret may also be given as the path of a file that
holds it (`GROENMETER_TOKEN_FILE`, `token_file`). Unknown names and wrong values are all reported at once.
"""

import difflib
import os
import re
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Literal, NamedTuple, Self

from dotenv import dotenv_values
from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    PrivateAttr,
    SecretStr,
    ValidationError,
    model_validator,
)

from services import fail_points
from services.alerting.smtp_url import read_smtp_url
from services.errors import UserError

PREFIX = "GROENMETER_"
ENV_FILE = ".env"
TOML_FILE = "groenmeter.toml"
DEFAULT = "default"

ADDRESSES = r"^[^\s:,]+:\d{1,5}(,[^\s:,]+:\d{1,5})*$"
BrokerSecurity = Literal[
    "PLAINTEXT",
    "SSL",
    "SASL_PLAINTEXT:PLAIN",
    "SASL_PLAINTEXT:SCRAM-SHA-256",
    "SASL_PLAINTEXT:SCRAM-SHA-512",
    "SASL_SSL:PLAIN",
    "SASL_SSL:SCRAM-SHA-256",
    "SASL_SSL:SCRAM-SHA-512",
]


class SettingsError(UserError):
    """One or more settings are unknown or wrong; the text has a line for each of them."""


class SettingRow(NamedTuple):
    """One line of `groenmeter settings`: the variable, its value (secrets masked) and where it came from."""

    setting: str
    value: str
    origin: str


class _Given(NamedTuple):
    """A value as somebody wrote it down, the name they used for it, and where."""

    value: object
    name: str
    origin: str


def _existing_file(path: Path) -> Path:
    if not path.is_file():
        raise ValueError("there is no such file")
    return path


def _database_address(url: SecretStr) -> SecretStr:
    if not url.get_secret_value().startswith(("postgresql://", "postgres://")):
        raise ValueError("must be postgresql://user:password@host:port/database")
    return url


def _mail_server(url: SecretStr) -> SecretStr:
    read_smtp_url(url.get_secret_value())
    return url


AbsolutePath = Annotated[Path, AfterValidator(lambda path: path.expanduser().absolute())]
ExistingFile = Annotated[AbsolutePath, AfterValidator(_existing_file)]
Secret = Annotated[SecretStr, Field(min_length=1)]


class Settings(BaseModel):
    """Every setting of every process; the ones marked internal are passed on by the supervisor."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    home: AbsolutePath = Field(default=Path(".groenmeter"), validate_default=True)
    organisation: ExistingFile | None = None
    redactions: AbsolutePath | None = None
    host: str = Field(default="127.0.0.1", pattern=r"^\S+$")
    port: int | None = Field(default=None, ge=1, le=65535)
    broker: str | None = Field(default=None, pattern=ADDRESSES)
    broker_security: BrokerSecurity = "PLAINTEXT"
    broker_user: str | None = None
    broker_password: Secret | None = None
    broker_ca: ExistingFile | None = None
    database_url: Annotated[Secret, AfterValidator(_database_address)] | None = None
    workers: int = Field(default=1, ge=1, le=64)
    rejects_in_a_row: int = Field(default=10_000, ge=1)
    rejects_share: float = Field(default=0.5, gt=0, le=1)
    rejects_window: int = Field(default=20_000, ge=1)
    token: Secret | None = None
    public_url: str | None = Field(default=None, pattern=r"^https?://\S+$")
    smtp_url: Annotated[Secret, AfterValidator(_mail_server)] | None = None
    grafana_url: str | None = Field(default=None, pattern=r"^https?://[^\s@]+$")
    grafana_token: Secret | None = None
    grafana_database_url: Annotated[Secret, AfterValidator(_database_address)] | None = None
    spool: AbsolutePath | None = Field(default=None, json_schema_extra={"internal": True})
    ready_file: AbsolutePath | None = Field(default=None, json_schema_extra={"internal": True})
    worker_name: str = Field(default="processor-1", json_schema_extra={"internal": True})
    fail_point: Annotated[str, AfterValidator(fail_points.check)] | None = Field(
        default=None, json_schema_extra={"internal": True}
    )

    @property
    def redactions_file(self) -> Path:
        """Where what was erased is kept apart from the database: `redactions`, else in `home`."""
        return self.redactions or self.home / "redactions.jsonl"

    _origins: dict[str, str] = PrivateAttr(default_factory=dict)

    @model_validator(mode="after")
    def _broker_login_is_whole(self) -> Self:
        login = (self.broker_user, self.broker_password)
        if self.broker_security.startswith("SASL") and None in login:
            raise ValueError(
                f"{PREFIX}BROKER_SECURITY begins with SASL: BROKER_USER and BROKER_PASSWORD are needed"
            )
        if not self.broker_security.startswith("SASL") and login != (None, None):
            raise ValueError(f"{PREFIX}BROKER_SECURITY must begin with SASL when there is a user or password")
        if self.broker is None and self.broker_security != "PLAINTEXT":
            raise ValueError(f"{PREFIX}BROKER_SECURITY needs {PREFIX}BROKER, the address of the cluster")
        return self


_SECRETS = frozenset(
    name for name, field in Settings.model_fields.items() if "SecretStr" in str(field.annotation)
)
_LOGIN = re.compile(r"(?<=//)[^/]*@")  # of an address
_ALLOWED = {
    "broker": "host:port, or several with commas",
    "public_url": "an http:// or https:// address",
    "grafana_url": (
        "an http:// or https:// address without user and password, which end up in logs: make a service "
        f"account with the role Admin in Grafana and give its token as {PREFIX}GRAFANA_TOKEN"
    ),
}


def load_settings(environment: Mapping[str, str] | None = None, directory: Path | None = None) -> Settings:
    """Read the settings of this process.

    Args:
        environment: instead of the variables of this process.
        directory: instead of the working directory, for `.env` and `groenmeter.toml`.

    Raises:
        SettingsError: names every unknown or wrong setting.
    """
    problems: list[str] = []
    given: dict[str, _Given] = {}
    for layer in _layers(os.environ if environment is None else environment, directory or Path(), problems):
        given |= _read_layer(layer, problems)
    try:
        settings = Settings.model_validate({name: entry.value for name, entry in given.items()})
    except ValidationError as error:
        problems += _explain(error, given)
    if problems:
        raise SettingsError("\n".join(["These settings are not right:", *(f"  {line}" for line in problems)]))
    settings._origins.update({name: entry.origin for name, entry in given.items()})
    return settings


def describe(settings: Settings) -> list[SettingRow]:
    """Every setting with its value, secrets masked, and where the value came from."""
    rows = []
    for name, field in Settings.model_fields.items():
        internal = isinstance(field.json_schema_extra, dict) and field.json_schema_extra.get("internal")
        if internal and name not in settings._origins:
            continue
        value = getattr(settings, name)
        shown = "" if value is None else str(value)
        rows.append(SettingRow(PREFIX + name.upper(), shown, settings._origins.get(name, DEFAULT)))
    return rows


def as_environment(settings: Settings) -> dict[str, str]:
    """The variables that make a child process read exactly these settings, whatever its files say."""
    variables = {}
    for name in settings.model_fields_set:
        value = getattr(settings, name)
        if value is not None:
            text = value.get_secret_value() if isinstance(value, SecretStr) else str(value)
            variables[PREFIX + name.upper()] = text
    return variables


def _layers(
    environment: Mapping[str, str], directory: Path, problems: list[str]
) -> Iterator[dict[str, _Given]]:
    """The sources, weakest first; names are in lower case without the prefix."""
    toml_path = directory / TOML_FILE
    if toml_path.is_file():
        try:
            keys = tomllib.loads(toml_path.read_text(encoding="utf-8"))
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            problems.append(f"{TOML_FILE}: cannot be read as TOML: {error}")
        else:
            yield {key: _Given(value, key, TOML_FILE) for key, value in keys.items()}
    yield _variables(dotenv_values(directory / ENV_FILE, interpolate=False), ENV_FILE)
    yield _variables(environment, "environment")


def _variables(variables: Mapping[str, str | None], origin: str) -> dict[str, _Given]:
    """Our variables. An empty one counts as not set: Compose writes `NAME=` for what is left out."""
    return {
        name.removeprefix(PREFIX).lower(): _Given(value, name, origin)
        for name, value in variables.items()
        if name.startswith(PREFIX) and value
    }


def _read_layer(layer: dict[str, _Given], problems: list[str]) -> dict[str, _Given]:
    """The known settings of one source, the files of secrets read; what is wrong goes to `problems`."""
    known: dict[str, _Given] = {}
    for key, entry in layer.items():
        secret = key.removesuffix("_file")
        if key in Settings.model_fields:
            known[key] = entry
        elif key.endswith("_file") and secret in _SECRETS:
            if secret in layer:
                problems.append(f"{entry.name} ({entry.origin}): set it or {layer[secret].name}, not both")
            else:
                known |= _secret_from_file(secret, entry, problems)
        else:
            close = difflib.get_close_matches(key, Settings.model_fields, n=1)
            hint = f"; did you mean {_named_like(entry, close[0])}?" if close else ""
            problems.append(f"{entry.name} ({entry.origin}): unknown setting{hint}")
    return known


def _secret_from_file(secret: str, entry: _Given, problems: list[str]) -> dict[str, _Given]:
    """What the file holds. An empty one counts as not set: Compose mounts it for what is left out."""
    try:
        text = Path(str(entry.value)).expanduser().read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        problems.append(f"{entry.name} ({entry.origin}): cannot read {entry.value}: {error}")
        return {}
    return {secret: _Given(text, entry.name, f"{entry.origin}, file {entry.value}")} if text else {}


def _named_like(entry: _Given, key: str) -> str:
    return PREFIX + key.upper() if entry.name.startswith(PREFIX) else key


def _explain(error: ValidationError, given: dict[str, _Given]) -> list[str]:
    """One line for each wrong value; a secret is named but never shown."""
    lines = []
    for detail in error.errors(include_url=False):
        name = str(detail["loc"][0]) if detail["loc"] else ""
        if name not in given:
            lines.append(detail["msg"].removeprefix("Value error, "))
            continue
        entry = given[name]
        value = "" if name in _SECRETS else f" = {_LOGIN.sub('***@', repr(entry.value))}"
        allowed = _ALLOWED.get(name)
        message = f"must be {allowed}" if allowed else detail["msg"].removeprefix("Value error, ")
        lines.append(f"{entry.name} ({entry.origin}){value}: {message}")
    return lines
