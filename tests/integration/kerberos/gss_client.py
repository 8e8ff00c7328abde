"""A client on MIT's own library, for Debian's Python with python3-gssapi and python3-requests-kerberos.

gss_client.py token SERVICE@HOST spnego|krb5|ntlm-first mutual|one-way: print a token in base64; with
mutual, read the server's one from standard input and print `proven`, or why it does not prove the server.
gss_client.py request URL SERVICE: GET by requests-kerberos as Airflow 1.10's client does, with mutual
authentication required; print the status.
"""

import base64
import sys

SPNEGO, KRB5 = "1.3.6.1.5.5.2", "1.2.840.113554.1.2.2"


def token(service: str, mechanism: str, wish: str) -> None:
    import gssapi

    flags = gssapi.RequirementFlag.mutual_authentication if wish == "mutual" else 0
    context = gssapi.SecurityContext(
        name=gssapi.Name(service, gssapi.NameType.hostbased_service),
        mech=gssapi.OID.from_int_seq(SPNEGO if mechanism == "spnego" else KRB5),
        flags=flags,
        usage="initiate",
    )
    print(base64.b64encode(context.step()).decode(), flush=True)
    if wish == "mutual":
        try:
            context.step(base64.b64decode(sys.stdin.readline()))
        except gssapi.exceptions.GSSError as error:
            print(error)
        else:
            print("proven" if context.complete else "incomplete")


def request(url: str, service: str) -> None:
    import requests
    from requests_kerberos import REQUIRED, HTTPKerberosAuth

    auth = HTTPKerberosAuth(service=service, mutual_authentication=REQUIRED)
    print(requests.get(url, auth=auth, timeout=10).status_code)


if __name__ == "__main__":
    if sys.argv[1] == "token":
        token(*sys.argv[2:])
    else:
        request(*sys.argv[2:])
