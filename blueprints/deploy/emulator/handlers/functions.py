"""Lambda functions: MiniStack's handler drops the network, the dead-letter queue and the reserved concurrency."""

from blueprints.deploy.emulator import internals
from blueprints.deploy.emulator.resources import Handler, Made, Properties, Wanted


class Function:
    """What the handler drops is put into the function's record, where MiniStack's Lambda keeps it."""

    def __init__(self, native: Handler) -> None:
        self._native = native

    def create(self, wanted: Wanted) -> Made:
        return self._complete(self._native.create(wanted), wanted)

    def update(self, physical_id: str, before: Properties, wanted: Wanted) -> Made:
        return self._complete(self._native.update(physical_id, before, wanted), wanted)

    def delete(self, physical_id: str, properties: Properties) -> None:
        self._native.delete(physical_id, properties)

    def _complete(self, made: Made, wanted: Wanted) -> Made:
        function = internals.FUNCTIONS[made.physical_id]
        function["concurrency"] = wanted.get("ReservedConcurrentExecutions")
        configuration = function["config"]
        configuration["VpcConfig"] = internals.network_of_function(wanted.get("VpcConfig"))
        configuration.pop("DeadLetterConfig", None)
        if "DeadLetterConfig" in wanted.properties:
            configuration["DeadLetterConfig"] = wanted["DeadLetterConfig"]
        return made
