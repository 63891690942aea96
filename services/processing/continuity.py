"""Whether a log holds what is to be counted next: what it dropped before that is never skipped. Pure."""


def mismatch(offset: int, begin: int, end: int | None) -> str | None:
    """Why a log that holds `[begin, end)` cannot be read on from an offset; None when it can.

    `end` is None where the broker does not tell it exactly.
    """
    if offset < begin:
        return (
            f"the next record to count is {offset}, but the log begins at {begin}: at most {begin - offset} "
            "records were dropped before they were counted, by retention or by a command"
        )
    if end is not None and offset > end:
        return (
            f"the next record to count is {offset}, but the log ends before {end}: the topic was made anew, "
            "or a broker that lagged behind took over"
        )
    return None
