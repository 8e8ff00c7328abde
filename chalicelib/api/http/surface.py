"""``Surface``: one web API as a value, with all that sets it apart from other ones."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from typing import Protocol

from chalicelib.api.http.request_and_reply import NO_HEADERS, Reply, Request
from chalicelib.settings import Settings

View = Callable[[Request], Reply]

Routes = Mapping[str, Mapping[str, str]]
"""Names of views by path and method. ``module:function`` is a view in the surface's package; the module
is imported when the view is first called. A view of GET answers HEAD, too."""

_STAGE = "api"
"""API Gateway's stage, with which all paths begin for a client (``api_gateway_stage`` of Chalice)."""


class ErrorForm(Protocol):
    """The form in which a surface writes an error."""

    def __call__(self, status: int, text: str, *, headers: Mapping[str, str] = NO_HEADERS) -> Reply:
        """The reply of an HTTP status; ``text`` is for the client."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Surface:
    """A web API below a prefix. All surfaces are guarded alike: by the auth backend of the stage."""

    prefix: str
    """The beginning of its paths, behind the stage of API Gateway: ``/experimental``."""
    is_on: Callable[[Settings], bool]
    """Whether the settings switch it on. If they do not, each of its paths answers 404."""
    package: str
    """The package of its views, by its dotted name."""
    routes: Routes
    """Its views."""
    error_reply: ErrorForm
    """The form of its errors."""
    statuses: Mapping[type[Exception], int]
    """The HTTP statuses of the errors of its views, by class; of an error's classes the nearest counts."""
    not_found: str = "Not found"
    """The text of the error for a path that does not exist."""
    method_not_allowed: str = "The method is not allowed for the requested URL"
    """The text of the error for a method that a path does not serve."""
    headers: Mapping[str, str] = field(default_factory=dict)
    """Headers of all its answers."""
    may_end_in_a_slash: frozenset[str] = frozenset()
    """Paths that are served with a slash at their end, too. API Gateway overlooks such a slash; with one,
    any other path answers 404."""
    logged_parameters: tuple[str, ...] = ()
    """The parameters of paths that the log lines of a request carry, as far as its path has them."""

    @property
    def root(self) -> str:
        """The beginning of its paths as clients know them: ``/api/experimental``."""
        return f"/{_STAGE}{self.prefix}"

    def view(self, name: str) -> View:
        """The view of a name in ``routes``; raises ``ImportError`` or ``AttributeError`` if there is none."""
        module, _, function = name.partition(":")
        view: View = getattr(import_module(f"{self.package}.{module}"), function)
        return view
