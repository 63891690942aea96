"""Dutch and English side by side, and the words that more than one dashboard uses."""

from collections.abc import Mapping
from typing import Literal, NamedTuple


class Language(NamedTuple):
    """One of the two languages; called with a Dutch and an English text it gives the right one.

    `slug` is also the name of the column that holds a name in this language.
    """

    slug: Literal["nl", "en"]
    moment_format: str
    date_format: str

    def __call__(self, nl: str, en: str) -> str:
        """The text in this language."""
        return nl if self.slug == "nl" else en


LANGUAGES = (
    Language("nl", "DD-MM-YYYY HH:mm", "DD-MM-YYYY"),
    Language("en", "YYYY-MM-DD HH:mm", "YYYY-MM-DD"),
)


def no_data(t: Language) -> str:
    """What stands where nothing is known, so that it is told apart from zero."""
    return t("geen gegevens", "no data")


def nothing(t: Language) -> str:
    """What stands in a list of what went wrong while there is nothing in it."""
    return t("niets gevonden", "nothing found")


def kinds(t: Language) -> Mapping[str, str]:
    """The kinds of measurements."""
    return {
        "energy": t("energie", "energy"),
        "waste": t("afval", "waste"),
        "food-waste": t("voedselverspilling", "food waste"),
        "medication-waste": t("medicijnverspilling", "medication waste"),
        "activity": t("activiteit", "activity"),
    }


def themes(t: Language) -> Mapping[str, str]:
    """The five themes of the Green Deal, in their order."""
    return {
        "health": t("gezondheid", "health"),
        "knowledge": t("kennis", "knowledge"),
        "co2": "CO2",
        "circular": t("circulair", "circular"),
        "medication": t("medicatie", "medication"),
    }


def bands(t: Language) -> Mapping[str, str]:
    """The status of a target: a symbol and a word, because a colour alone is not seen by all."""
    return {
        "green": t("✔ groen", "✔ green"),
        "amber": t("▲ oranje", "▲ amber"),
        "red": t("✖ rood", "✖ red"),
        "unknown": t("? onbekend", "? unknown"),
    }


def outcomes(t: Language) -> Mapping[str, str]:
    """What became of a target once its last year is over."""
    return {
        "met": t("✔ gehaald", "✔ met"),
        "missed": t("✖ niet gehaald", "✖ missed"),
        "cannot-tell": t("? niet te zeggen", "? cannot tell"),
    }


def units(t: Language) -> Mapping[str, str]:
    """Units that are no symbol."""
    return {"1": t("aantal", "number"), "piece": t("stuks", "pieces")}


def parts(t: Language) -> Mapping[str, str]:
    """The states of a part of a boundary."""
    return {
        "measured": t("✔ gemeten", "✔ measured"),
        "estimated": t("≈ geschat", "≈ estimated"),
        "missing": t("✖ ontbreekt", "✖ missing"),
        "left-out": t("– telt niet mee", "– left out"),
    }


def whole_organisation(t: Language) -> str:
    """The boundary of a total: what the organisation measures, nothing twice."""
    return t(
        "de hele organisatie, voor zover gemeten; wat al bij de inzamelaar is meegeteld, telt niet dubbel",
        "the whole organisation, as far as measured; what is already in the collector's weight is not "
        "counted twice",
    )
