from __future__ import annotations

from troposphere import Parameter, Ref, sqs

from blueprints.model.component import Component


def titles(component):
    return [part.title for part in component.resources()]


class Letters(Component):
    def __init__(self, name: str, elsewhere: sqs.Queue | None = None) -> None:
        self._elsewhere = elsewhere
        self.size = Parameter(f"{name}Size", Type="Number")
        self.queue = sqs.Queue(f"{name}Queue")
        self.name = name
        self.reference = Ref(self.queue)
        self.absent = None


class Office(Component):
    def __init__(self) -> None:
        self.last = sqs.Queue("Aaa")
        self.letters = Letters("Letters")
        self.by_kind = {"z": sqs.Queue("Z"), "a": [sqs.Queue("B"), (sqs.Queue("A"), None)]}


def test_a_component_owns_its_resources_and_parameters_in_the_order_they_were_made():
    assert titles(Letters("In")) == ["InSize", "InQueue"]


def test_what_a_component_only_refers_to_is_not_its_own():
    other = sqs.Queue("Other")
    assert "Other" not in titles(Letters("In", elsewhere=other))


def test_components_mappings_and_lists_inside_are_owned_too():
    assert titles(Office()) == ["Aaa", "LettersSize", "LettersQueue", "Z", "B", "A"]


def test_asking_twice_gives_the_same_objects():
    office = Office()
    assert [id(part) for part in office.resources()] == [id(part) for part in office.resources()]
