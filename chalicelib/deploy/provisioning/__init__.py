"""The parts of a stage as they are made: a module per AWS service, and what surrounds ``chalice deploy``."""
