"""The check of a DAG for cycles (``airflow.utils.dag_cycle_tester``)."""

from chalicelib.authoring.model.dag import DAG


def check_cycle(dag: DAG) -> None:
    """Raises ``AirflowDagCycleException`` if a task of the DAG depends on itself."""
    dag.topological_sort()
