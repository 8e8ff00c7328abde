"""A plugin of the corpus: a module that DAG files import, and macros."""

from airflow.models.baseoperator import BaseOperator
from airflow.plugins_manager import AirflowPlugin


class Count(BaseOperator):
    """Returns how many there are."""

    def __init__(self, *, things, **kwargs):
        super().__init__(**kwargs)
        self.things = things

    def execute(self, context):
        return len(self.things)


def loud(text):
    """A text in capitals."""
    return text.upper()


class ShopPlugin(AirflowPlugin):
    name = "shop"
    macros = [loud]
