"""A stage as files: the functions' code, and the whole stage as a CloudFormation template."""
