"""Airflow's API clients: what its command line did through ``[cli] api_client``.

``airflow.api.client.local_client`` speaks to the stores directly, ``airflow.api.client.json_client`` to
the API at ``[cli] endpoint_url``, whose path is kept (Airflow's own client drops it). ``current`` chooses.
"""
