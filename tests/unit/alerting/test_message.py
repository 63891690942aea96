"""What people read: golden messages in both languages, and names that try to be more than names."""

import json
from email import message_from_bytes
from html.parser import HTMLParser
from pathlib import Path
from uuid import UUID

import pytest

import dashboards
from services.alerting.delivery import link_to
from services.alerting.mail import as_mail
from services.alerting.message import compose, compose_test
from services.alerting.smtp_url import read_smtp_url
from services.alerting.webhook import body_of
from services.settings import load_settings
from tests.unit.alerting.changes import change

GOLDEN = Path(__file__).parent / "golden"
DASHBOARDS = Path(dashboards.__file__).parent / "generated"
ID = UUID("6f3f1c3e-6f57-5a44-8d3e-0f3c1c9d2b11")
LINK = "https://meter.example/v1/targets"

FACTORS = [{"category": "electricity", "year": 2023}, {"category": "district-heat", "year": 2026}]
CASES = {
    "behind": {},
    # Without a link, in kg CO2e with factors of two years, of a team.
    "co2-of-a-team": {
        "title": {"nl": "CO2 van Verpleging A4", "en": "CO2 of Nursing A4"},
        "scope": "team/verpleging-a4",
        "unit": "kg CO2e",
        "limit_now": "80.5",
        "actual": "85.1234",
        "drift": "0.057433",
        "completeness": "1",
        "coverage": [],
        "basis": {"chain": "wtw", "market": "location", "factors": FACTORS},
    },
    # A share that must be reached: 46.25 % instead of 50 %, (50 - 46.25) / 50 = 7.5 % behind.
    "share-to-reach": {
        "title": {"nl": "De helft plantaardig eiwit", "en": "Half of the protein from plants"},
        "kind": "share_min",
        "unit": "%",
        "limit_now": "50",
        "actual": "46.25",
        "drift": "0.075",
    },
    # A share that must stay low: 41 % instead of 25 %; (41 - 25) / 25 = 64 % behind.
    "share-too-high": {
        "title": {"nl": "Hoogstens een kwart ongesorteerd", "en": "At most a quarter unsorted"},
        "kind": "share_max",
        "unit": "%",
        "limit_now": "25",
        "actual": "41",
        "drift": "0.64",
        "contributions": [
            {"nl": "restafval", "en": "residual waste", "actual": "41", "budget": None, "difference": None}
        ],
    },
    # Nothing to measure: the reasons say it.
    "milestone": {
        "title": {"nl": "Routekaart vastgoed", "en": "Roadmap of the buildings"},
        "kind": "milestone",
        "limit_now": None,
        "actual": None,
        "drift": None,
        "through": None,
        "completeness": None,
        "coverage": [],
        "contributions": [],
        "reasons": [
            {
                "code": "overdue",
                "nl": "Had klaar moeten zijn op 1 juli 2026.",
                "en": "Was due on 1 July 2026.",
            }
        ],
    },
}


def composed(case, language):
    link = None if case == "co2-of-a-team" else LINK
    band = "amber" if case == "share-to-reach" else "red"
    return compose(ID, change(to_band=band, **CASES[case]), language, "groene-club", link)


@pytest.mark.parametrize("language", ["nl", "en"])
@pytest.mark.parametrize("case", CASES)
def test_golden(case, language):
    message = composed(case, language)
    name = f"{case}.{language}"
    assert f"Subject: {message.subject}\n\n{message.text}" == (GOLDEN / f"{name}.txt").read_text()
    assert message.html == (GOLDEN / f"{name}.html").read_text()


def test_what_a_webhook_receives():
    """Structured, without the lists that grow; the same bytes at every attempt."""
    body = body_of(composed("behind", "en").data)
    assert body == body_of(composed("behind", "en").data)
    received = json.loads(body)
    assert received["type"] == "target.status.worse"
    assert received["timestamp"] == "2026-10-02T06:00:03.250000+00:00"
    data = received["data"]
    assert (data["id"], data["target"], data["from_band"], data["to_band"], data["since"], data["link"]) == (
        str(ID),
        "residual-waste-2026",
        "green",
        "red",
        "2026-09-01",
        LINK,
    )
    assert data["evaluation"]["drift"] == "0.124"
    assert not {"path", "incomplete_sources"} & data["evaluation"].keys()


HOSTILE = (
    'Rest</td><script>alert(1)</script>"\r\nBcc: everyone@example.nl\r\n\r\n<b>body</b> & {0} {title} %s'
)


class _Tags(HTMLParser):
    def __init__(self):
        super().__init__()
        self.tags = set()

    def handle_starttag(self, tag, _attributes):
        self.tags.add(tag)


@pytest.mark.parametrize("language", ["nl", "en"])
def test_names_are_only_names(language):
    """A title is neither markup nor a header nor a template."""
    names = {"nl": HOSTILE, "en": HOSTILE}
    coverage = [names | {"part": "x", "state": "left-out"}]
    contributions = [names | {"actual": "2", "difference": "1"}]
    hostile = change(title=names, coverage=coverage, contributions=contributions)
    message = compose(ID, hostile, language, "groene-club", 'https://x.example/"><script>')

    assert "\r" not in message.subject
    assert "\n" not in message.subject
    tags = _Tags()
    tags.feed(message.html)
    assert tags.tags == {"html", "body", "p", "table", "tr", "th", "td", "a", "br"}

    server = read_smtp_url("smtp://localhost:25?from=groenmeter@example.nl")
    mail = message_from_bytes(as_mail(server, "nurse@example.nl", message).as_bytes())
    assert mail["Bcc"] is None
    assert mail["To"] == "nurse@example.nl"
    assert mail["Message-ID"] == f"<{ID}@example.nl>"
    assert mail["X-Groenmeter-Message"] == str(ID)
    assert [part.get_content_type() for part in mail.get_payload()] == ["text/plain", "text/html"]


def test_a_test_message_says_so():
    assert "proefbericht" in compose_test(ID, "nl", "groene-club").text
    assert compose_test(ID, "en", "groene-club").data["type"] == "test"


@pytest.mark.parametrize("language", ["nl", "en"])
def test_the_link_leads_to_what_there_is(language, tmp_path):
    grafana = {"GROENMETER_GRAFANA_URL": "https://grafana.example/sub/"}
    public = {"GROENMETER_PUBLIC_URL": "https://meter.example/"}
    link = link_to(load_settings(grafana | public, tmp_path), change(), language)
    dashboard = json.loads((DASHBOARDS / language / "glance.json").read_text())
    assert link == f"https://grafana.example/sub/d/{dashboard['uid']}?var-target=residual-waste-2026"
    assert "target" in [variable["name"] for variable in dashboard["templating"]["list"]]

    settings = load_settings(public, tmp_path)
    assert link_to(settings, change(), language) == "https://meter.example/v1/targets"
    assert link_to(settings, change(scope="team/a4"), language) == "https://meter.example/v1/targets?team=a4"
    assert link_to(load_settings({}, tmp_path), change(), language) is None
