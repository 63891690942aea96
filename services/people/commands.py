"""`groenmeter redact`, `retention`, `audit`."""

import sys
from typing import Annotated, Any

import psycopg
import typer

from schemas.catalogue import KINDS
from schemas.json_text import write_json
from schemas.redaction import TEXT_FIELDS
from services.errors import UserError
from services.intake.receipts import read as read_receipt
from services.operator import operator_dsn
from services.people.remains import remains
from services.query import audit as audit_call
from services.query.console import AsJson, ask_database, cells, new_table, option, pairs_of, print_table, show
from services.query.pages import as_text
from services.settings import load_settings
from services.store.connection import connect
from services.store.receipts import receipt_key
from services.store.redactions import Applied, Found, Wanted, find
from services.store.redactions import redact as erase
from services.store.rejects import PAYLOAD_KEPT
from services.store.retention import Forgotten, forget_payloads, read_forgotten

SHORTEST_SEARCH = 3


def register(app: typer.Typer) -> None:
    """Add the commands about people's data."""
    app.command()(redact)
    app.command()(retention)
    app.command()(audit)


def redact(
    team: Annotated[str | None, typer.Option("--team", help="Only of this team.")] = None,
    kind: Annotated[
        str | None, typer.Option("--kind", help=f"Only of this kind: {', '.join(KINDS)}.")
    ] = None,
    source: Annotated[str | None, typer.Option("--source", help="Of this source.")] = None,
    id_: Annotated[str | None, typer.Option("--id", help="Of measurements with this id.")] = None,
    revision: Annotated[int | None, typer.Option("--revision", help="Only of this revision.")] = None,
    receipt: Annotated[
        str | None, typer.Option("--receipt", help="What was posted with this receipt.")
    ] = None,
    rejects: Annotated[
        list[int] | None, typer.Option("--reject", help="The reject of this number; may be given again.")
    ] = None,
    search: Annotated[
        str | None,
        typer.Option(
            "--search", help="Every text that holds this one; - reads it from stdin, out of the history."
        ),
    ] = None,
    fields: Annotated[
        list[str] | None, typer.Option("--field", help=f"Only these: {', '.join(TEXT_FIELDS)}.")
    ] = None,
    whole: Annotated[bool, typer.Option("--whole", help="Of rejects all that was posted.")] = False,
    why: Annotated[
        str, typer.Option("--why", help="For the audit log, like a number of a request; no names.")
    ] = "",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show what would be erased.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="As a JSON object.")] = False,
) -> None:
    """Erase free text for good: from the ledger, the rejects and the spool. Amounts stay, and a mark."""
    settings = load_settings()
    dsn = operator_dsn(settings)
    wanted = Wanted(
        team=team,
        kind=_one_of("--kind", kind, KINDS),
        source=source,
        id=id_,
        revision=revision,
        receipt=None if receipt is None else _receipt_id(receipt),
        rejects=tuple(rejects or ()),
        search=_searched(search),
        fields=frozenset(_one_of("--field", name, TEXT_FIELDS) or "" for name in fields or ()),
        whole=whole,
    )
    if not (wanted.source or wanted.id or wanted.receipt or wanted.rejects or wanted.search):
        raise typer.BadParameter("name what to erase: --id, --source, --receipt, --reject or --search")
    with connect(dsn) as connection:
        found = find(connection, wanted)
    if dry_run or not (found.texts or found.rejects):
        _show(found, None, [], as_json)
        return
    if not as_json:
        _list(found)
    if not yes:
        if as_json or search == "-" or not sys.stdin.isatty():
            raise UserError("nothing was erased: look with --dry-run, then give --yes")
        typer.confirm("Erase this for good?", abort=True)
    found, applied = erase(dsn, wanted, why, settings.redactions_file)
    _show(found, applied, remains(settings, dsn), as_json)


