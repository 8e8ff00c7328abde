"""An emulated AWS with the project deployed on it: what the tests of a stage deploy, call and wait for."""
