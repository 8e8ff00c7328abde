"""A stage on AWS: its deployment around ``chalice deploy``, its checks, its destruction.

- ``description``: the functions, tables, queues, alarms and sources of events of a stage, as they should be
- ``stages``, ``policy_files``, ``runtimes``, ``aws_limits``, ``validation``: the checkout that is deployed
- ``deployed_functions``, ``chalice``: what stands on AWS, and Chalice's program and record
- ``provisioning``: what is missing is made; what Chalice has no setting for follows it
- ``checks``: what stands, compared with the description (``doctor``)
- ``packaging``: the functions' code, the layer with user packages, the same stage as CloudFormation has it
- ``deployment``, ``destruction``: lists of ``steps``, which plan themselves; each may be repeated, broken off
  at any point, and may run beside itself

May import ``settings``, ``aws``, ``auth``, ``authoring``, ``engine``, ``events``, ``user_code``,
``user_packages`` and ``domain``. A change violates this package when it makes an AWS client by itself,
describes a function, table or queue anywhere but in ``description``, plans a step anywhere but at the step,
or keeps state about a deployment that AWS or Chalice's own record already has.
"""
