"""Parameters and their defaults in a DAG: Airflow finds them wherever it looks for them."""

from __future__ import annotations

import copy
import inspect
from datetime import timedelta

import pytest
from airflow.sdk import DAG, BaseOperator

from sailpoint_provider._airflow.parameters import check_rendered
from sailpoint_provider.exceptions import InvalidInputError
from sailpoint_provider.operators.aggregation import SailPointAccountAggregationOperator
from sailpoint_provider.operators.entitlements import SailPointEntitlementAggregationOperator
from sailpoint_provider.operators.file_load import FileLoadOperator
from sailpoint_provider.operators.uncorrelated import SailPointUncorrelatedAccountsOperator
from sailpoint_provider.sensors.aggregation import SailPointAccountAggregationSensor
from tests.unit.airflow_cases import HR

LOADS = pytest.mark.parametrize(
    "load",
    [
        SailPointAccountAggregationOperator,
        SailPointEntitlementAggregationOperator,
        SailPointUncorrelatedAccountsOperator,
    ],
)
PARAMETERS = {
    name: parameter.default
    for name, parameter in inspect.signature(FileLoadOperator.__init__).parameters.items()
    if parameter.kind is parameter.KEYWORD_ONLY
}


@pytest.mark.parametrize("name", PARAMETERS)
def test_the_class_has_the_default_of_each_parameter(name):
    assert getattr(FileLoadOperator, name) is PARAMETERS[name]


@LOADS
def test_a_task_has_its_parameters_and_the_defaults_of_the_others(load):
    given = {"source_name": "HR", "file": "/data/hr.csv", "poll_interval": timedelta(minutes=1)}
    task = load(task_id="load", **given)
    expected = PARAMETERS | given | {"poll_interval": 60.0}
    assert {name: getattr(task, name) for name in PARAMETERS} == expected


@LOADS
def test_default_args_of_a_dag_replace_defaults(load):
    default_args = {"timeout": 5.0, "durable": False, "sailpoint_conn_id": "other", "deferrable": True}
    with DAG("defaults", schedule=None, default_args=default_args):
        task = load(task_id="load", source_id=HR, file="/data/hr.csv", durable=True)
    assert (task.timeout, task.durable, task.sailpoint_conn_id, task.deferrable) == (5.0, True, "other", True)


def test_defaults_of_a_subclass_do_not_replace_those_of_the_constructor():
    class Load(SailPointAccountAggregationOperator):
        poll_interval = 1.0

    assert Load(task_id="load", source_id=HR).poll_interval == 30.0


def test_a_subclass_may_have_a_property_in_place_of_a_parameter():
    class Load(SailPointAccountAggregationOperator):
        @property
        def file(self):
            return self.location

        @file.setter
        def file(self, file):
            self.location = file

    assert Load(task_id="load", source_id=HR).location is None
    task = Load(task_id="load", source_id=HR, file="{{ params.file }}")
    task.file = None
    with pytest.raises(InvalidInputError, match="file was set, but its value is None"):
        check_rendered(task, task._given)


@pytest.mark.parametrize("name", ["source_name", "file", "drop", "approved", "compare_with"])
def test_a_task_comes_after_the_tasks_whose_results_it_takes(name):
    with DAG("results", schedule=None):
        first, second = BaseOperator(task_id="first"), BaseOperator(task_id="second")
        given = {} if name in ("source_name", "drop") else {"source_name": "HR"}
        load = SailPointAccountAggregationOperator(task_id="load", **given, **{name: first.output})
        assert load.upstream_task_ids == {"first"}
        setattr(load, name, second.output)
    assert load.upstream_task_ids == {"first", "second"}


def test_a_mapped_task_gets_the_values_of_its_index():
    with DAG("mapped", schedule=None):
        load = SailPointAccountAggregationOperator.partial(task_id="load", timeout=5.0).expand(
            source_name=["HR", "SAP"]
        )
    task = load.unmap({"source_name": "SAP"})
    assert (task.source_name, task.timeout, task.file) == ("SAP", 5.0, None)


def test_a_dag_shows_the_templates_of_its_tasks():
    from airflow.serialization import serialized_objects

    # Named SerializedDAG on Airflow 3.0.
    serialization = getattr(serialized_objects, "DagSerialization", None) or serialized_objects.SerializedDAG
    with DAG("shown", schedule=None) as dag:
        SailPointAccountAggregationOperator(task_id="load", source_name="HR", file="/data/{{ ds }}.csv")
    (task,) = serialization.to_dict(dag)["dag"]["tasks"]
    shown = task["__var"]
    assert (shown["source_name"], shown["file"]) == ("HR", "/data/{{ ds }}.csv")
    assert shown["sailpoint_conn_id"] == "sailpoint_default"


def test_a_dag_can_be_copied():
    with DAG("copied", schedule=None) as dag:
        load = SailPointAccountAggregationOperator(task_id="load", source_name="HR", timeout=5.0)
        load >> SailPointAccountAggregationSensor(task_id="wait", aggregation_id="{{ ti.xcom_pull('load') }}")
    tasks = copy.deepcopy(dag).task_dict
    assert (tasks["load"].source_name, tasks["load"].timeout, tasks["load"].durable) == ("HR", 5.0, True)
    assert tasks["wait"].kind is dag.get_task("wait").kind


@pytest.mark.parametrize("name", ["file", "compare_with", "source_id"])
def test_a_value_of_none_in_a_mapped_parameter_is_not_taken_for_a_default(name):
    """A function that maps exports to files may return None for one of them."""
    values = {"source_id": [HR, HR], "file": ["a.csv", "b.csv"], "compare_with": ["a.csv", "b.csv"]}
    values[name][1] = None
    with DAG("load", schedule=None):
        mapped = SailPointAccountAggregationOperator.partial(
            task_id="load", source_name=None if name != "source_id" else "HR", check=True
        ).expand(**values)
    items = [{key: given[index] for key, given in values.items()} for index in (0, 1)]
    if name == "source_id":  # beside its name, an ID is one too many, and None is none
        items = [items[1]]
    else:
        good = mapped.unmap(items.pop(0))
        check_rendered(good, good._given)
    (bad,) = map(mapped.unmap, items)
    with pytest.raises(InvalidInputError, match=f"{name} was set, but its value is None at run time"):
        check_rendered(bad, bad._given)


def test_a_constant_of_none_beside_mapped_parameters_is_a_default():
    with DAG("load", schedule=None):
        mapped = SailPointAccountAggregationOperator.partial(task_id="load", file=None).expand(source_id=[HR])
    task = mapped.unmap({"source_id": HR})
    check_rendered(task, task._given)


SWITCHES = [name for name, default in PARAMETERS.items() if isinstance(default, bool)]


@pytest.mark.parametrize("value", [None, "", "false", "{{ params.wait }}", 1])
@pytest.mark.parametrize("name", [name for name in SWITCHES if name != "disable_optimization"])
def test_a_switch_is_true_or_false_and_nothing_that_counts_as_one(name, value):
    assert "wait_for_completion" in SWITCHES
    with pytest.raises(InvalidInputError, match=f"{name} must be True or False"):
        SailPointAccountAggregationOperator(task_id="load", source_id=HR, **{name: value})


@pytest.mark.parametrize("name", ["deferrable", "fail_on_warning"])
def test_the_switches_of_a_sensor_are_true_or_false(name):
    with pytest.raises(InvalidInputError, match=f"{name} must be True or False"):
        SailPointAccountAggregationSensor(task_id="wait", aggregation_id=HR, **{name: "false"})
