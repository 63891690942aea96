"""Files to totals through the whole stack, by its commands and its HTTP only."""

import csv
import datetime as dt
import json
import re
from collections import defaultdict
from collections.abc import Iterator
from decimal import ROUND_HALF_EVEN, Decimal
from pathlib import Path
from typing import Any
from urllib.parse import urlencode
from urllib.request import Request, urlopen
from zoneinfo import ZoneInfo

import pytest

from tests.kafka import KafkaCluster
from tests.stacks import Stack

SAMPLES = Path("services/importing/samples").absolute()
LOAD = Path("../shared/data/load_15min_nl.csv")
ZONE = ZoneInfo("Europe/Amsterdam")
HEADER = "Bonnummer;Regel;Datum;Locatie;Afvalstroom;Gewicht (kg);Aantal;Container\n"

needs_load = pytest.mark.skipif(not LOAD.exists(), reason=f"{LOAD} is not at hand")


@pytest.fixture(scope="module")
def stack(open_directory: Path, kafka: KafkaCluster | None) -> Iterator[Stack]:
    """One stack for all tests here; each has a team of its own."""
    stack = Stack(open_directory / "import-stack", kafka.settings if kafka else {})
    stack.up()
    yield stack
    stack.end()


@pytest.fixture
def team(stack: Stack, request: pytest.FixtureRequest) -> str:
    """A team of this test's."""
    slug = str(request.node.name).replace("_", "-").lower()[:60].strip("-")
    stack.run("team", "add", slug)
    return slug


@pytest.fixture
def token(stack: Stack, team: str) -> str:
    """A token of the team."""
    return stack.run("token", "create", team).strip()


def get(stack: Stack, token: str, path: str, **query: str) -> list[dict[str, Any]]:
    request = Request(f"{stack.api}{path}?{urlencode(query)}", headers={"Authorization": f"Bearer {token}"})  # noqa: S310
    with urlopen(request) as answer:  # noqa: S310
        rows: list[dict[str, Any]] = json.load(answer)["rows"]
        return rows


def kilograms(stack: Stack, token: str, team: str) -> dict[str, str]:
    """The team's waste in 2026 by stream."""
    year = {"from": "2026-01-01", "to": "2027-01-01"}
    rows = get(stack, token, "/v1/totals", kind="waste", by="category", team=team, **year)
    return {row["category"]: str(row["quantity"]) for row in rows}


def counts(output: str) -> dict[str, int]:
    """What is not zero in the summary that `import` prints."""
    names = ("new", "changed", "gone", "not understood", "unchanged", "left out")
    found = {}
    for name in names:
        line = next(line for line in output.splitlines() if line.startswith(f"{name}  "))
        found[name] = int(line.removeprefix(name).replace(",", ""))
    return {name: count for name, count in found.items() if count}


def waste_file(path: Path, rows: dict[str, str]) -> Path:
    """A collector's file: weight by ticket."""
    lines = [f"{ticket};1;02-03-2026;Hoofdgebouw;Restafval;{kg};;\n" for ticket, kg in rows.items()]
    path.write_text(HEADER + "".join(lines))
    return path


