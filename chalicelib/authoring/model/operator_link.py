"""``BaseOperatorLink``: links that operators give to pages, which Updraft's pages do not show."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    from chalicelib.authoring.model.baseoperator import BaseOperator


class BaseOperatorLink(ABC):
    """Base of an operator's links; subclasses have a ``name``."""

    operators: ClassVar[Sequence[type]] = ()
    """The classes of operators that have the link, beside those that name it themselves."""

    name: Any = None

    @abstractmethod
    def get_link(self, operator: "BaseOperator", *, ti_key: Any) -> str:
        """The address, for an instance of the task."""
