"""The provisioning of a stage: a module per AWS service, and what surrounds ``chalice deploy``."""
