"""Why a token is not accepted."""


class NotAccepted(Exception):
    """The token proves nobody; the text is for the log, never for the client."""


class AnotherLegWanted(NotAccepted):
    """The client offers Kerberos among others and has not begun with it."""
