"""A resource that is one create call, one delete call and perhaps one update call of its service."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from blueprints.deploy.emulator.api import call, parameters
from blueprints.deploy.emulator.resources import Made, Properties, RefusedError, Wanted

_GONE = re.compile(r"NotFound|Non[Ee]xist|NoSuch")
Request: TypeAlias = Mapping[str, Any]


@dataclass(frozen=True)
class ApiResource:
    service: str
    create_call: str
    # The properties in the words of the API.
    asked: Callable[[Wanted], Request]
    # What exists afterwards, from the wanted resource, the request and the answer.
    made: Callable[[Wanted, Request, Request], Made]
    delete_call: str
    # What names the resource in its delete and update calls.
    key: Callable[[str, Properties], Request]
    # Without one, a change is made by a new resource in place of the old.
    update_call: str | None = None

    def create(self, wanted: Wanted) -> Made:
        request = parameters(self.service, self.create_call, self.asked(wanted))
        return self.made(wanted, request, call(self.service, self.create_call, request))

    def update(self, physical_id: str, before: Properties, wanted: Wanted) -> Made:
        if self.update_call is None:
            self.delete(physical_id, before)
            return self.create(wanted)
        asked = {**self.asked(wanted), **self.key(physical_id, wanted.properties)}
        request = parameters(self.service, self.update_call, asked)
        return self.made(wanted, {**asked, **request}, call(self.service, self.update_call, request))

    def delete(self, physical_id: str, properties: Properties) -> None:
        key = parameters(self.service, self.delete_call, self.key(physical_id, properties))
        try:
            call(self.service, self.delete_call, key)
        except RefusedError as refused:
            # What is gone already is deleted, to CloudFormation as well.
            if not _GONE.search(refused.code):
                raise
