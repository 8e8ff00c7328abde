"""Errors for tokens that are not accepted."""


class NotAccepted(Exception):
    """The token proves no client; the text is for the log, never for the client."""


class AnotherLegWanted(NotAccepted):
    """The client offers Kerberos among others and has not begun with it."""
