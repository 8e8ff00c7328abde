"""SAM's transform, which CloudFormation does on AWS: a template from standard input, the plain one to
standard output. Run by the Python of `.venv-cloudformation`, where AWS's own program for it is."""

import json
import sys
from types import SimpleNamespace

from samtranslator.translator.transform import transform

MANAGED_POLICIES = SimpleNamespace(load=dict)  # the roles name none

json.dump(transform(json.load(sys.stdin), {}, MANAGED_POLICIES), sys.stdout)
