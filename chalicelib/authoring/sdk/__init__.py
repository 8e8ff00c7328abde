"""``airflow.sdk``: those of Airflow 3's names that mean something else than Airflow 2's of the same name.

A DAG that is made by them has Airflow 3's rules (``DAG.is_of_airflow_3``), in its tasks' context, too; a
folder may have DAGs of both. All other names are Airflow 2's, by the tables in ``airflow_names``.
"""