def retention(
    plan: Annotated[bool, typer.Option("--plan", help="Only show it; forget nothing now.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="As a JSON object.")] = False,
) -> None:
    """What is kept for how long, and how far forgetting came; forgets what is due, which happens daily."""
    settings = load_settings()

    async def ask(connection: psycopg.AsyncConnection) -> tuple[int | None, Forgotten]:
        number = None if plan else await forget_payloads(connection)
        return number, await read_forgotten(connection)

    number, forgotten = ask_database(ask)
    rows = [
        {
            "what": "payloads of rejects",
            "kept": f"{PAYLOAD_KEPT.days} days",
            "by": "the tracker, daily",
            "state": f"forgotten up to {as_text(forgotten.until)}; {forgotten.due} are due",
        },
        {
            "what": "records on the topics",
            "kept": "30 days",
            "by": "the broker",
            "state": "until it begins a new log" if settings.broker is None else "retention.ms of each topic",
        },
        {
            "what": "counted records in the spool",
            "kept": "7 days",
            "by": "the door",
            "state": "only with the embedded broker" if settings.broker else "open and closed records",
        },
        {"what": "ledger, totals, receipts, audit", "kept": "for ever", "by": "", "state": ""},
        {"what": "free text", "kept": "until it is erased", "by": "groenmeter redact", "state": ""},
    ]
    if as_json:
        forgotten_now = {"forgotten_now": number, "due": forgotten.due, "until": as_text(forgotten.until)}
        typer.echo(write_json({"rows": rows, **forgotten_now}))
        return
    table = new_table("what", "kept", "by", "state")
    for row in rows:
        table.add_row(*cells(*row.values()))
    print_table(table)
    if number is not None:
        typer.echo(f"forgot the payloads of {number} rejects", err=True)


def audit(
    since: Annotated[str | None, option("since", audit_call.PARAMETERS)] = None,
    about: Annotated[str | None, option("about", audit_call.PARAMETERS)] = None,
    subject: Annotated[str | None, option("subject", audit_call.PARAMETERS)] = None,
    as_json: AsJson = False,
) -> None:
    """Who changed tokens, targets, factors and configuration, published or erased, and how it was before."""
    pairs = pairs_of(since=since, about=about, subject=subject)
    answer = ask_database(lambda connection: audit_call.audit_answer(connection, pairs, unlimited=True))
    table = new_table("at", "by", "about", "subject", "before", "after")
    for row in answer["rows"]:
        texts = [None if row[name] is None else write_json(row[name]) for name in ("before", "after")]
        table.add_row(*cells(row["at"], row["by"], row["about"], row["subject"], *texts))
    show(answer, table, as_json)


def _show(found: Found, applied: Applied | None, left: list[str], as_json: bool) -> None:
    if as_json:
        typer.echo(write_json(_as_object(found, applied, left)))
    elif applied is None and not (found.texts or found.rejects):
        typer.echo("nothing was found to erase", err=True)
    elif applied is None:
        _list(found)
        typer.echo("nothing was erased", err=True)
    else:
        typer.echo(f"erased: {applied.texts} texts in the ledger, and from {applied.rejects} rejects")
        typer.echo("Amounts are as they were. What remains, and until when:")
        for line in left:
            typer.echo(f"- {line}")
    if not as_json and found.names:
        typer.echo(
            f"{found.names} measurements have it in their id or source: that is their name for ever. "
            "Retract them and post them anew under another.",
            err=True,
        )


def _list(found: Found) -> None:
    table = new_table("team", "kind", "source", "id", "revision", "what is erased")
    for text in found.texts:
        table.add_row(*cells(*text.identity, text.revision, ", ".join(text.texts)))
    for reject in found.rejects:
        what = "all that was posted" if reject.whole else ", ".join(reject.texts)
        names = reject.identity or (None, None, None, None)
        table.add_row(*cells(*names, None, f"{what} (reject {reject.reject_no})"))
    print_table(table)


def _as_object(found: Found, applied: Applied | None, left: list[str]) -> dict[str, Any]:
    """What was found, by name and never by text, and what was done."""
    return {
        "texts": [
            {**text.identity._asdict(), "revision": text.revision, "fields": list(text.texts)}
            for text in found.texts
        ],
        "rejects": [
            {
                "reject": reject.reject_no,
                **(
                    reject.identity._asdict()
                    if reject.identity
                    else dict.fromkeys(("team", "kind", "source", "id"))
                ),
                "fields": None if reject.whole else list(reject.texts),
            }
            for reject in found.rejects
        ],
        "names": found.names,
        "erased": None if applied is None else {"texts": applied.texts, "rejects": applied.rejects},
        "remains": left,
    }


def _one_of(option_name: str, value: str | None, allowed: Any) -> str | None:
    if value is not None and value not in allowed:
        raise typer.BadParameter(f"{value!r} is none of {', '.join(allowed)}", param_hint=option_name)
    return value


def _searched(text: str | None) -> str | None:
    if text is None:
        return None
    if text == "-" and sys.stdin.isatty():
        typer.echo("text to look for: ", err=True, nl=False)
    sought = sys.stdin.readline().strip() if text == "-" else text.strip()
    if len(sought) < SHORTEST_SEARCH:
        raise typer.BadParameter(f"needs {SHORTEST_SEARCH} characters at least", param_hint="--search")
    return sought


def _receipt_id(text: str) -> str:
    async def ask(connection: psycopg.AsyncConnection) -> str | None:
        receipt = read_receipt(await receipt_key(connection), text)
        return str(receipt.id) if receipt else None

    receipt_id = ask_database(ask)
    if receipt_id is None:
        raise UserError("this is no receipt of this installation: was it copied as a whole?")
    return receipt_id
