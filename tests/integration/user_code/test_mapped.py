"""Mapped tasks in the worker's process and the try's: what goes over the pipe between them."""

from tests.integration.user_code.trying import Tried

MAPPED = ', op_args=[PythonOperator.partial(task_id="m", python_callable=len).expand(op_args=[[""]]).output]'


def test_a_try_reads_the_values_of_a_mapped_task(tried: Tried) -> None:
    tried.xcoms.of_mapped = ['"a"', "2", '{"c":3}']
    tried.once(
        """
        def work(values):
            return {"length": len(values), "last": values[-1], "all": values}
        """,
        MAPPED,
    )
    assert tried.xcoms.returned == {"length": 3, "last": {"c": 3}, "all": ["a", 2, {"c": 3}]}


def test_an_instance_knows_its_index_and_tells_its_name_and_length(tried: Tried) -> None:
    tried.write(
        """
        def work(item, ti, expanded_ti_count):
            return [item, ti.map_index, expanded_ti_count]
        """,
        ")\n    made = PythonOperator.partial(task_id='mapped', python_callable=work, "
        "map_index_template='{{ task.op_args[0] }}').expand(op_args=[['x'], ['y']])\n"
        "    PythonOperator.partial(task_id='over', python_callable=len).expand(op_args=made.output",
    )
    report = tried.run(task_id="mapped", map_index=1, map_levels=(2,))
    assert tried.xcoms.returned == ["y", 1, 2]
    assert (report.outcome.rendered_map_index, report.outcome.output_length) == ("y", 1)
