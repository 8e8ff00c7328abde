"""The decorators ``@dag``, ``@task``, ``@task_group``, ``@setup`` and ``@teardown``."""
