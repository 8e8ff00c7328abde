"""A stage on AWS: what surrounds ``chalice deploy``, and looking at what is deployed.

``description`` says which tables, queues, alarms and sources of events a stage has; ``provisioning`` makes
what is missing of them and brings a fresh ``chalice deploy`` to what the app needs; ``checks`` compares what
stands with what should; ``packaging`` makes the functions' code ready, and writes the same stage as
CloudFormation has it. ``deployment`` and ``destruction`` put such steps in a row: each may be repeated,
broken off at any point, and may run beside itself.

May import ``settings``, ``aws``, ``auth``, ``dag``, ``engine``, ``events`` and ``domain``. A change violates
this package when it makes an AWS client by itself, describes a table or queue anywhere but in
``description.resources``, or keeps state about a deployment that AWS or Chalice's own record already has.
"""
