"""Slots of pools and places under limits: taken, waited for, given back, audited."""
