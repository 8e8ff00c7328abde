"""The authoring API: what DAG files are written against, how they are loaded, and how a task is run.

DAG files are ordinary Airflow 2 files (and 1.10 files, as far as the names still mean the same). They
import ``airflow...``; ``airflow_names`` makes those names importable, backed by the modules here, while
a DAG file is loaded or a task runs and at no other time. Airflow itself is not needed.

- written against: ``dag``, ``baseoperator``, ``operators``, ``decorators``, ``task_group``, ``xcom_arg``,
  ``params``, ``lineage``, ``exceptions``, ``macros`` and the small modules beside them
- loaded by: ``loader`` (files to DAGs), ``serialization`` (a DAG to the document the engine works on)
- run by: ``execution`` (one try of one task), with ``context``, ``task_instance``, ``templates``,
  ``xcom_values``

May import ``domain``, ``settings`` and the standard library; jinja2 and pendulum only inside the functions
that need them, for loading a DAG file must stay quick. A change violates this package when it imports
botocore, pynamodb or chalice, reaches for the store or a queue (a task's XComs come through the protocol
in ``execution``), or imports ``airflow``: the real one is never used, even where it is installed.
"""
