"""Grafana's HTTP API as far as we use it, with every failure in words; nothing else here calls Grafana."""

import contextlib
import re
from collections.abc import Callable
from typing import Any, NoReturn, TypeVar
from urllib.parse import urlsplit

import niquests
from grafana_client.api import GrafanaApi
from grafana_client.client import GrafanaClientError, GrafanaException, GrafanaTimeoutError
from pydantic import SecretStr

from services.errors import UserError
from services.settings import PREFIX

Json = dict[str, Any]
Version = tuple[int, int, int]
Answer = TypeVar("Answer")

OLDEST: Version = (9, 4, 0)  # its API has all that we use, and it is the oldest that was tried
RENAMED: Version = (10, 2, 3)  # grafana/grafana#77444 gave the plug-in of PostgreSQL its longer name
MOST_HITS = 5000  # what one search answers at most
MOST_SAID = 500  # characters of what Grafana says

_TIMEOUT = (5.0, 30.0)
_LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
_PRINTABLE = re.compile(r"[\x21-\x7e]+")
_NEEDED = re.compile(r"Permissions? needed: (.+)")
_HOW_TO_GET_A_TOKEN = (
    "make a service account with the role Admin in Grafana (Administration, Service accounts), add a token, "
    f"and give it as {PREFIX}GRAFANA_TOKEN or, in a file, {PREFIX}GRAFANA_TOKEN_FILE"
)


class NotThere(Exception):
    """Grafana answers 404: it has no such thing."""


