"""The number of examples that a property gets: fewer than others where one takes long, in each profile."""

from hypothesis import settings

_USUAL = 60
"""Those of a property that says nothing, in the profile of ``make test``."""


def examples(count: int) -> settings:
    """Settings for ``count`` examples in ``make test``, and for as many more as any in another profile."""
    profile = settings()
    return settings(max_examples=max(1, count * profile.max_examples // _USUAL))
