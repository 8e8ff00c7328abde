"""The worker's hands: user code, run in processes of its own, and what the worker sees of them.

The worker imports no user code. It asks the fork server (``fork_server``), a process started once with a
clean environment, which forks a template per DAG file (``template``: it has imported the file), and a
template forks one process per try (``try_process``) with an environment, a directory and a scratch folder
of its own. Three descriptors lead from the worker to a try:

- *control*: who it is, signals for it, how it ended; its end means that the worker is gone
- *stream*: what user code asks of the store (``surroundings``), and the try's outcome, as ``frames``
- *output*: its descriptors 1 and 2: what it prints and logs, and what has to be masked in it, in one order

Documents of DAG files are made in another process that is forked from it (``documents_process``, asked by
``documents_apart``). In all of these the user packages go before other packages (``python_process``).

``runner`` implements ``engine.ports.worker.RunTry`` and ``RunCallbacks`` with these; ``watch`` is the
worker's side of one try.

May import ``authoring``, ``domain`` and, to implement them, the ports of ``engine``. A change violates this
package when any other process than those imports a DAG file, when a try's process inherits a connection or
the engine's credentials, when anything that comes from a try is believed unchecked (or is a pickle), or when
a text of user code goes anywhere unmasked.
"""
