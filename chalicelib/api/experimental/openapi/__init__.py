"""The OpenAPI 3.1 document of the experimental API: what every route takes and answers.

A route or a field that is added, changed or dropped is so in ``operations`` and ``components``, too; the
tests of the document and the fuzz tests, which send what it allows, fail when it is not. Nothing here is
imported before the document is asked for.
"""