def test_a_file_from_first_import_to_retraction(stack: Stack, team: str, token: str, tmp_path: Path) -> None:
    path = tmp_path / "maart.csv"
    command = ("import", str(path), "--profile", "waste-collector", "--wait")

    waste_file(path, {"a": "1,5", "b": "2", "c": "4"})
    preview = stack.call(*command, "--dry-run", TOKEN=token)
    assert (preview.returncode, counts(preview.stdout)) == (0, {"new": 3})
    assert kilograms(stack, token, team) == {}

    first = stack.call(*command, TOKEN=token)
    assert first.returncode == 0, first.stderr
    assert kilograms(stack, token, team) == {"residual": "7.5"}

    again = stack.call(*command, "--retract-missing", TOKEN=token)
    assert counts(again.stdout) == {"unchanged": 3}
    assert kilograms(stack, token, team) == {"residual": "7.5"}

    waste_file(path, {"d": "8", "b": "3", "a": "1.500,0"})
    changed = stack.call(*command, TOKEN=token)
    assert counts(changed.stdout) == {"new": 1, "changed": 2, "gone": 1}
    assert re.search(r"b/1 +amount +2 kg +3 kg", changed.stdout)
    assert kilograms(stack, token, team) == {"residual": "1515"}

    retracted = stack.call(*command, "--retract-missing", TOKEN=token)
    assert counts(retracted.stdout) == {"gone": 1, "unchanged": 3}
    assert kilograms(stack, token, team) == {"residual": "1511"}

    waste_file(path, {"d": "8", "b": "3", "a": "1.500,0", "c": "4"})
    back = stack.call(*command, TOKEN=token)
    assert counts(back.stdout) == {"changed": 1, "unchanged": 3}
    assert re.search(r"c/1 +amount +retracted +4 kg", back.stdout)
    assert kilograms(stack, token, team) == {"residual": "1515"}
    events = get(stack, token, "/v1/events", id="c/1")
    assert [revision["revision"] for revision in events[0]["revisions"]] == [3, 2, 1]


def test_a_row_whose_text_was_erased_has_not_changed(
    stack: Stack, team: str, token: str, tmp_path: Path
) -> None:
    path = waste_file(tmp_path / "van Jan de Vries.csv", {"a": "1,5", "b": "2"})
    command = ("import", str(path), "--profile", "waste-collector", "--wait")
    assert stack.call(*command, TOKEN=token).returncode == 0
    stack.run("redact", "--team", team, "--search", "Jan de Vries", "--yes")

    again = stack.call(*command, TOKEN=token)
    assert counts(again.stdout) == {"unchanged": 2}
    waste_file(path, {"a": "1,5", "b": "3"})
    changed = stack.call(*command, TOKEN=token)
    assert counts(changed.stdout) == {"changed": 1, "unchanged": 1}
    assert kilograms(stack, token, team) == {"residual": "4.5"}
    assert "Jan de Vries" not in json.dumps(get(stack, token, "/v1/events"))


def test_the_same_rows_in_another_file_are_no_other_rows(stack: Stack, team: str, token: str) -> None:
    sheet, text = SAMPLES / "waste-collector-made-up.xlsx", SAMPLES / "waste-collector-made-up.csv"

    first = stack.call("import", str(sheet), "--profile", "waste-collector", "--wait", TOKEN=token)
    again = stack.call("import", str(text), "--profile", "waste-collector", "--retract-missing", TOKEN=token)

    assert counts(first.stdout) == {"new": 10, "left out": 6}
    assert counts(again.stdout) == {"unchanged": 10, "left out": 2}
    assert kilograms(stack, token, team)["glass"] == "144"


def test_a_row_that_is_not_understood_stops_no_other_but_retracts_nothing(
    stack: Stack, team: str, token: str, tmp_path: Path
) -> None:
    path = tmp_path / "maart.csv"
    command = ("import", str(path), "--profile", "waste-collector", "--wait", "--retract-missing")
    waste_file(path, {"a": "1", "b": "2", "c": "4"})
    stack.call(*command, TOKEN=token)
    waste_file(path, {"a": "1,5", "b": "2 kg"})

    result = stack.call(*command, TOKEN=token)

    assert result.returncode == 1
    assert counts(result.stdout) == {"changed": 1, "gone": 1, "not understood": 1}
    expected = "row 3: Gewicht (kg): '2 kg' is not a number. Allowed: a number like 1.250,5."
    assert expected in result.stdout
    assert "Nothing is retracted" in result.stderr
    assert kilograms(stack, token, team) == {"residual": "7.5"}


