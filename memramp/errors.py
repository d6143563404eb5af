"""The one exception that a user's mistake raises."""


class InputError(ValueError):
    """Bad input: a sentence that names the file, the key or line, what was found and what is allowed.

    The command line prints it as it is and exits with code 2; nothing has been written when it is raised.
    """
