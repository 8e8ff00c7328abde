"""Messages as they travel: their JSON form, and the senders over SQS.

May import ``domain`` and ``aws``. A change violates this package when it decides
what to send, or when it changes the meaning of a message without a new version.
"""
