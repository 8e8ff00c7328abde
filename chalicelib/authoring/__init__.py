"""The authoring API: what DAG files are written against, how they are loaded, and how a task is run.

DAG files are ordinary Airflow 2 files (and 1.10 files, as far as the names still mean the same). They
import ``airflow...``; ``airflow_names`` makes those names importable, backed by the modules here, while
a DAG file is loaded or a task runs and at no other time. Airflow itself is not needed. DAGs that are made by
Airflow 3's names (``airflow.sdk``) have its rules.

Rooms, each of which may import those before it:

- small words: ``version``, ``exceptions``, ``notset``, ``clock``, ``dates``, ``states``, ``macros``
- ``airflow_names``: Airflow's import names, one table per package of Airflow
- ``model``: what a DAG file makes; ``conveniences``: small functions of ``airflow.utils``
- ``surroundings``: what a file asks of Airflow around it; ``plugins``: the plugins folder, and listeners
- ``running``: one try of one task (``running.execution``), with context, templates and XComs
- ``operators``, ``sensors``, ``taskflow``: what DAG files make tasks with
- ``sdk``: those of Airflow 3's names that mean something else than Airflow 2's
- ``loading``: files to DAGs (``loader``), a DAG to the document the engine works on (``serialization``)

May import ``domain``, ``settings`` and the standard library; jinja2 and pendulum only inside the functions
that need them, for loading a DAG file must stay quick. A change violates this package when it imports
botocore, pynamodb or chalice, reaches for the store or a queue (a task's XComs come through the protocol
in ``running.execution``), or imports ``airflow``: the real one is never used, even where it is installed.
"""
