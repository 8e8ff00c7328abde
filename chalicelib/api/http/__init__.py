"""The web machinery: requests, replies, routes, errors, and the audit log of any surface."""
