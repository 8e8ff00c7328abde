"""Functions on texts (``airflow.utils.helpers``, ``airflow.utils.strings``)."""

import re
import secrets
import string

from chalicelib.authoring.exceptions import AirflowException
from chalicelib.authoring.model.rules import MAX_ID_LENGTH, validate_id

_TRUE = frozenset({"on", "t", "true", "y", "yes", "1"})


def to_boolean(text: str | None) -> bool:
    """Whether a text means yes; None does not."""
    return text is not None and text.lower() in _TRUE


def get_random_string(length: int = 8, choices: str = string.ascii_letters + string.digits) -> str:
    """A text of random characters."""
    return "".join(secrets.choice(choices) for _ in range(length))


def convert_camel_to_snake(name: str) -> str:
    """``SomeName`` as ``some_name``."""
    return re.sub(r"(?!^)([A-Z]+)", r"_\1", name).lower()


def validate_key(key: str, max_length: int = MAX_ID_LENGTH) -> None:
    """Refuse what cannot be an id: ``TypeError`` for no text, else ``AirflowException``."""
    validate_id(key)
    if len(key) > max_length:
        raise AirflowException(f"The key has to be less than {max_length} characters")


def remove_escape_codes(text: str) -> str:
    """The text without a terminal's colours."""
    return re.sub(r"\x1B[@-_][0-?]*[ -/]*[@-~]", "", text)
