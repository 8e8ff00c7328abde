"""Tests of the pytest plugin for users."""
