"""User packages: what ``requirements.txt`` in the DAGs folder names, installed into a folder of its own.

Only processes that load user code see that folder, which ``[core] user_packages`` names to them: versions in
it may differ from the project's own. pip resolves and installs; ``apache-airflow`` itself never comes along.

May import ``domain``. A change violates this package when a line of a requirements file, or metadata of a
package, reaches a shell, an option of pip, or a path outside the folder that is filled.
"""

REQUIREMENTS = "requirements.txt"
"""Of a DAGs folder."""
