"""`groenmeter rejects`: what was not counted, and the ways back: posting it again, or putting it aside."""

import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from schemas.json_text import Unreadable, read_json, write_json
from schemas.privacy import refuse_person
from schemas.problems import Refusal
from schemas.topics import Topic
from services.client import connect as open_door
from services.errors import UserError
from services.query import rejects as rejects_call
from services.query.console import AsJson, ask_database, cells, new_table, option, pairs_of, show
from services.query.pages import as_text
from services.settings import load_settings
from services.store.rejects import ReplayOutcome, dismiss, newest_alarms, replay_outcome

MOST_IN_REQUEST = 1000
COUNTED_SECONDS = 60.0
LONGEST_NOTE = 200

_BY = "command line"


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(rejects)


def rejects(
    numbers: Annotated[
        list[int] | None, typer.Argument(metavar="[NUMBER]...", help="Only these rejects.")
    ] = None,
    team: Annotated[str | None, option("team", rejects_call.PARAMETERS)] = None,
    since: Annotated[str | None, option("since", rejects_call.PARAMETERS)] = None,
    as_of: Annotated[str | None, option("as_of", rejects_call.PARAMETERS)] = None,
    integrator: Annotated[
        str | None, typer.Option("--integrator", help="Only what came on the topics of this integrator.")
    ] = None,
    everything: Annotated[
        bool, typer.Option("--all", help="Also what was posted again or put aside, with its history.")
    ] = False,
    replay: Annotated[
        bool, typer.Option("--replay", help="Post them again, to be judged by today's configuration.")
    ] = False,
    file: Annotated[
        Path | None,
        typer.Option(
            "--with", help="Replay one reject with the event of this JSON file in its place; - for stdin."
        ),
    ] = None,
    as_correction: Annotated[
        bool,
        typer.Option("--as-correction", help="Replay conflicts with the next revision of the measurement."),
    ] = False,
    dismissing: Annotated[
        str | None, typer.Option("--dismiss", metavar="WHY", help="Put them aside: they are not to count.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """What was not counted, and why; --replay has it judged again, with effect at most once."""
    if dismissing is not None and (replay or not (numbers or team or since or integrator)):
        raise typer.BadParameter(
            "--dismiss takes numbers of rejects, or --integrator, --team or --since; and no --replay"
        )
    if dismissing is not None and as_of is not None:
        raise typer.BadParameter("--dismiss is about what is open now: leave --as-of out")
    if (file is not None or as_correction) and not replay:
        raise typer.BadParameter("--with and --as-correction go with --replay")
    if file is not None and (numbers is None or len(numbers) != 1 or as_correction):
        raise typer.BadParameter("--with takes the number of one reject, and no --as-correction")
    pairs = pairs_of(team=team, since=since, as_of=as_of, state="all" if everything or numbers else None)
    answer = ask_database(
        lambda connection: rejects_call.rejects_answer(
            connection, pairs, unlimited=True, numbers=numbers or None
        )
    )
    if integrator is not None:
        answer["rows"] = [
            row for row in answer["rows"] if Topic.of_name(row["topic"]).integrator == integrator
        ]
    found = [row["reject"] for row in answer["rows"]]
    if missing := set(numbers or ()) - set(found):
        raise UserError(
            f"there is no reject {', '.join(map(str, sorted(missing)))}; `rejects --all` lists all"
        )
    if dismissing is not None:
        _dismiss(found, dismissing)
    elif replay:
        open_ = [row["reject"] for row in answer["rows"] if row["state"] == "open" or numbers]
        _replay(open_, None if file is None else _event(file), as_correction, as_json)
    else:
        _list(answer, everything or bool(numbers), as_json)


def _list(answer: dict[str, Any], with_history: bool, as_json: bool) -> None:
    columns = ["reject", "recorded_at", "team", "kind", "source", "id", "problems", "posted_by"]
    table = new_table(*columns, *(["what became of it"] if with_history else []))
    for row in answer["rows"]:
        problems = "; ".join(_problem(problem) for problem in row["problems"])
        history = [_history(row)] if with_history else []
        table.add_row(*cells(*[(row | {"problems": problems})[name] for name in columns], *history))
    show(answer, table, as_json)
    for alarm in ask_database(newest_alarms):
        typer.echo(
            f"ALARM of {as_text(alarm['raised_at'])}: {alarm['topic']}/{alarm['partition']}: {alarm['why']}: "
            "stop whoever writes there, mend, and replay",
            err=True,
        )


def _problem(problem: dict[str, str | None]) -> str:
    text = f"{problem['field']}: {problem['problem']}" if problem["field"] else str(problem["problem"])
    return f"{text} ({problem['hint']})" if problem["hint"] else text


def _history(row: dict[str, Any]) -> str:
    if row["dismissed"]:
        return f"put aside {row['dismissed']['at']} by {row['dismissed']['by']}: {row['dismissed']['note']}"
    if replay := row["replay"]:
        how = "corrected" if replay["corrected"] else "as it came"
        counts = f"{replay['new']} new, {replay['repeats']} repeats, {replay['rejected']} refused"
        again = "".join(f", now reject {number}" for number in replay["rejects"])
        return f"replayed {how} {row['replayed_at']} by {replay['posted_by']}: {counts}{again}"
    before = f"was reject {row['replay_of']}; " if row["replay_of"] else ""
    return before + ("replayed" if row["state"] == "replayed" else "not counted")


def _event(file: Path) -> Any:
    """The event in a file, `-` for standard input."""
    try:
        body = sys.stdin.buffer.read() if str(file) == "-" else file.read_bytes()
        event = read_json(body)
    except OSError as error:
        raise UserError(f"{file} cannot be read: {error.strerror}") from None
    except Unreadable as error:
        raise UserError(f"{file} cannot be read: {error}") from None
    if not isinstance(event, dict | list):
        raise UserError(f"{file} holds neither an event nor an array of them")
    return event


def _dismiss(numbers: Sequence[int], note: str) -> None:
    if not 0 < len(note.strip()) <= LONGEST_NOTE:
        raise UserError(f"--dismiss needs a reason of at most {LONGEST_NOTE} characters")
    try:
        refuse_person(note)
    except Refusal as refusal:
        raise UserError(f"--dismiss: the reason {refusal.problem}: {refusal.hint}") from None
    done = ask_database(lambda connection: dismiss(connection, numbers, _BY, note.strip()))
    typer.echo(f"{len(done)} of {len(numbers)} put aside; `groenmeter rejects --all` still lists them")


def _replay(numbers: Sequence[int], event: Any, as_correction: bool, as_json: bool) -> None:
    rows: list[dict[str, Any]] = []
    with open_door(load_settings().model_copy(update={"token": None})) as door:
        wish: dict[str, Any] = {"as_correction": as_correction} if event is None else {"event": event}
        for first in range(0, len(numbers), MOST_IN_REQUEST):
            part = numbers[first : first + MOST_IN_REQUEST]
            rows += door.replay([{"reject": number} | wish for number in part])
    sent = [row["reject"] for row in rows if row["outcome"] in ("posted", "under-way")]
    outcome = _wait(sent)
    if as_json:
        typer.echo(write_json({"rows": rows, "outcome": outcome._asdict()}))
        return
    refused = [row for row in rows if row["outcome"] == "refused"]
    before = sum(row["outcome"] == "closed" for row in rows)
    typer.echo(
        f"{len(sent)} of {len(numbers)} posted again: {outcome.added} new, {outcome.repeats} repeats, "
        f"{outcome.rejected} refused behind the door; {len(refused)} not posted"
        + (f"; {before} were replayed before" if before else "")
        + (f"; {outcome.waiting} are not counted yet: ask again later" if outcome.waiting else "")
    )
    for row in refused:
        typer.echo(f"{row['reject']}: {'; '.join(_problem(error) for error in row['errors'])}")


def _wait(numbers: Sequence[int]) -> ReplayOutcome:
    """What became of replays once they are counted, or after a minute."""
    deadline = time.monotonic() + COUNTED_SECONDS
    pause = 0.05
    while True:
        outcome = ask_database(lambda connection: replay_outcome(connection, numbers))
        if not outcome.waiting or time.monotonic() > deadline:
            return outcome
        time.sleep(pause)
        pause = min(pause * 1.5, 1)
