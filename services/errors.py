"""The one exception whose text is meant for the person at the keyboard."""


class UserError(Exception):
    """Something the user can put right; the message says what is wrong and what to do.

    The command line prints it without a traceback and exits with 1. Any other exception is a fault of ours.
    """