@needs_load
def test_every_local_day_of_a_real_meter_is_what_csv_and_decimal_say(
    stack: Stack, team: str, token: str
) -> None:
    expected: dict[tuple[str, str], int] = defaultdict(int)
    with LOAD.open(newline="") as file:
        for row in csv.DictReader(file):
            if row["load"]:
                joules = Decimal(row["load"]) * 900 * 10**6
                day = dt.datetime.fromisoformat(row["time_utc"]).astimezone(ZONE).date()
                whole = int(abs(joules).quantize(Decimal(1), ROUND_HALF_EVEN))
                expected[str(day), "feed-in" if joules < 0 else "use"] += whole
    command = ("import", str(LOAD.absolute()), "--profile", "quarter-hour-meter", "--wait")

    first = stack.call(*command, TOKEN=token)
    again = stack.call(*command, "--retract-missing", TOKEN=token)

    assert first.returncode == 0, first.stderr
    assert counts(first.stdout) == {"new": 11_327, "left out": 194}
    assert counts(again.stdout) == {"unchanged": 11_327, "left out": 194}
    period = {"from": "2020-10-01", "to": "2021-03-01", "bucket": "day"}
    rows = get(stack, token, "/v1/totals", kind="energy", flow="use,feed-in", team=team, **period)
    assert {(row["start"], row["flow"]): int(row["base_quantity"]) for row in rows} == expected


def test_the_operator_needs_no_token_but_a_team(stack: Stack, team: str) -> None:
    path = SAMPLES / "kitchen-scale-made-up.csv"
    command = ("import", str(path), "--profile", "kitchen-scale", "--wait")

    without = stack.call(*command)
    result = stack.call(*command, "--set", f"team={team}")

    assert (without.returncode, without.stderr.strip()[:14]) == (1, "name the team:")
    assert result.returncode == 0, result.stderr
    assert "8 new, 0 repeats, 0 not counted" in result.stdout
    tokens = [line for line in stack.run("token", "list").splitlines() if "command line" in line]
    assert tokens
    assert all("revoked" in line for line in tokens)


def test_what_is_refused_is_listed_by_file_and_line(
    stack: Stack, team: str, token: str, tmp_path: Path
) -> None:
    def event(name: str, **data: str) -> str:
        return json.dumps(
            {
                "specversion": "1.0",
                "id": name,
                "source": "/test",
                "type": "nl.groenmeter.waste.v1",
                "time": "2026-03-02T12:00:00+01:00",
                "data": {"stream": "paper", "unit": "kg", **data},
            }
        )

    path = tmp_path / "events.ndjson"
    path.write_text(
        f"{event('a', quantity='1')}\nno json\n{event('b', quantity='1.250,5')}\n{event('c', quantity='2')}\n"
    )

    result = stack.call("post", str(path), "--wait", TOKEN=token)
    again = stack.call("post", str(path), "--wait", TOKEN=token)

    assert result.returncode == 1
    assert "2 accepted, 2 refused\n2 new, 0 repeats, 0 not counted" in result.stdout
    assert f"{path} line 2: not JSON" in result.stderr
    assert f"{path} line 3, id 'b': data.quantity: '1.250,5'" in result.stderr
    assert "Hint: write 1250.5." in result.stderr
    assert "0 new, 2 repeats, 0 not counted" in again.stdout
    assert kilograms(stack, token, team) == {"paper": "3"}


def test_what_looks_odd_is_said_where_it_is_posted(stack: Stack, team: str, tmp_path: Path) -> None:
    events = [
        {
            "specversion": "1.0",
            "id": str(day),
            "source": "/scale",
            "type": "nl.groenmeter.waste.v1",
            "time": f"2026-03-{day:02}T12:00:00+01:00",
            "team": team,
            "data": {"stream": "paper", "quantity": 40 + day, "unit": "t" if day == 9 else "kg"},
        }
        for day in range(1, 10)
    ]
    file = tmp_path / "weighed.ndjson"
    file.write_text("\n".join(map(json.dumps, events)))

    result = stack.call("post", str(file), "--wait")

    assert (result.returncode, result.stdout.splitlines()[0]) == (0, "9 accepted, 0 refused")
    first, last = result.stderr.splitlines()
    assert " line 9, id '9': data.quantity counts, but looks odd: " in first
    assert last == "1 odd: post the next revision, or say that it is right: groenmeter flags"
