"""What surrounds ``chalice deploy``: the resources it does not create and the settings it has no word for.

``resources`` describes a stage's tables, queues and bucket, and is pure; ``create`` makes what is
missing; ``finish`` brings a fresh ``chalice deploy`` to what the app needs. Each step may be repeated
and may run beside itself.

May import ``settings``, ``aws``, ``auth`` and ``domain.errors``. A change violates this
package when it makes an AWS client by itself, describes a table or queue anywhere but in
``resources``, or keeps state about a deployment that AWS or Chalice's own record already has.
"""
