"""Airflow's auth backends, and the decision that the API Gateway authorizer and the views share.

May import ``domain`` and ``settings``. A change violates this package when it knows HTTP beyond the
Authorization header, or when a request is let through because something was missing.
"""
