"""The OpenAPI 3.1 document of the experimental API: the requests and answers of each route.

A change of a route or of a field is made in ``operations`` and ``schemas``, too; the tests of the document
and the fuzz tests, which send what it allows, fail otherwise. Nothing here is imported before the document
is asked for.
"""
