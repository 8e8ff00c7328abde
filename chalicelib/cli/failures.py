"""How a command fails: one line on standard error that says what to do, exit code 1 (2 for its usage)."""

from typing import Any

import click

from chalicelib.domain.errors import StoreUnavailable, UpdraftError
from chalicelib.settings import SettingError


class CommandLine(click.Group):
    """A group whose commands may raise the project's errors and AWS's; the user sees what they say."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; raises ``ClickException`` in place of those errors."""
        try:
            return super().invoke(ctx)
        except StoreUnavailable as error:
            raise click.ClickException(f"{error}. Nothing is known to be lost: try again.") from error
        except (UpdraftError, SettingError) as error:
            raise click.ClickException(str(error)) from error
        except Exception as error:
            if not _is_of_aws(error):
                raise
            said = " ".join(str(error).split())
            hint = "look at UPDRAFT__AWS__STAGE and your credentials"
            raise click.ClickException(f"AWS refused ({said}): {hint}") from error


def _is_of_aws(error: Exception) -> bool:
    """Whether botocore raised it; told by its name, for botocore takes long to import."""
    return any(kind.__module__.startswith("botocore.") for kind in type(error).__mro__)