class Grafana:
    """One organisation of one Grafana, opened with the token of a service account.

    Every call raises `UserError` with what to do when Grafana cannot be reached, refuses, or is none.
    """

    def __init__(self, url: str, token: SecretStr) -> None:
        address = urlsplit(url)
        if address.username or address.password:
            raise UserError(
                "a user and password in Grafana's address are not taken, because addresses end up in logs: "
                f"leave them out and {_HOW_TO_GET_A_TOKEN}."
            )
        if address.scheme not in ("http", "https") or not address.hostname or address.query:
            raise UserError(f"{url} is no address of a Grafana: it must be like https://grafana.example")
        if not _PRINTABLE.fullmatch(token.get_secret_value()):
            raise UserError(
                "the token of Grafana holds spaces, line ends or letters that no token has: was it copied "
                "as a whole, and nothing else?"
            )
        self.url = url.rstrip("/")
        self.token = token
        self._secrets = {token.get_secret_value()}
        self._api = GrafanaApi.from_url(f"{self.url}/", token.get_secret_value(), timeout=_TIMEOUT)
        self._api.client.s.trust_env = address.hostname not in _LOOPBACK
        self._api.client.s.max_redirects = 0  # a redirected write would arrive as a read

    def version(self) -> Version:
        """The version of this Grafana; `UserError` when it is older than `OLDEST`, or no Grafana at all."""
        try:
            found = self._ask("look at it", self._api.health.check)
        except (NotThere, AttributeError):  # grafana-client takes the answer to be an object
            found = None
        text = str(found.get("version") or "") if isinstance(found, dict) else ""
        match = re.match(r"(\d+)\.(\d+)\.(\d+)", text)
        if not match:
            raise UserError(
                f"what answers at {self.url} does not look like Grafana. Is the address right, with the path "
                "that Grafana is served under?"
            )
        version = (int(match[1]), int(match[2]), int(match[3]))
        if version < OLDEST:
            oldest = ".".join(map(str, OLDEST[:2]))
            raise UserError(f"{self.url} is Grafana {text}: too old, at least {oldest} is needed.")
        return version

    def datasources(self) -> list[Json]:
        """All datasources, without their secrets."""
        return self._list("read datasources", self._api.datasource.list_datasources)

    def datasource(self, uid: str) -> Json:
        """One datasource in full; `NotThere` when there is none with this uid."""
        return self._object("read datasources", lambda: self._api.datasource.get_datasource_by_uid(uid))

    def create_datasource(self, datasource: Json) -> None:
        """Add a datasource."""
        self._secrets |= set(datasource["secureJsonData"].values())
        self._known("add a datasource", lambda: self._api.datasource.create_datasource(datasource))

    def update_datasource(self, uid: str, datasource: Json) -> None:
        """Replace a datasource; secrets that are not named stay."""
        self._secrets |= set(datasource["secureJsonData"].values())
        self._known(
            "change a datasource", lambda: self._api.datasource.update_datasource_by_uid(uid, datasource)
        )

    def datasource_trouble(self, uid: str) -> str | None:
        """Why Grafana cannot read the database behind a datasource, in its own words; `None` when it can."""
        try:
            answer = self._api.datasource.health(uid)
        except GrafanaClientError as error:
            answer = error.response if error.status_code == 400 else None
        except (GrafanaException, niquests.RequestException):
            answer = None
        if not isinstance(answer, dict) or str(answer.get("status")).upper() == "OK":
            return None  # this Grafana or token does not tell
        return self._masked(f"{answer.get('message')} {answer.get('details') or ''}".strip())

    def folder(self, uid: str) -> Json:
        """A folder; `NotThere` when there is none with this uid."""
        return self._object("read folders", lambda: self._api.folder.get_folder(uid))

    def folders(self) -> list[Json]:
        """The folders at the top."""
        return self._list("read folders", self._api.folder.get_all_folders)

    def create_folder(self, uid: str, title: str) -> None:
        """Add a folder at the top."""
        self._known("add a folder", lambda: self._api.folder.create_folder(title, uid=uid))

    def rename_folder(self, uid: str, title: str) -> None:
        """Give a folder another title."""
        self._known("rename a folder", lambda: self._api.folder.update_folder(uid, title, overwrite=True))

    def folder_permissions(self, uid: str) -> list[Json]:
        """Who may do what in a folder."""
        return self._list(
            "read the folder's permissions", lambda: self._api.folder.get_folder_permissions(uid)
        )

    def set_folder_permissions(self, uid: str, items: list[Json]) -> None:
        """Replace who may do what in a folder."""
        self._known(
            "set the folder's permissions", lambda: self._api.folder.update_folder_permissions(uid, items)
        )

    def dashboards_in(self, folder_uid: str) -> list[Json]:
        """The search hits (uid, title, tags) of the dashboards in a folder."""
        hits = self._list(
            "read dashboards",
            lambda: self._api.search.search_dashboards(
                type_="dash-db", folder_uids=folder_uid, limit=MOST_HITS
            ),
        )
        return [hit for hit in hits if hit.get("folderUid") == folder_uid]

    def dashboard(self, uid: str) -> Json:
        """A dashboard and its `meta`; `NotThere` when there is none with this uid."""
        return self._object("read dashboards", lambda: self._api.dashboard.get_dashboard(uid))

    def save_dashboard(self, command: Json) -> None:
        """Add or replace a dashboard."""
        self._known("save a dashboard", lambda: self._api.dashboard.update_dashboard(command))

    def delete_dashboard(self, uid: str) -> None:
        """Remove a dashboard, if it is there."""
        self._delete("remove a dashboard", lambda: self._api.dashboard.delete_dashboard(uid))

    def rules(self) -> list[Json]:
        """All alert rules of Grafana's own alerting; `NotThere` when that is switched off."""
        answer = self._ask("read alert rules", self._api.alertingprovisioning.get_alertrules_all)
        return answer if isinstance(answer, list) else self._not_understood("read alert rules")

    def create_rule(self, rule: Json) -> None:
        """Add an alert rule; Grafana lets nobody change it in its own pages."""
        self._known("add an alert rule", lambda: self._api.alertingprovisioning.create_alertrule(rule))

    def update_rule(self, uid: str, rule: Json) -> None:
        """Replace an alert rule."""
        self._known(
            "change an alert rule", lambda: self._api.alertingprovisioning.update_alertrule(uid, rule)
        )

    def delete_rule(self, uid: str) -> None:
        """Remove an alert rule, if it is there."""
        self._delete("remove an alert rule", lambda: self._api.alertingprovisioning.delete_alertrule(uid))

    def _list(self, what: str, call: Callable[[], Any]) -> list[Json]:
        answer = self._known(what, call)
        return answer if isinstance(answer, list) else self._not_understood(what)

    def _object(self, what: str, call: Callable[[], Any]) -> Json:
        answer = self._ask(what, call)
        return answer if isinstance(answer, dict) else self._not_understood(what)

    def _known(self, what: str, call: Callable[[], Answer]) -> Answer:
        """The answer to what Grafana must know of."""
        try:
            return self._ask(what, call)
        except NotThere:
            raise UserError(
                f"{self.url} knows no such thing when it is to {what}: somebody removed it just now. What "
                "was done stays; run it again."
            ) from None

    def _delete(self, what: str, call: Callable[[], object]) -> None:
        with contextlib.suppress(NotThere):
            self._ask(what, call)

    def _ask(self, what: str, call: Callable[[], Answer]) -> Answer:
        # `from None`: what lies behind may show headers or bodies with secrets in a traceback.
        try:
            return call()
        except GrafanaTimeoutError:
            raise UserError(f"Grafana at {self.url} does not answer in time. Is it up?") from None
        except GrafanaException as error:
            if error.status_code == 404:
                raise NotThere from None
            raise UserError(self._refusal(what, error)) from None
        except niquests.exceptions.TooManyRedirects:
            raise UserError(
                f"{self.url} sends its callers elsewhere: give the address that it sends them to "
                "(often https:// instead of http://, or a path behind the host)."
            ) from None
        except niquests.exceptions.SSLError as error:
            raise UserError(
                f"no trusted connection to {self.url}: {self._cause(error)}. Does it speak "
                "https, is its certificate valid, and does this machine trust the one who signed it?"
            ) from None
        except niquests.exceptions.JSONDecodeError:
            self._not_understood(what)
        except niquests.RequestException as error:
            raise UserError(
                f"Grafana at {self.url} cannot be reached: {self._cause(error)}. Is the address right, and "
                "is it up?"
            ) from None

    def _refusal(self, what: str, error: GrafanaException) -> str:
        """The words for an answer of 400 and above."""
        if error.status_code == 401:
            return (
                f"{self.url} does not know this token (401): it is wrong, expired or of another Grafana. "
                f"To get one, {_HOW_TO_GET_A_TOKEN}."
            )
        body = error.response if isinstance(error.response, dict) else {}
        said = self._masked(str(body.get("message") or error.message))
        if error.status_code == 403:
            needed = _NEEDED.search(said)
            right = f"the right {needed[1]}" if needed else "a right"
            return (
                f"this token may not {what} (403): it lacks {right}. Give its service account the role "
                f"Admin. Grafana said: {said}"
            )
        return f"{self.url} would not {what} ({error.status_code}): {said}"

    def _not_understood(self, what: str) -> NoReturn:
        raise UserError(
            f"{self.url} answers in a way that Grafana does not when asked to {what}. Is it Grafana, and is "
            "nothing in between that answers for it (a log-in page, a proxy)?"
        ) from None

    def _cause(self, error: BaseException) -> str:
        """The last words of a chain of exceptions: they name the reason, the rest repeats the address."""
        while error.__cause__ or error.__context__:
            error = error.__cause__ or error.__context__ or error
        return self._masked(str(error) or type(error).__name__)

    def _masked(self, text: str) -> str:
        """The text, cut short and without our secrets, should anything send them back."""
        for secret in self._secrets:
            text = text.replace(secret, "***")
        return text[:MOST_SAID]
