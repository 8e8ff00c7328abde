"""``airflow.io``: object stores as file systems, and paths in them.

The libraries are the user's packages: fsspec and universal-pathlib, and what the provider package of a store
brings. Without them there are paths of files alone.
"""
