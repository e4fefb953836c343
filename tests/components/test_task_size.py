from __future__ import annotations

import json
import re
from pathlib import Path

import cfnlint
import pytest

from blueprints.components.task_size import FARGATE_SIZES, TaskSize, check_size
from blueprints.model.errors import SettingsError
from blueprints.render.template import to_dict

pytestmark = pytest.mark.row("CA-06")


def fargates_own() -> dict[int, set[int]]:
    """CPU units with the memory of each, as cfn-lint knows them of Fargate."""
    folder = Path(cfnlint.__file__).parent / "data" / "schemas" / "extensions" / "aws_ecs_taskdefinition"
    pairs = json.loads((folder / "fargate_cpu_memory.json").read_text(encoding="utf-8"))["then"]["anyOf"]
    sizes = {}
    for pair in pairs:
        cpu, memory = (pair["properties"][key]["then"] for key in ("Cpu", "Memory"))
        allowed = memory.get("enum") or range(memory["minimum"], memory["maximum"] + 1, memory["multipleOf"])
        sizes[int(cpu["enum"][0])] = set(allowed)
    return sizes


PAIRS = [(cpu, memory) for cpu, sizes in FARGATE_SIZES.items() for memory in sizes]


def test_the_sizes_are_exactly_those_that_fargate_has_up_to_16_virtual_cpus():
    own = {cpu: memory for cpu, memory in fargates_own().items() if cpu <= 16384}
    assert {cpu: set(memory) for cpu, memory in FARGATE_SIZES.items()} == own


def test_every_pair_that_fargate_has_is_taken():
    assert [pair for pair in PAIRS if check_size(*pair) is not None] == []


@pytest.mark.parametrize(
    ("cpu", "memory", "message"),
    [
        (300, 512, "task_cpu: 300 is not allowed; give one of 256, 512, 1024"),
        (256, 4096, "task_memory: 4096 MiB does not go with 256 CPU units; give one of 512, 1024, 2048"),
        (1024, 1024, "task_memory: 1024 MiB does not go with 1024 CPU units; give one of 2048, 3072"),
        (512, 1500, "task_memory: 1500 MiB does not go with 512 CPU units"),
    ],
)
def test_a_pair_that_fargate_does_not_have_is_refused_with_those_it_has(stack_of, cpu, memory, message):
    with pytest.raises(SettingsError, match=re.escape(message)):
        check_size(cpu, memory)
    with pytest.raises(SettingsError, match=re.escape(message)):
        TaskSize.ask(stack_of(), cpu=cpu, memory=memory)


def asked(stack_of):
    stack = stack_of()
    size = TaskSize.ask(stack, cpu=512, memory=2048)
    return size, to_dict(stack)


def test_both_are_parameters_with_the_defaults_given(stack_of):
    size, template = asked(stack_of)
    assert [size.cpu.title, size.memory.title] == list(template["Parameters"]) == ["TaskCpu", "TaskMemory"]
    assert [parameter["Default"] for parameter in template["Parameters"].values()] == ["512", "2048"]


def passes(rules, cpu, memory):
    """Whether CloudFormation would let the pair pass: every rule whose condition holds asserts it."""
    values = {"TaskCpu": str(cpu), "TaskMemory": str(memory)}
    for rule in rules.values():
        reference, units = rule["RuleCondition"]["Fn::Equals"]
        if values[reference["Ref"]] != units:
            continue
        for assertion in rule["Assertions"]:
            allowed, reference = assertion["Assert"]["Fn::Contains"]
            if values[reference["Ref"]] not in allowed:
                return False
    return True


def test_the_templates_rules_let_exactly_fargates_pairs_pass(stack_of):
    rules = asked(stack_of)[1]["Rules"]
    memories = sorted({memory for _, memory in PAIRS})
    passing = [(cpu, memory) for cpu in FARGATE_SIZES for memory in memories if passes(rules, cpu, memory)]
    assert passing == PAIRS


def test_no_parameter_refuses_what_fargate_has(stack_of):
    parameters = asked(stack_of)[1]["Parameters"]
    for cpu, memory in PAIRS:
        assert str(cpu) in parameters["TaskCpu"]["AllowedValues"]
        assert re.fullmatch(parameters["TaskMemory"]["AllowedPattern"], str(memory))


def test_a_rule_says_what_goes_together(stack_of):
    (assertion,) = asked(stack_of)[1]["Rules"]["MemoryFor256CpuUnits"]["Assertions"]
    assert assertion["AssertDescription"] == "With 256 CPU units Fargate takes 512 to 2048 MiB"
