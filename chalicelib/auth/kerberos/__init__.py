"""The verification of Kerberos tickets (RFC 4120) from HTTP clients: GSS tokens, by SPNEGO or without.

ASN.1 of Kerberos, keytabs and cryptography are minikerberos's, none of ours. These modules load it, so
they are imported only where the backend is kerberos_auth.
"""
