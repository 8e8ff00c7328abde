"""ministack as a program, as if TLS ended before it: all requests count as encrypted.

It has no TLS of its own that functions would trust, and refuses what policies deny without
(``aws:SecureTransport``). Run by the path of this file, where nothing but ministack is installed.
"""

import runpy

from ministack.core import iam_evaluator

_pin = iam_evaluator.pin_request_origin


def _pin_as_encrypted(source_ip: str, _secure_transport: bool) -> None:
    _pin(source_ip, True)


iam_evaluator.pin_request_origin = _pin_as_encrypted
runpy.run_module("ministack", run_name="__main__", alter_sys=True)
