"""`groenmeter factors` as it is typed, and what it does to totals: now, and as of then."""

import asyncio
import json

import psycopg
import pytest

from schemas.json_text import Number
from services.errors import UserError
from services.store.configuration import change
from services.store.connection import connect_async
from services.store.ledger import Ledger
from services.store.verify import verify
from tests.integration.query.asking import ask, columns, count, event
from tests.integration.store.recording import CALENDAR, batch_of, query, value

HEAT = (
    "district-heat",
    "--unit",
    "GJ",
    "--from",
    "2026-01-01",
    "--to",
    "2027-01-01",
    "--source",
    "heat label",
)
YEAR = {"kind": "energy", "from_": "2026-01-01", "to": "2027-01-01"}


def heat(id_, quantity, meter=None, **attributes):
    data = {"carrier": "district-heat", "quantity": quantity, "unit": "GJ"}
    return event(
        "energy", id_, data | ({"meter": meter} if meter else {}), time="2026-03-05T12:00:00Z", **attributes
    )


def kilograms(dsn, basis="wtw", **more):
    return [kg for (kg,) in columns(ask(dsn, **YEAR, basis=basis, **more), "co2e.current")]


def differences(dsn):
    async def compare():
        async with await connect_async(dsn, "owner") as connection:
            return (await verify(connection, [].append)).differences

    return asyncio.run(compare())


def refusal(result):
    assert isinstance(result.exception, UserError), result.output
    return str(result.exception)


def test_a_suppliers_factor_counts_for_its_meters_and_dates_only(run, organisation, listed):
    count(organisation, heat("1", 10, "W-1"), heat("2", 100, "W-2"), heat("3", 1000))
    before = ask(organisation, **YEAR)
    assert columns(before, "co2e.current") == [("44899.500",)]  # 1,110 x 40.45

    result = run("add", *HEAT, "--wtw", "25.1", "--ttw", "20", "--meter", "W-1", "--meter", "W-9")

    assert result.exit_code == 0, result.output
    assert (
        "district-heat (wtw, location) of meter W-1: 25.1 kg CO2e/GJ, 2026-01-01 to 2027-01-01"
        in result.output
    )
    assert "nothing was counted of district-heat of meter W-9 yet" in result.output
    assert kilograms(organisation) == ["44746.000"]  # 10 x 25.1 + 1,100 x 40.45
    assert kilograms(organisation, "ttw") == ["37941.000"]  # 10 x 20 + 1,100 x 34.31
    assert kilograms(organisation, bucket="hour") == ["44746.000"]
    assert ask(organisation, **YEAR, as_of=before["as_of"]) == before

    count(organisation, heat("1", 20, "W-1", revision=2), heat("3", 500, "W-9", revision=2))
    assert kilograms(organisation) == ["17097.000"]  # 520 x 25.1 + 100 x 40.45
    assert ask(organisation, **YEAR, as_of=before["as_of"]) == before
    assert differences(organisation) == []

    own = listed("--category", "district-heat", "--meter", "W-1")
    assert {(row["kg_co2e"], row["layer"], row["meter"]) for row in own} == {
        ("25.1", "own", "W-1"),
        ("20", "own", "W-1"),
    }
    others = listed("--category", "district-heat", "--meter", "W-2", "--on", "2026-06-01")
    assert {row["kg_co2e"] for row in others} == {"40.45", "34.31"}
    assert listed("--category", "district-heat", "--on", "2027-01-01") == []


