"""A test is one sentence about behaviour."""

import ast

from tests.house.sources import python_files


def test_every_test_says_its_behaviour() -> None:
    """Each test function opens with a docstring."""
    silent = [
        f"{path}:{node.lineno}: {node.name}"
        for path, tree in python_files("tests")
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and node.name.startswith("test_")
        and not ast.get_docstring(node)
    ]

    assert silent == []
