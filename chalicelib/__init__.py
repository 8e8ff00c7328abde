"""Updraft: Airflow's experimental REST API, served and executed on AWS Lambda, SQS and DynamoDB.

Imports point one way: ``domain`` <- ``authoring``, ``auth`` <- ``engine`` <- ``store``, ``queues``,
``user_code`` (they implement what ``engine.ports`` declares) <- ``api``, ``cli``, ``local``, ``deploy``
<- ``app.py``.
"""
