"""CPU and memory of a Fargate task: parameters that are checked against each other before anything is made."""

from __future__ import annotations

from dataclasses import dataclass

from troposphere import Equals

from blueprints.model.errors import SettingsError
from blueprints.model.parameters import StackParameter
from blueprints.model.stack import Stack

# CPU units and the memory in MiB that each takes (Amazon ECS Developer Guide, "Task CPU and memory" on Fargate).
FARGATE_SIZES: dict[int, tuple[int, ...]] = {
    256: (512, 1024, 2048),
    512: tuple(range(1024, 4096 + 1, 1024)),
    1024: tuple(range(2048, 8192 + 1, 1024)),
    2048: tuple(range(4096, 16384 + 1, 1024)),
    4096: tuple(range(8192, 30720 + 1, 1024)),
    8192: tuple(range(16384, 61440 + 1, 4096)),
    16384: tuple(range(32768, 122880 + 1, 8192)),
}


@dataclass(frozen=True)
class TaskSize:
    """The parameters TaskCpu and TaskMemory of a stack."""

    cpu: StackParameter
    memory: StackParameter

    @classmethod
    def ask(cls, stack: Stack, *, cpu: int, memory: int, of: str = "Task") -> TaskSize:
        """Add both parameters to *stack* with these defaults, and a rule for each CPU size that Fargate has.

        Where an architecture has several services, *of* tells their parameters apart: BackendCpu, FrontendCpu.

        Raises:
            SettingsError: Fargate has no such pair.
        """
        check_size(cpu, memory, of=of.lower())
        size = cls(
            stack.add(
                StackParameter(
                    f"{of}Cpu",
                    group="Capacity",
                    label="CPU units",
                    description="CPU units of a task; 1024 are one vCPU",
                    default=str(cpu),
                    allowed=[str(units) for units in FARGATE_SIZES],
                    constraint="A size that Fargate has: " + ", ".join(map(str, FARGATE_SIZES)),
                )
            ),
            stack.add(
                StackParameter(
                    f"{of}Memory",
                    group="Capacity",
                    label="Memory (MiB)",
                    description="Memory of a task in MiB; what is allowed depends on the CPU units",
                    default=str(memory),
                    pattern=r"^(512|[1-9][0-9]{3,5})$",
                    constraint="512, or a multiple of 1024 up to 122880, that goes with the CPU units",
                )
            ),
        )
        for units, mebibytes in FARGATE_SIZES.items():
            stack.add_rule(f"MemoryFor{units}CpuUnits", _pairing(size, units, mebibytes))
        return size


def check_size(cpu: int, memory: int, *, of: str = "task") -> None:
    """Refuse a pair of CPU units and MiB that Fargate does not have; *of* begins the names of the settings, if any."""
    before = f"{of}_" if of else ""
    if cpu not in FARGATE_SIZES:
        raise SettingsError(f"{before}cpu: {cpu} is not allowed; give one of {', '.join(map(str, FARGATE_SIZES))}")
    if memory not in FARGATE_SIZES[cpu]:
        allowed = ", ".join(map(str, FARGATE_SIZES[cpu]))
        raise SettingsError(f"{before}memory: {memory} MiB does not go with {cpu} CPU units; give one of {allowed}")


def _pairing(size: TaskSize, units: int, mebibytes: tuple[int, ...]) -> dict[str, object]:
    return {
        "RuleCondition": Equals(size.cpu.ref(), str(units)),
        "Assertions": [
            {
                "Assert": {"Fn::Contains": [[str(amount) for amount in mebibytes], size.memory.ref()]},
                "AssertDescription": f"With {units} CPU units Fargate takes {mebibytes[0]} to {mebibytes[-1]} MiB",
            }
        ],
    }
