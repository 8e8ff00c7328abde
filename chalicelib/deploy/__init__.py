"""A stage on AWS: what surrounds ``chalice deploy``, and looking at what is deployed.

``resources`` describes a stage's tables, queues, bucket and alarms, and is pure; ``create`` and ``alarms``
make what is missing; ``lambda_package`` makes the functions' code ready, and ``finish`` brings a fresh
``chalice deploy`` to what the app needs. ``deployment`` and ``destruction`` put such steps in a row,
``doctor`` compares what stands with what should. Each step may be repeated, broken off at any point, and
may run beside itself. ``template`` says the same stage, all of it from the same descriptions, as
CloudFormation writes it.

May import ``settings``, ``aws``, ``auth``, ``dag``, ``engine``, ``events`` and ``domain``. A change violates
this package when it makes an AWS client by itself, describes a table or queue anywhere but in
``resources``, or keeps state about a deployment that AWS or Chalice's own record already has.
"""
