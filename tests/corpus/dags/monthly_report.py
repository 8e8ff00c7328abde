# -*- coding: utf-8 -*-
"""A report as it was written for Airflow 1.10: operators with ``dag=``, macros, sub-DAGs, XComs by hand."""
from __future__ import print_function

from datetime import datetime, timedelta

from airflow import DAG
from airflow.models import Variable
from airflow.operators.bash_operator import BashOperator
from airflow.operators.dummy_operator import DummyOperator
from airflow.operators.python_operator import BranchPythonOperator, PythonOperator
from airflow.operators.subdag_operator import SubDagOperator

default_args = {
    'owner': 'reporting',
    'depends_on_past': False,
    'start_date': datetime(2026, 1, 1),
    'email': ['reports@example.com'],
    'email_on_failure': False,
    'email_on_retry': False,
    'retries': 1,
    'retry_delay': timedelta(minutes=5),
}

dag = DAG(
    'monthly_report',
    default_args=default_args,
    schedule_interval='@daily',
    catchup=False,
    user_defined_macros={'company': 'Fjord & Sons'},
)


def sections_of(parent, child, sections, args):
    subdag = DAG('%s.%s' % (parent, child), default_args=args, schedule_interval='@daily')
    before = None
    for section in sections:
        step = BashOperator(
            task_id='section_%s' % section,
            bash_command='echo section %s of {{ ds }} >> /dev/null' % section,
            dag=subdag,
        )
        if before is not None:
            before >> step
        before = step
    return subdag


def collect(ds, **kwargs):
    numbers = {'orders': 12, 'returns': 3}
    kwargs['ti'].xcom_push(key='numbers', value=numbers)
    kwargs['task_instance'].xcom_push(key='day', value=ds)
    return sum(numbers.values())


def choose(**kwargs):
    total = kwargs['ti'].xcom_pull(task_ids='collect')
    return 'long_report' if total > int(Variable.get('long_from', default_var=10)) else 'short_report'


begin = DummyOperator(task_id='begin', dag=dag)
collect_numbers = PythonOperator(task_id='collect', python_callable=collect, provide_context=True, dag=dag)
choose_length = BranchPythonOperator(task_id='choose', python_callable=choose, provide_context=True, dag=dag)
short_report = DummyOperator(task_id='short_report', dag=dag)
long_report = SubDagOperator(
    task_id='long_report',
    subdag=sections_of('monthly_report', 'long_report', ['sales', 'stock'], default_args),
    dag=dag,
)
write = BashOperator(
    task_id='write',
    bash_command="""
    echo "{{ company }}: {{ ds }} to {{ next_ds }}, {{ macros.ds_format(ds, '%Y-%m-%d', '%B %Y') }}"
    echo "{{ ti.xcom_pull(task_ids='collect', key='numbers')['orders'] }} orders, since {{ macros.ds_add(ds, -7) }}"
    """,
    trigger_rule='none_failed_or_skipped',
    dag=dag,
)
archive = PythonOperator(
    task_id='archive',
    python_callable=lambda ds_nodash, **kwargs: 'report_%s.pdf' % ds_nodash,
    provide_context=True,
    dag=dag,
)

begin >> collect_numbers >> choose_length >> [short_report, long_report] >> write
archive.set_upstream(write)
