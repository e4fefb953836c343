"""Started with checkov: its JSONPath parser makes one and the same table for every expression; here, once.

Half of checkov's time over our templates was ply.yacc.LRGeneratedTable, called by bc_jsonpath_ng for each expression.
"""

from __future__ import annotations

from typing import Any

from ply import yacc

_tables: dict[tuple[str, ...], Any] = {}
_generate = yacc.LRGeneratedTable


def _remembered(grammar: Any, method: str, log: Any) -> Any:
    """The table of a grammar; `yacc` binds its productions to the parser that asks, each time."""
    key = (method, str(grammar.Precedence), *(str(production) for production in grammar.Productions))
    if key not in _tables:
        _tables[key] = _generate(grammar, method, log)
    return _tables[key]


yacc.LRGeneratedTable = _remembered
