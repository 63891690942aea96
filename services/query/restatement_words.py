"""A restatement in words: what is another number than was told, by how much, since when and why. Pure."""

from collections.abc import Sequence
from datetime import date
from fractions import Fraction

from schemas.catalogue import category_names
from services.store.publications import Cause, Change, Compared, Publication, RowKey
from services.store.totals import Bucket
from services.tracking.spelling import Both, amount_text, counted_text, date_text, percent_text

KIND_NAMES = {
    "energy": Both("energie", "energy"),
    "waste": Both("afval", "waste"),
    "food-waste": Both("voedselverspilling", "food waste"),
    "medication-waste": Both("medicijnverspilling", "medication waste"),
    "activity": Both("activiteit", "activity"),
}
_FLOW_NAMES = {"feed-in": Both("teruglevering", "feed-in"), "generation": Both("opwek", "generation")}
_CAUSES: dict[Cause, tuple[Both, Both]] = {
    "late": (Both("late meting", "late reading"), Both("late metingen", "late readings")),
    "new": (Both("nieuwe meting", "new reading"), Both("nieuwe metingen", "new readings")),
    "corrected": (
        Both("gecorrigeerde meting", "corrected reading"),
        Both("gecorrigeerde metingen", "corrected readings"),
    ),
    "retracted": (
        Both("ingetrokken meting", "retracted reading"),
        Both("ingetrokken metingen", "retracted readings"),
    ),
}
CAUSES = tuple(_CAUSES)


def in_words(
    publication: Publication,
    key: RowKey,
    bucket: Bucket,
    row: Compared,
    causes: Sequence[Change],
    unit: str,
    per_unit: int,
) -> Both:
    """One sentence. `per_unit`: base units in one `unit`, in which the amounts are shown."""
    what, when = _what(key), _when(key.start, bucket, publication)
    told, why = date_text(publication.told_on), _why(causes)
    change = _change(row, unit, per_unit)
    since_nl = f"{change.nl} sinds {publication.name} van {told.nl}"
    since_en = f"{change.en} since {publication.name} of {told.en}"
    if why is not None:
        since_nl, since_en = f"{since_nl}, door {why.nl}", f"{since_en}, because of {why.en}"
    co2e = _co2e(row)
    return Both(f"{what.nl}, {when.nl}: {since_nl}{co2e.nl}.", f"{what.en}, {when.en}: {since_en}{co2e.en}.")


def _what(key: RowKey) -> Both:
    name = KIND_NAMES[key.kind]
    if key.category is not None:
        entry = category_names(key.kind)[key.category]
        name = Both(entry.nl, entry.en)
    more = [Both(text, text) for text in (key.team, key.site, key.method) if text is not None]
    if key.flow in _FLOW_NAMES:
        more.insert(0, _FLOW_NAMES[key.flow])
    nl = ", ".join([name.nl, *(part.nl for part in more)])
    en = ", ".join([name.en, *(part.en for part in more)])
    return Both(nl[:1].upper() + nl[1:], en[:1].upper() + en[1:])


def _when(start: date, bucket: Bucket, publication: Publication) -> Both:
    day = date_text(start)
    if bucket == "month":
        nl, en = (text.split(" ", 1)[1] for text in day)
        return Both(nl, en)
    if bucket == "year":
        return Both(str(start.year), str(start.year))
    if bucket == "day":
        return day
    end = date_text(date.fromordinal(publication.to_day.toordinal() - 1))
    return Both(f"{day.nl} tot en met {end.nl}", f"{day.en} up to and including {end.en}")


def _change(row: Compared, unit: str, per_unit: int) -> Both:
    before, after = row.then_quantity, row.quantity
    if before == after:
        return Both("dezelfde hoeveelheid", "the same amount")
    sign = "+" if after > before else "\N{MINUS SIGN}"
    if before == 0:
        amount = amount_text(Fraction(abs(after), per_unit), unit)
        return Both(f"{amount.nl} waar niets gemeld was", f"{amount.en} where nothing was reported")
    if after == 0:
        amount = amount_text(Fraction(before, per_unit), unit)
        return Both(f"niets meer in plaats van {amount.nl}", f"nothing any more instead of {amount.en}")
    ratio = percent_text(Fraction(abs(after - before), before))
    return Both(f"{sign}{ratio.nl}", f"{sign}{ratio.en}")


def _why(causes: Sequence[Change]) -> Both | None:
    """The causes, the largest first."""
    if not causes:
        return None
    ordered = sorted(causes, key=lambda change: (-abs(change.quantity), CAUSES.index(change.cause)))
    texts = []
    for change in ordered:
        one, more = _CAUSES[change.cause]
        texts.append(
            Both(
                counted_text(change.readings, one.nl, more.nl), counted_text(change.readings, one.en, more.en)
            )
        )
    return Both(_listed([text.nl for text in texts], "en"), _listed([text.en for text in texts], "and"))


def _listed(parts: Sequence[str], conjunction: str) -> str:
    if len(parts) == 1:
        return parts[0]
    return f"{', '.join(parts[:-1])} {conjunction} {parts[-1]}"


def _co2e(row: Compared) -> Both:
    """By how much the CO2e is another, where other factors play a part in that, and what makes it so."""
    if not row.factors or row.reported is None or row.current is None or row.activity is None:
        return Both("", "")
    if row.reported == 0:
        return Both("; er is nu een andere CO2e-factor", "; there is another CO2e factor now")
    changes = [part / row.reported for part in (row.current - row.reported, row.activity, row.factors)]
    if not row.activity:
        by = _signed(changes[2], _tenths(changes[2]))
        return Both(f"; CO2e {by.nl} door andere factoren", f"; CO2e {by.en} because of other factors")
    whole, amounts = map(_tenths, changes[:2])
    # The factors have what is left, so that the parts add up as they are written.
    parts = zip(changes, (whole, amounts, whole - amounts), strict=True)
    all_of_it, activity, factors = (_signed(*part) for part in parts)
    return Both(
        f"; CO2e {all_of_it.nl}: {activity.nl} door andere hoeveelheden, {factors.nl} door andere factoren",
        f"; CO2e {all_of_it.en}: {activity.en} because of other amounts, "
        f"{factors.en} because of other factors",
    )


def _tenths(ratio: Fraction) -> int:
    """Tenths of a per cent."""
    return round(1000 * ratio)


def _signed(ratio: Fraction, tenths: int) -> Both:
    """A change as so many tenths of a per cent; of one that these do not show only the sign."""
    if not ratio:
        return Both("gelijk", "the same")
    sign = "+" if ratio > 0 else "\N{MINUS SIGN}"
    if tenths * ratio <= 0:
        return Both(f"minder dan {sign}0,1 %", f"less than {sign}0.1 %")
    text = percent_text(Fraction(abs(tenths), 1000))
    return Both(f"{sign}{text.nl}", f"{sign}{text.en}")
