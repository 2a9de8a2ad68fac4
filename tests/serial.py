"""Which batched factorizations and solves of a compiled program could run side by side.

On the CPU, each of jaxlib's waits for workers of the pool that it runs on, so two at once on two
cores may wait for ever. The programs that nmjax compiles leave no two of them independent.
"""

import re

import jax

_COMPUTATION = re.compile(r"^(?:ENTRY )?%?([\w.-]+) \([^\n]*\{\n(.*?)^\}", re.MULTILINE | re.DOTALL)
_INSTRUCTION = re.compile(r"^\s+(?:ROOT )?%([\w.-]+) = (.*)$", re.MULTILINE)
_NAME = re.compile(r"%([\w.-]+)")
_BATCHED = re.compile(r'\w+\[(?:\d+,){2,}\d+\].*custom_call_target="lapack_')


def concurrent_algebra(function, *arguments):
    """Pairs of names of independent batched operations, or loops with some, once compiled."""
    text = jax.jit(function).lower(*arguments).compile().as_text()
    program = {name: dict(_INSTRUCTION.findall(body)) for name, body in _COMPUTATION.findall(text)}
    costly, pairs = {}, []
    for name, instructions in program.items():  # A computation comes before its callers.
        waits, met = {}, set()
        for instruction, body in instructions.items():
            named = _NAME.findall(body)
            before = set().union(*(waits.get(operand, ()) for operand in named))
            if _BATCHED.search(body) or any(costly.get(called) for called in named):
                pairs += [(other, instruction) for other in met - before]
                met.add(instruction)
                before.add(instruction)
            waits[instruction] = before
        costly[name] = met
    return pairs