def test_a_correction_stands_beside_what_it_corrects(run, organisation, listed):
    count(organisation, heat("1", 10, "W-1"))
    added = json.loads(run("add", *HEAT, "--wtw", "251", "--meter", "W-1", "--json").stdout)["recorded"]
    number = added[0]["factor"]
    wrong = ask(organisation, **YEAR)
    assert columns(wrong, "co2e.current") == [("2510.000",)]

    assert run("correct", str(number), "--kg", "25.1", "--why", "the point was lost").exit_code == 0

    assert kilograms(organisation) == ["251.000"]
    assert kilograms(organisation, "wtw,market") == ["251.000"]
    assert ask(organisation, **YEAR, as_of=wrong["as_of"]) == wrong
    history = listed("--history", "--meter", "W-1")
    assert [(row["kg_co2e"], row["counts"], row["note"]) for row in history if row["market"] == "market"] == [
        ("251", False, ""),
        ("25.1", True, "the point was lost"),
    ]
    newest = history[-1]["factor"]
    assert f"was corrected already, by {history[1]['factor']}" in refusal(
        run("correct", str(number), "--kg", "26", "--why", "x")
    )
    assert "holds already from 2026-01-01 to 2027-01-01" in refusal(
        run("add", *HEAT, "--wtw", "26", "--meter", "W-1")
    )
    assert "is 25.1 per GJ already" in refusal(run("correct", str(newest), "--kg", "25.10", "--why", "x"))

    # Only a part of its days; then each never was, and what it corrected counts again: at last the list's.
    assert run("correct", str(newest), "--kg", "30", "--from", "2026-03-01", "--to", "2026-04-01",
               "--why", "March").exit_code == 0  # fmt: skip
    assert kilograms(organisation) == ["300.000"]
    for after in ("251.000", "2510.000", "404.500"):
        march = listed("--category", "district-heat", "--meter", "W-1", "--on", "2026-03-05")[0]["factor"]
        assert run("correct", str(march), "--withdraw", "--why", "another meter").exit_code == 0
        assert kilograms(organisation) == [after]
    assert "there is no factor 99999" in refusal(run("correct", "99999", "--withdraw", "--why", "x"))
    with psycopg.connect(organisation) as connection, pytest.raises(psycopg.errors.RestrictViolation):
        connection.execute("UPDATE emission_factor SET kg_co2e = 0")
    audited = query(organisation, "SELECT subject, before ->> 'kg_co2e', after ->> 'kg_co2e' FROM audit"
                    " WHERE about = 'factor' AND after ->> 'note' = 'the point was lost'")  # fmt: skip
    assert ("energy/district-heat/wtw/market/own/W-1/2026-01-01", "251", "25.1") in audited
    assert differences(organisation) == []


def test_what_a_withdrawn_correction_corrected_counts_again(run, organisation, listed):
    count(organisation, heat("1", 10))

    def holding():
        rows = listed("--category", "district-heat", "--on", "2026-03-15") + listed(
            "--category", "district-heat", "--on", "2026-03-25"
        )
        return [row["kg_co2e"] for row in rows if (row["chain"], row["market"]) == ("wtw", "location")]

    def corrected(number, *words):
        result = run("correct", str(number), *words, "--why", "x", "--json")
        assert result.exit_code == 0, result.output
        return json.loads(result.stdout)

    added = json.loads(run("add", *HEAT, "--wtw", "9", "--json").stdout)["recorded"][0]["factor"]
    wrong = corrected(added, "--kg", "90")["recorded"][0]["factor"]
    before = ask(organisation, **YEAR)

    # First of some days only, then of those after them, by what the terminal says.
    part = corrected(wrong, "--withdraw", "--from", "2026-03-10", "--to", "2026-03-21")
    assert [(item["kg_co2e"], item["repeats"]) for item in part["recorded"]] == [
        ("9", added),
        ("9", added + 1),
    ]
    assert {(row["kg_co2e"], row["from"], row["to"]) for row in part["counting"]} == {
        ("9", "2026-03-10", "2026-03-21")
    }
    assert holding() == ["9", "90"]
    said = run("correct", str(wrong), "--withdraw", "--from", "2026-03-21", "--why", "the mistake").stdout
    assert f"9 kg CO2e/GJ, 2026-03-21 to 2027-01-01, which is factor {added} again" in said
    assert "of your own (wtw, both): 9 kg CO2e/GJ, 2026-03-21 to 2027-01-01" in said
    assert holding() == ["9", "9"]
    assert ask(organisation, **YEAR, as_of=before["as_of"]) == before

    # What counts again can be corrected and withdrawn in its turn: the mistake does not come back.
    again = part["recorded"][0]["factor"]
    once_more = corrected(again, "--kg", "25")["recorded"][0]["factor"]
    assert holding() == ["25", "9"]
    again = corrected(once_more, "--withdraw")["recorded"][0]["factor"]
    assert holding() == ["9", "9"]
    said = run("correct", str(again), "--withdraw", "--why", "another meter").stdout
    assert "withdrawn, 2026-03-10 to 2026-03-21" in said
    assert "of the list (wtw, both): 40.45 kg CO2e/GJ, 2026-03-10 to 2026-03-21" in said
    assert holding() == ["40.45", "9"]
    assert differences(organisation) == []


