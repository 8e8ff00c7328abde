"""Operators of the team's own, over those of packages."""

from airflow.plugins_manager import AirflowPlugin
from airflow.providers.amazon.aws.hooks.s3 import S3Hook
from airflow.providers.http.hooks.http import HttpHook
from airflow.providers.http.operators.http import HttpOperator


class OrdersHook(HttpHook):
    """The API of orders."""

    conn_type = "http"

    def __init__(self, http_conn_id="orders_api", **kwargs):
        super().__init__(method="GET", http_conn_id=http_conn_id, **kwargs)

    def pages(self):
        """All pages, one after the other."""
        number = 0
        while number is not None:
            page = self.run("/orders", data={"page": number}).json()
            yield from page["orders"]
            number = page["next"]


class HttpToS3Operator(HttpOperator):
    """Keeps the answer in S3."""

    template_fields = (*HttpOperator.template_fields, "bucket", "key")
    ui_color = "#abcdef"

    def __init__(self, *, bucket, key, aws_conn_id="aws_default", **kwargs):
        super().__init__(**kwargs)
        self.bucket = bucket
        self.key = key
        self.aws_conn_id = aws_conn_id

    def execute(self, context):
        """Ask, and keep what is answered."""
        text = super().execute(context)
        hook = S3Hook(self.aws_conn_id)
        if not hook.check_for_bucket(self.bucket):
            hook.create_bucket(self.bucket)
        hook.load_string(text, self.key, self.bucket, replace=True)
        return f"s3://{self.bucket}/{self.key}"


class TeamPlugin(AirflowPlugin):
    """Makes them known."""

    name = "team"
    operators = [HttpToS3Operator]
    hooks = [OrdersHook]
