"""Updraft: Airflow's experimental REST API, served and executed on AWS Lambda, SQS and DynamoDB.

Imports point one way: ``domain`` <- ``authoring``, ``auth`` <- ``engine`` <- ``store``, ``queues``,
``user_code`` (they implement what ``engine.ports`` declares) <- ``api``, ``cli``, ``local``, ``deploy``
<- ``app.py``.
"""

__version__ = "0.5.0"
"""The newest release of ``CHANGELOG.md``."""
