"""The one exception that a user is meant to read."""


class UserError(Exception):
    """Something the user can mend: one clear line that names the key or file and says what to do.

    The command line prints it without a traceback and exits with code 2.
    """
