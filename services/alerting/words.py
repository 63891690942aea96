"""The words of messages, in Dutch and English."""

from dataclasses import dataclass

from services.store.subscribers import Language


@dataclass(frozen=True)
class Words:
    """One language. Texts with braces are filled in with `str.format`."""

    points: str
    bands: dict[str, str]
    what: str
    since: str
    team: str
    how_far: str
    behind: str
    ahead: str
    at_most: str
    at_least: str
    too_much: str
    too_little: str
    not_measured: str
    cause: str
    over_budget: str
    of_total: str
    no_cause: str
    rests_on: str
    up_to: str
    nothing_complete: str
    complete: str
    factors: str
    chains: dict[str, str]
    coverage: dict[str, str]
    look: str
    stop: str
    number: str
    test_subject: str
    test_text: str


WORDS: dict[Language, Words] = {
    "nl": Words(
        points="procentpunt",
        bands={"green": "groen", "amber": "oranje", "red": "rood", "unknown": "onbekend"},
        what="{title} is nu {to}",
        since="Sinds",
        team="Team",
        how_far="Hoe ver",
        behind="loopt {drift} achter: {actual}, het doel is tot nu toe {limit} ({excess})",
        ahead="loopt {drift} voor: {actual}, het doel is tot nu toe {limit}",
        at_most="hoogstens {}",
        at_least="minstens {}",
        too_much="{} te veel",
        too_little="{} te weinig",
        not_measured="niet in een getal te zeggen",
        cause="Grootste oorzaak",
        over_budget="{name}: {difference} boven wat ervoor was begroot",
        of_total="{name}: {share} van het totaal",
        no_cause="geen enkele steekt erbovenuit",
        rests_on="Waar dit op rust",
        up_to="metingen tot en met {}",
        nothing_complete="nog geen complete metingen",
        complete="{} compleet",
        factors="vaste factoren ({years}), {chain}",
        chains={"wtw": "hele keten", "ttw": "alleen direct"},
        coverage={"estimated": "geschat: {}", "missing": "ontbreekt: {}", "left-out": "telt niet mee: {}"},
        look="Bekijk het doel",
        stop='U krijgt dit omdat "{}" is aangemeld. Afmelden: vraag de beheerder van Groenmeter om '
        "`groenmeter subscriber remove {}`.",
        number="Bericht {}",
        test_subject="Groenmeter: proefbericht",
        test_text="Dit is een proefbericht. Het werkt: berichten over doelen die achterlopen komen hier aan.",
    ),
    "en": Words(
        points="percentage points",
        bands={"green": "green", "amber": "amber", "red": "red", "unknown": "unknown"},
        what="{title} is now {to}",
        since="Since",
        team="Team",
        how_far="How far",
        behind="{drift} behind: {actual}, against a target of {limit} so far ({excess})",
        ahead="{drift} ahead: {actual}, against a target of {limit} so far",
        at_most="at most {}",
        at_least="at least {}",
        too_much="{} too much",
        too_little="{} too little",
        not_measured="cannot be said in a number",
        cause="Largest cause",
        over_budget="{name}: {difference} above what was budgeted for it",
        of_total="{name}: {share} of the total",
        no_cause="none stands out",
        rests_on="What this rests on",
        up_to="measurements up to and including {}",
        nothing_complete="no complete measurements yet",
        complete="{} complete",
        factors="fixed factors ({years}), {chain}",
        chains={"wtw": "whole chain", "ttw": "direct only"},
        coverage={"estimated": "estimated: {}", "missing": "missing: {}", "left-out": "not counted: {}"},
        look="See the target",
        stop='You get this because "{}" is subscribed. To stop: ask whoever runs Groenmeter for '
        "`groenmeter subscriber remove {}`.",
        number="Message {}",
        test_subject="Groenmeter: test message",
        test_text="This is a test message. It works: messages about targets that slip will arrive here.",
    ),
}
