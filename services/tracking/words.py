"""The reasons of a verdict in words that somebody on a ward understands: limits, drift, outcome, milestones.

The codes are for ever; the sentences may be reworded.
"""

from datetime import date
from fractions import Fraction

from schemas.catalogue import category_names
from schemas.targets import Target
from services.tracking.result import Contribution, Reason
from services.tracking.spelling import (
    amount_text,
    counted_text,
    date_text,
    last_day_text,
    percent_text,
    percent_texts,
)


def to_date(target: Target, actual: Fraction, limit_now: Fraction, through: date) -> Reason:
    """Actual against the budget to date."""
    now, allowed = amount_text(actual, target.unit), amount_text(limit_now, target.unit)
    day = last_day_text(through)
    nl = f"Tot en met {day.nl} is het {now.nl}; het budget tot die dag is {allowed.nl}"
    en = f"Up to and including {day.en} it is {now.en}; the budget up to that day is {allowed.en}"
    if actual == limit_now:
        return Reason("within-budget", f"{nl}. Dat is precies wat mag.", f"{en}. That is what is allowed.")
    if limit_now == 0:
        return Reason("over-budget", f"{nl}.", f"{en}.")
    far = percent_text(abs(actual - limit_now) / limit_now)
    if actual < limit_now:
        return Reason(
            "within-budget",
            f"{nl}. Dat is {far.nl} minder dan mag.",
            f"{en}. That is {far.en} less than allowed.",
        )
    return Reason("over-budget", f"{nl}. Dat is {far.nl} te veel.", f"{en}. That is {far.en} too much.")


def share_to_date(target: Target, share: Fraction, limit: Fraction, through: date) -> Reason:
    """A share against its limit."""
    now, allowed = percent_texts(share / 100, limit / 100)
    day = last_day_text(through)
    nl, en = (
        f"Tot en met {day.nl} is het aandeel {now.nl}",
        f"Up to and including {day.en} the share is {now.en}",
    )
    if target.kind == "share_min":
        code = "within-limit" if share >= limit else "under-limit"
        return Reason(
            code, f"{nl}; het moet minstens {allowed.nl} zijn.", f"{en}; it must be at least {allowed.en}."
        )
    code = "within-limit" if share <= limit else "over-limit"
    return Reason(
        code, f"{nl}; het mag hoogstens {allowed.nl} zijn.", f"{en}; it may be at most {allowed.en}."
    )


def no_base() -> Reason:
    """The organisation gave no base."""
    return Reason(
        "no-base",
        "De organisatie heeft nog niet gekozen met welk jaar wordt vergeleken.",
        "The organisation has not yet chosen which year to compare with.",
    )


def base_is_zero(year: int) -> Reason:
    """The base year came to nothing."""
    return Reason(
        "no-base",
        f"In het basisjaar {year} is het nul; daarmee valt niet te vergelijken.",
        f"In the base year {year} it is zero; nothing can be compared with that.",
    )


def no_anchors() -> Reason:
    """The organisation gave no path."""
    return Reason(
        "no-anchors",
        "Er is nog niet vastgelegd hoeveel het in welk jaar mag zijn.",
        "It has not been laid down yet how much it may be in which year.",
    )


def no_limit(target: Target, year: int) -> Reason:
    """A year outside of the anchors."""
    first, last = target.anchors[0].year, target.anchors[-1].year
    if year < first:
        return Reason(
            "no-limit-yet",
            f"Voor {year} is er nog geen grens: de eerste geldt in {first}.",
            f"There is no limit for {year} yet: the first one is for {first}.",
        )
    return Reason(
        "no-limit-any-more",
        f"Voor {year} is er geen grens: de laatste gold in {last}.",
        f"There is no limit for {year}: the last one was for {last}.",
    )


def largest_cause(cause: Contribution, unit: str) -> Reason:
    """The category that is furthest above its budget, or the largest of a share."""
    name = category_names(cause.kind)[cause.category]
    if cause.difference is None:
        share = percent_text(cause.actual / 100)
        return Reason(
            "largest-cause",
            f"Het grootste deel: {name.nl}, {share.nl} van het totaal.",
            f"The largest part: {name.en}, {share.en} of the total.",
        )
    over = amount_text(cause.difference, unit)
    return Reason(
        "largest-cause",
        f"De grootste oorzaak: {name.nl}, {over.nl} boven het budget.",
        f"The largest cause: {name.en}, {over.en} above its budget.",
    )


def outcome(code: str, year: int) -> Reason:
    """The last year is over; `code`: met, missed, cannot-tell."""
    nl, en = {
        "met": ("het doel is gehaald", "the target is met"),
        "missed": ("het doel is niet gehaald", "the target is missed"),
        "cannot-tell": (
            "of het doel is gehaald, is niet te zeggen",
            "whether the target is met cannot be told",
        ),
    }[code]
    return Reason(code, f"{year} is voorbij: {nl}.", f"{year} is over: {en}.")


def milestone_done(target: Target, done_on: date) -> Reason:
    """Done, by whom, and where that is written."""
    day = date_text(done_on)
    who = f" ({target.who})" if target.who else ""
    proof_nl = f" Bewijs: {target.evidence}." if target.evidence else ""
    proof_en = f" Evidence: {target.evidence}." if target.evidence else ""
    late = target.due is not None and done_on > target.due
    return Reason(
        "milestone-done-late" if late else "milestone-done",
        f"Gereed op {day.nl}{', te laat' if late else ''}{who}.{proof_nl}",
        f"Done on {day.en}{', late' if late else ''}{who}.{proof_en}",
    )


def milestone_due(due: date, on: date) -> Reason:
    """Not done yet."""
    day, left = date_text(due), (due - on).days
    if left < 0:
        return Reason(
            "milestone-overdue",
            f"Had op {day.nl} gereed moeten zijn en is dat niet.",
            f"Was due on {day.en} and is not done.",
        )
    return Reason(
        "milestone-due",
        f"Moet op {day.nl} gereed zijn: nog {counted_text(left, 'dag', 'dagen')}.",
        f"Due on {day.en}: {counted_text(left, 'day', 'days')} left.",
    )


def no_due_date() -> Reason:
    """A milestone without a day."""
    return Reason("no-due-date", "Er is nog geen datum gekozen.", "No date has been chosen yet.")