def test_a_correction_of_the_list_touches_no_meter_with_its_own(run, organisation, listed):
    count(organisation, heat("1", 10, "W-1"), heat("2", 100))
    run("add", *HEAT, "--wtw", "25.1", "--meter", "W-1")
    (number, *_) = [row["factor"] for row in listed("--category", "district-heat") if row["layer"] == "list"]

    assert run("correct", str(number), "--kg", "1", "--why", "try").exit_code == 0

    assert kilograms(organisation) == ["351.000"]  # 10 x 25.1 + 100 x 1
    assert run("add", *HEAT, "--wtw", "2").exit_code == 0
    assert kilograms(organisation) == ["451.000"]  # the organisation's own goes before the list's


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["district-heet", *HEAT[1:], "--wtw", "1"], "CATEGORY: 'district-heet' is not known"),
        ([*HEAT], "--wtw: is missing (allowed: wtw (whole chain), ttw (direct only) or both)"),
        ([*HEAT, "--wtw", "25,1"], "decimal comma or groups of digits (allowed: kg CO2e for one unit"),
        (
            [*HEAT, "--wtw", "-1"],
            "--wtw: '-1' is negative (allowed: kg CO2e for one unit, from 0, like 25.1; "
            "a factor is of what is emitted: avoided emissions are not taken off)",
        ),
        ([*HEAT, "--wtw", "1", "--ttw", "2"], "--ttw: 2 is more than wtw, of which it is a part"),
        ([*HEAT, "--wtw", "1", "--unit", "kWhh"], "--unit: 'kWhh' is no unit of it"),
        ([*HEAT, "--wtw", "1", "--to", "2026-01-01"], "--to: is not after valid_from"),
        ([*HEAT, "--wtw", "1", "--from", "01-01-2026"], "--from: '01-01-2026' is not a date"),
        ([*HEAT, "--wtw", "1", "--market", "grey"], "--market: 'grey' is not known"),
        ([*HEAT, "--wtw", "1", "--source", "  "], "--source: String should have at least 1 character"),
        ([*HEAT, "--wtw", "1", "--source", "jan@umc.nl"], "--source: holds an e-mail address"),
    ],
)
def test_what_is_wrong_is_said_with_its_option(run, organisation, words, said):
    assert said in refusal(run("add", *words))
    assert value(organisation, "SELECT count(*) FROM emission_factor WHERE layer = 'own'") == 0


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--why", " "], "--why says in 1 to 300 characters what was wrong"),
        (["--why", "ask jan@umc.nl"], "--why holds an e-mail address"),
        (["--why", "x", "--source", " "], "--source says in 1 to 300 characters where it stands"),
        (
            ["--why", "x", "--from", "2026-05-01", "--to", "2026-04-01"],
            "--to 2026-04-01 lies before --from 2026-05-01",
        ),
        (
            ["--why", "x", "--from", "2026-05-01", "--to", "2026-05-01"],
            "--to 2026-05-01 is --from 2026-05-01",
        ),
    ],
)
def test_what_is_wrong_with_a_correction_is_said(run, words, said):
    result = run("correct", "7", "--kg", "0.3", *words)
    assert result.exit_code == 2
    assert said in " ".join(result.output.replace("│", " ").split())


def test_the_organisations_file_has_factors(organisation, listed):
    label = {"category": "electricity", "unit": "kWh", "wtw": Number("0.016"), "source": "label"}
    label |= {"valid_from": "2026-01-01", "valid_to": "2027-01-01"}

    def own(day):
        rows = listed("--category", "electricity", "--on", day)
        return [(row["market"], row["kg_co2e"]) for row in rows if row["layer"] == "own"]

    change(organisation, {"factors": {"wind": label}}, "file")
    assert own("2026-03-05") == [("market", "0.016")]
    versions = value(organisation, "SELECT count(*) FROM emission_factor")
    change(organisation, {"factors": {"wind": label}}, "file")
    assert value(organisation, "SELECT count(*) FROM emission_factor") == versions

    change(organisation, {"factors": {"wind": {"valid_to": "2026-07-01"}}}, "file")
    assert (len(own("2026-06-30")), len(own("2026-07-01"))) == (1, 0)

    with pytest.raises(
        UserError, match=r"factors\.sun\.valid_from: holds on days on which factors\.wind holds"
    ):
        change(organisation, {"factors": {"sun": label}}, "file")
    change(organisation, {"factors": {"wind": {"withdrawn": True}, "sun": label}}, "file")
    assert (len(own("2026-06-30")), len(own("2026-07-01"))) == (1, 1)
    # A processor of a release before factors reads the documents strictly.
    assert value(organisation, "SELECT count(*) FROM configuration WHERE document ? 'factors'") == 0


def test_a_processor_that_is_too_old_for_such_a_meter_waits(run, organisation):
    run("add", *HEAT, "--wtw", "25.1", "--meter", "W-1")

    async def record(*events):
        old = await psycopg.AsyncConnection.connect(
            organisation, autocommit=True, options="-c timezone=UTC -c role=groenmeter_writer"
        )
        async with old:
            return await Ledger(old, CALENDAR).record(batch_of([json.dumps(item) for item in events]))

    assert asyncio.run(record(heat("1", 10, "W-2"))).added == 1
    with pytest.raises(psycopg.errors.SerializationFailure, match="too old"):
        asyncio.run(record(heat("2", 10, "W-1")))
