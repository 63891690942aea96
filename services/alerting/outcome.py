"""What became of one attempt to hand a message over."""

from typing import Literal, NamedTuple


class Outcome(NamedTuple):
    """`sent`; `failed`: try again later; `gone`: the receiver wants nothing more, ever.

    `problem` says in words what is wrong. It is stored and shown: nothing of an address or secret is in it.
    """

    state: Literal["sent", "failed", "gone"]
    problem: str = ""


SENT = Outcome("sent")
