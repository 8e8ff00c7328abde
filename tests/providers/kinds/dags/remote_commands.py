"""Commands on another machine, and a service there that only a tunnel reaches."""

import base64
import os
import urllib.request
from datetime import datetime

from airflow import DAG
from airflow.decorators import task
from airflow.exceptions import AirflowException
from airflow.providers.ssh.hooks.ssh import SSHHook
from airflow.providers.ssh.operators.ssh import SSHOperator

with DAG("remote_commands", start_date=datetime(2026, 1, 1), schedule=None, catchup=False):
    said = SSHOperator(
        task_id="said",
        ssh_conn_id="ssh_default",
        command="echo day {{ ds }} of {{ dag.dag_id }}; seq 3",
        cmd_timeout=30,
    )
    by_hook = SSHOperator(task_id="by_hook", ssh_hook=SSHHook("ssh_default"), command="pwd", get_pty=True)
    by_hook_and_host = SSHOperator(
        task_id="by_hook_and_host", ssh_conn_id="ssh_default", remote_host="127.0.0.1", command="exit 0"
    )
    fails = SSHOperator(task_id="fails", ssh_conn_id="ssh_default", command="echo why >&2; exit 3")
    too_long = SSHOperator(task_id="too_long", ssh_conn_id="ssh_default", command="sleep 30", cmd_timeout=1)
    stranger = SSHOperator(task_id="stranger", ssh_conn_id="ssh_of_another_host", command="true")

    @task
    def check(output, ds=None):
        assert base64.b64decode(output).decode() == f"day {ds} of remote_commands\n1\n2\n3\n", output

    @task
    def tunnel():
        hook = SSHHook(ssh_conn_id="ssh_default")
        with hook.get_tunnel(remote_port=int(os.environ["PORT_BEHIND_TUNNEL"])) as opened:
            url = f"http://127.0.0.1:{opened.local_bind_port}/"
            return urllib.request.urlopen(url).read().decode()

    @task
    def command_by_hook():
        hook = SSHHook("ssh_default", cmd_timeout=30)
        with hook.get_conn() as client:
            status, out, err = hook.exec_ssh_client_command(
                client, "cat; echo warn >&2", get_pty=False, environment=None
            )
        if status:
            raise AirflowException(err.decode())
        return [status, out.decode(), err.decode()]

    @task
    def connection_works():
        works, message = SSHHook("ssh_default").test_connection()
        assert works, message

    check(said.output)
    tunnel()
    command_by_hook()
    connection_works()
