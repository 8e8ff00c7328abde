"""Provisioning: a module per AWS service, and what comes before and after ``chalice deploy``."""
