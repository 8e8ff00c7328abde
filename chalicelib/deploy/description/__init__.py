"""The description of a stage, read by all that makes, checks or packages it. Pure."""
