"""Compares a Grafana with what is wanted and lists the steps that make it so; nothing here writes by itself.

Ours is what has our uids (of dashboards: and lies in our folder or carries our tag) or, to be removed, a
dashboard in our folder with our tag and a uid that begins like ours. Everything else is somebody else's:
where it is in the way of ours we stop and say so. The whole Grafana is compared before the first step is
taken, and each step is whole in itself: after an interruption the next run does what is left.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Literal, NamedTuple, NoReturn

from pydantic import SecretStr

from services.errors import UserError
from services.provisioning.differences import MASK, Field, differences
from services.provisioning.port import RENAMED, Grafana, NotThere, Version
from services.provisioning.wanted import (
    FINGERPRINT,
    LONG_NAME,
    MANAGED,
    OURS,
    SHORT_NAME,
    TAG,
    TITLE,
    UID,
    Json,
    Wanted,
    named_for,
    password_fingerprint,
)

DATASOURCE = f"datasource {TITLE}"
VIEW = 1  # Grafana's number for looking without changing
ROLES = {"Viewer": VIEW, "Editor": VIEW}  # administrators may always change; a change by hand would not last

_LOGIN_REFUSED = re.compile(r"28P01|28000|authentication|password|SASL", re.IGNORECASE)
_NOT_COMPARED = frozenset({"id", "version"})  # of a dashboard: Grafana numbers it


class Step(NamedTuple):
    """One thing to do in Grafana: what it changes, field by field, and the call that does it."""

    action: Literal["create", "change", "remove"]
    what: str
    fields: tuple[Field, ...]
    do: Callable[[], None]


def plan(grafana: Grafana, version: Version, wanted: Wanted, with_alerts: bool | None) -> list[Step]:
    """What is to be done, in order.

    Args:
        grafana: is read, not written.
        version: of this Grafana.
        wanted: what it is to have.
        with_alerts: whether it is to have our alert rules; None: up to date where it has them.

    Raises:
        UserError: something that is not ours is in the way, or Grafana fails.
    """
    plugin = LONG_NAME if version >= RENAMED else SHORT_NAME
    datasource = named_for(wanted.datasource, plugin)
    boards = [named_for(board, plugin) for board in wanted.dashboards]
    try:
        folder = grafana.folder(UID)
    except NotThere:
        folder = None
    hits = grafana.dashboards_in(UID) if folder else []
    return [
        *_datasource_steps(grafana, datasource, wanted.password),
        *_folder_steps(grafana, folder, hits),
        *_dashboard_steps(grafana, boards, hits),
        *_alert_steps(grafana, named_for(wanted.alerts, plugin), with_alerts, there=bool(folder)),
    ]


def _datasource_steps(grafana: Grafana, datasource: Json, password: SecretStr | None) -> Iterator[Step]:
    secret = {"password": password.get_secret_value()} if password else {}
    settings = datasource["jsonData"] | {FINGERPRINT: password_fingerprint(password, grafana.token)}
    complete = datasource | {"jsonData": settings}
    others = [other for other in grafana.datasources() if other["uid"] != UID]
    try:
        present = grafana.datasource(UID)
    except NotThere:
        _refuse_names("datasource", [other["name"] for other in others])
        command = complete | {"secureJsonData": secret}
        shown = datasource | ({"password": MASK} if password else {})
        yield Step(
            "create", DATASOURCE, tuple(differences({}, shown)), partial(grafana.create_datasource, command)
        )
        return
    found_settings = present.get("jsonData") or {}
    if not MANAGED.items() <= found_settings.items():
        _stop(f'datasource "{present["name"]}"', "its uid is ours")
    of_file = present.get("readOnly")
    fields = tuple(
        Field("password", MASK, f"{MASK} (another one)") if FINGERPRINT in found.path else found
        for found in _changes(present, datasource if of_file else complete)
    )
    if not fields and _LOGIN_REFUSED.search(grafana.datasource_trouble(UID) or ""):
        fields = (Field("password", f"{MASK} (the database refuses it)", MASK),)
    if not fields:
        return
    if of_file:
        _stop_at_file(DATASOURCE)
    if datasource["name"] != present["name"]:
        _refuse_names("datasource", [other["name"] for other in others])
    command = present | complete | {"jsonData": found_settings | settings, "secureJsonData": secret}
    yield Step("change", DATASOURCE, fields, partial(grafana.update_datasource, UID, command))


def _folder_steps(grafana: Grafana, folder: Json | None, hits: list[Json]) -> Iterator[Step]:
    what = f"folder {TITLE}"
    if folder is None:
        _refuse_names("folder", [other["title"] for other in grafana.folders()])
        fields = differences({}, {"uid": UID, "title": TITLE})
        yield Step("create", what, tuple(fields), partial(grafana.create_folder, UID, TITLE))
    elif folder["title"] != TITLE:
        if not any(_is_ours(hit) for hit in hits):
            _stop(f'folder "{folder["title"]}"', "its uid is ours")
        _refuse_names("folder", [other["title"] for other in grafana.folders() if other["uid"] != UID])
        fields = differences({"title": folder["title"]}, {"title": TITLE})
        yield Step("change", what, tuple(fields), partial(grafana.rename_folder, UID, TITLE))
    items = grafana.folder_permissions(UID) if folder else []
    roles = {item["role"]: item["permission"] for item in _own(items) if item.get("role")}
    changed = tuple(differences(roles, ROLES, "permission", only_named=True))
    if changed:
        yield Step("change", f"permissions of the {what}", changed, partial(_set_permissions, grafana))


def _set_permissions(grafana: Grafana) -> None:
    """Give the roles ours. Grafana replaces all, so what people and teams were given goes with it again."""
    kept = [
        {name: item[name] for name in ("userId", "teamId", "role") if item.get(name)}
        | {"permission": item["permission"]}
        for item in _own(grafana.folder_permissions(UID))
        if item.get("role") not in (*ROLES, "Admin")
    ]
    ours = [{"role": role, "permission": permission} for role, permission in ROLES.items()]
    grafana.set_folder_permissions(UID, ours + kept)


def _own(items: Iterable[Json]) -> Iterator[Json]:
    """The permissions that were given in the folder itself."""
    return (item for item in items if not item.get("inherited"))


def _dashboard_steps(grafana: Grafana, boards: list[Json], hits: list[Json]) -> Iterator[Step]:
    uids = {board["uid"] for board in boards}
    gone = [hit for hit in hits if _is_ours(hit) and hit["uid"] not in uids]
    theirs = {hit["title"]: hit for hit in hits if hit["uid"] not in uids and hit not in gone}
    for hit in gone:  # first: Grafana takes no two dashboards of one title in a folder
        yield Step("remove", _named("dashboard", hit), (), partial(grafana.delete_dashboard, hit["uid"]))
    for board in boards:
        if board["title"] in theirs:
            _stop(_named("dashboard", theirs[board["title"]]), "its title in our folder is ours")
        yield from _dashboard_step(grafana, board)


def _dashboard_step(grafana: Grafana, board: Json) -> Iterator[Step]:
    what = _named("dashboard", board)
    command = {"folderUid": UID, "message": "groenmeter provision", "overwrite": False}
    try:
        found = grafana.dashboard(board["uid"])
    except NotThere:
        fields = differences({}, {"panels": len(board["panels"])})
        new = command | {"dashboard": board | {"id": None}}
        yield Step("create", what, tuple(fields), partial(grafana.save_dashboard, new))
        return
    present, meta = found["dashboard"], found["meta"]
    folder = meta.get("folderUid") or ""
    if folder != UID and TAG not in (present.get("tags") or []):
        _stop(_named("dashboard", present), "its uid is ours")
    changed = (
        *differences({"folder": folder}, {"folder": UID}),
        *differences(_comparable(present), _comparable(board)),  # a field that is not ours is a change too
    )
    if changed:
        if meta.get("provisioned"):
            _stop_at_file(what)
        # The version, and no `overwrite`: what somebody saves in between is refused, not overwritten.
        numbers = {"id": present.get("id"), "version": present.get("version")}
        save = command | {"dashboard": board | numbers}
        yield Step("change", what, changed, partial(grafana.save_dashboard, save))


def _comparable(board: Json) -> Json:
    known = {name: value for name, value in board.items() if name not in _NOT_COMPARED}
    comparable: Json = named_for(known, SHORT_NAME)
    return comparable


def _changes(present: Json, ours: Json) -> Iterator[Field]:
    """The fields of ours that are otherwise; both names of PostgreSQL's plug-in are one."""
    return differences(named_for(present, SHORT_NAME), named_for(ours, SHORT_NAME), only_named=True)


