"""A stage as files: the functions' code, and all that the stage is as CloudFormation writes it."""