def _alert_steps(grafana: Grafana, group: Json, with_alerts: bool | None, *, there: bool) -> Iterator[Step]:
    try:
        present = grafana.rules() if there or with_alerts else []
    except NotThere:
        if with_alerts:
            raise UserError(
                f"{grafana.url} has unified alerting switched off: switch it on, or do without --with-alerts."
            ) from None
        present = []
    place = {"folderUID": UID, "ruleGroup": group["title"]}
    before = {
        rule["uid"]: rule
        for rule in present
        if place.items() <= rule.items() and rule["uid"].startswith(OURS)
    }
    after = {rule["uid"]: rule | place for rule in group["rules"]}
    if with_alerts is False or (with_alerts is None and not before):
        after = {}
    for rule in present:
        if rule["uid"] not in before and (
            rule["uid"] in after or (rule["folderUID"], rule["title"]) in _names(after.values())
        ):
            _stop(_named("alert rule", rule), "its uid or its title in our folder is ours")
    for uid, rule in before.items():
        if uid not in after:  # first: Grafana takes no two rules of one title in a folder
            yield Step("remove", _named("alert rule", rule), (), partial(grafana.delete_rule, uid))
    for uid, rule in after.items():
        what = _named("alert rule", rule)
        if uid not in before:
            shown = {name: rule[name] for name in ("for", "labels", "annotations")}
            yield Step("create", what, tuple(differences({}, shown)), partial(grafana.create_rule, rule))
        elif changed := tuple(_changes(before[uid], rule)):
            yield Step("change", what, changed, partial(grafana.update_rule, uid, rule))


def _names(rules: Iterable[Json]) -> set[tuple[str, str]]:
    return {(rule["folderUID"], rule["title"]) for rule in rules}


def _is_ours(hit: Json) -> bool:
    """Whether a search hit in our folder is a dashboard that we put there."""
    return TAG in (hit.get("tags") or []) and str(hit["uid"]).startswith(OURS)


def _named(kind: str, thing: Json) -> str:
    return f'{kind} "{thing["title"]}" ({thing["uid"]})'


def _refuse_names(kind: str, names: Iterable[str]) -> None:
    for name in names:
        if name.casefold() == TITLE.casefold():
            _stop(f'{kind} "{name}"', "its name is ours")


def _stop(what: str, why: str) -> NoReturn:
    raise UserError(
        f"The {what} in this Grafana was not put there by this command, but {why}. Nothing was changed. "
        "Rename, move or remove it, and run this again."
    )


def _stop_at_file(what: str) -> NoReturn:
    raise UserError(
        f"In this Grafana the {what} differs and comes from provisioning files, which it lets nobody change. "
        "Nothing was changed. Write the files anew with --export, or take them away and run this again."
    )
